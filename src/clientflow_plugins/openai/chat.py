"""The way by ``/chat/completions``, for servers that speak as OpenAI does and have no other.

Only what all of them know is said: neither store, safety_identifier nor prompt_cache_key, which
some refuse, and ``max_tokens``, of which OpenAI itself has a newer name that Ollama does not know.
https://developers.openai.com/api/reference/resources/chat
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import attrs
import openai

from clientflow_core.domain.assistance import Assistance, AssistanceRequest, TextDelta
from clientflow_core.errors import ProviderRefused
from clientflow_plugins.openai.prices import TokenCounts
from clientflow_plugins.openai.reading import make_assistance, read_count, read_words, refusal
from clientflow_plugins.openai.responses import SCHEMA_NAME
from clientflow_plugins.openai.settings import OpenAISettings


@attrs.frozen(kw_only=True)
class ChatPath:
    """Asks for chat completions."""

    client: openai.AsyncOpenAI
    settings: OpenAISettings

    async def ask(self, request: AssistanceRequest) -> Assistance:
        """Give the whole answer at once."""
        answer: Any = await self.client.chat.completions.create(**self._question(request))
        choice = answer.choices[0]
        heard = _Heard(model=read_words(answer.model), usage=answer.usage)
        heard.take(choice.message, choice.finish_reason)
        return heard.read(request)

    async def listen(
        self, request: AssistanceRequest
    ) -> AsyncGenerator[TextDelta | Assistance, None]:
        """Give the answer as it comes; to close this ends the call."""
        question = self._question(request) | {"stream_options": {"include_usage": True}}
        heard = _Heard()
        async with await self.client.chat.completions.create(**question, stream=True) as chunks:
            async for chunk in chunks:
                heard.model = chunk.model or heard.model
                heard.usage = chunk.usage or heard.usage
                for choice in chunk.choices:
                    words = heard.take(choice.delta, choice.finish_reason)
                    if words:
                        yield TextDelta(text=words)
        if heard.ended is not None:
            yield heard.read(request)

    def _question(self, request: AssistanceRequest) -> dict[str, Any]:
        said = [{"role": one.speaker.value, "content": one.text} for one in request.conversation]
        question: dict[str, Any] = {
            "model": self.settings.model,
            "messages": [{"role": "system", "content": request.instructions}, *said],
            "max_tokens": request.most_output_tokens,
        }
        if request.schema is not None:
            question["response_format"] = _format(request.schema)
        return question


@attrs.define(kw_only=True)
class _Heard:
    """What has come of an answer so far."""

    model: str = ""
    usage: Any = None
    ended: str | None = None
    texts: list[str] = attrs.field(factory=list)
    refusals: list[str] = attrs.field(factory=list)

    def take(self, part: Any, ended: str | None) -> str:
        """Add *part*; give the words in it."""
        self.ended = ended or self.ended
        words = read_words(part.content or "")
        self.texts.append(words)
        self.refusals.append(read_words(getattr(part, "refusal", None) or ""))
        return words

    def read(self, request: AssistanceRequest) -> Assistance:
        """Give the answer to *request*.

        Raises:
            ProviderRefused: the model, or a filter, will not answer that.
            ProviderUnavailable: it does not fit the schema.
            AttributeError, TypeError, ValueError: it is not what a completion is.
        """
        _require_answer(self.refusals, self.ended)
        return make_assistance(
            "".join(self.texts),
            request,
            is_whole=self.ended == "stop",
            model=read_words(self.model),
            counts=_read_counts(self.usage),
        )


def _require_answer(refusals: Sequence[str], ended: str | None) -> None:
    if any(refusals):
        raise refusal("".join(refusals))
    if ended == "content_filter":
        msg = "OpenAI's filter has ended the answer"
        raise ProviderRefused(msg, provider_code=ended)
    if ended not in {"stop", "length"}:
        msg = f"a completion that has ended as {ended!r}"
        raise ValueError(msg)


def _read_counts(usage: Any) -> TokenCounts:
    # Servers of others leave the details out.
    details = getattr(usage, "prompt_tokens_details", None)
    return TokenCounts(
        input=read_count(usage.prompt_tokens),
        output=read_count(usage.completion_tokens),
        cached=read_count(getattr(details, "cached_tokens", None) or 0),
    )


def _format(schema: Mapping[str, Any]) -> dict[str, Any]:
    named = {"name": SCHEMA_NAME, "schema": dict(schema), "strict": True}
    return {"type": "json_schema", "json_schema": named}
