"""The way by ``/responses``: https://developers.openai.com/api/reference/resources/responses."""

import hashlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import attrs
import openai

from clientflow_core.domain.assistance import Assistance, AssistanceRequest, TextDelta
from clientflow_core.errors import ProviderRefused
from clientflow_plugins.openai.errors import from_code
from clientflow_plugins.openai.prices import TokenCounts
from clientflow_plugins.openai.reading import make_assistance, read_count, read_words, refusal
from clientflow_plugins.openai.settings import OWN_EFFORT, OpenAISettings

SCHEMA_NAME: Final = "answer"
LONGEST_IDENTIFIER: Final = 64
"""Of a safety_identifier, which the API documents with at most so many letters."""

_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


@attrs.frozen(kw_only=True)
class ResponsesPath:
    """Asks for responses that are not kept at OpenAI.

    Attributes:
        cache_key: keeps the questions of one organization near each other in OpenAI's cache.
    """

    client: openai.AsyncOpenAI
    settings: OpenAISettings
    cache_key: str

    async def ask(self, request: AssistanceRequest) -> Assistance:
        """Give the whole answer at once."""
        return read_response(await self.client.responses.create(**self._question(request)), request)

    async def listen(
        self, request: AssistanceRequest
    ) -> AsyncGenerator[TextDelta | Assistance, None]:
        """Give the answer as it comes; to close this ends the call."""
        question = self._question(request)
        async with await self.client.responses.create(**question, stream=True) as events:
            async for event in events:
                if event.type == "response.output_text.delta":
                    yield TextDelta(text=read_words(event.delta))
                elif event.type == "error":
                    raise from_code(event.code, event.message)
                elif event.type in _ENDS:
                    yield read_response(getattr(event, "response", None), request)

    def _question(self, request: AssistanceRequest) -> dict[str, Any]:
        question: dict[str, Any] = {
            "model": self.settings.model,
            "instructions": request.instructions,
            "input": [
                {"type": "message", "role": one.speaker.value, "content": one.text}
                for one in request.conversation
            ],
            "max_output_tokens": request.most_output_tokens,
            "prompt_cache_key": self.cache_key,
            "store": False,
        }
        if request.end_user:
            question["safety_identifier"] = safety_identifier(request.end_user)
        if self.settings.reasoning_effort != OWN_EFFORT:
            question["reasoning"] = {"effort": self.settings.reasoning_effort}
        if request.schema is not None:
            question["text"] = {"format": _format(request.schema)}
        return question


def safety_identifier(end_user: str) -> str:
    """Give *end_user* as the API takes it: what is too long becomes its hash."""
    if len(end_user) <= LONGEST_IDENTIFIER:
        return end_user
    return hashlib.sha256(end_user.encode("utf-8", "surrogatepass")).hexdigest()


def read_response(response: Any, request: AssistanceRequest) -> Assistance:
    """Give the answer to *request*.

    Raises:
        ProviderRefused: the model, or a filter, will not answer that.
        ProviderUnavailable: it has failed, or does not fit the schema.
        AttributeError, TypeError, ValueError: it is not what a response is.
    """
    if response.status == "failed":
        raise from_code(response.error.code, response.error.message)
    text = _read_text(response)
    if response.status not in {"completed", "incomplete"}:
        msg = f"a response that has ended as {response.status!r}"
        raise ValueError(msg)
    is_whole = response.status == "completed"
    reason = None if is_whole else response.incomplete_details.reason
    if reason == "content_filter":
        msg = "OpenAI's filter has ended the answer"
        raise ProviderRefused(msg, provider_code=reason)
    return make_assistance(
        text,
        request,
        is_whole=is_whole,
        model=read_words(response.model),
        counts=_read_counts(response.usage),
    )


def _read_text(response: Any) -> str:
    messages = [item for item in response.output if item.type == "message"]
    parts = [part for message in messages for part in message.content]
    for part in parts:
        if part.type == "refusal":
            raise refusal(read_words(part.refusal))
    return "".join(read_words(part.text) for part in parts if part.type == "output_text")


def _read_counts(usage: Any) -> TokenCounts:
    details = usage.input_tokens_details
    return TokenCounts(
        input=read_count(usage.input_tokens),
        output=read_count(usage.output_tokens),
        cached=read_count(getattr(details, "cached_tokens", None) or 0),
        cache_writes=read_count(getattr(details, "cache_write_tokens", None) or 0),
    )


def _format(schema: Mapping[str, Any]) -> dict[str, Any]:
    # Strict: the model is held to it word by word, and the API refuses what it cannot hold it to.
    return {"type": "json_schema", "name": SCHEMA_NAME, "schema": dict(schema), "strict": True}
