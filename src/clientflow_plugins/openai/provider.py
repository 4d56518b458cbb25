"""The assistant itself, on OpenAI's SDK."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from typing_extensions import override

from clientflow_core.domain.assistance import (
    Assistance,
    AssistanceRequest,
    ModerationVerdict,
    TextDelta,
)
from clientflow_core.errors import AuthFailed, ProviderRefused, ProviderUnavailable
from clientflow_core.providers.assistant import (
    AssistantProvider,
    SupportsEmbeddings,
    SupportsModeration,
)
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.openai.chat import ChatPath
from clientflow_plugins.openai.client import make_client
from clientflow_plugins.openai.errors import map_error
from clientflow_plugins.openai.responses import ResponsesPath
from clientflow_plugins.openai.settings import MODERATION_MODEL, OpenAISettings

T = TypeVar("T")

# Less than the deadline of the spec, so that we are the ones who say what has happened.
TOTAL_SECONDS: Final = 40.0
SHORT_SECONDS: Final = 15.0
"""For what no model thinks about."""

_SHARED_CACHE: Final = "clientflow"
# It names the organization: https://developers.openai.com/api/reference/overview.
_ACCOUNT_HEADER: Final = "openai-organization"


class OpenAIAssistant(AssistantProvider, SupportsEmbeddings, SupportsModeration):
    """Answers by one account. No call is repeated in here: each is paid for.

    Args:
        context: lends the HTTP session, which is never closed here.
        settings: the account.
    """

    def __init__(self, context: ProviderContext, settings: OpenAISettings) -> None:
        self._clock, self._settings = context.clock, settings
        client = make_client(context.http, settings, total_seconds=TOTAL_SECONDS)
        owner = context.organization_id
        self._path: ResponsesPath | ChatPath = (
            ChatPath(client=client, settings=settings)
            if settings.chat_completions
            else ResponsesPath(
                client=client, settings=settings, cache_key=owner.hex if owner else _SHARED_CACHE
            )
        )
        # Their first use imports them: on opening, or a first call's deadline pays for it.
        _ = (client.chat.completions, client.responses)
        self._models, self._embeddings = client.models, client.embeddings
        self._moderations = client.moderations

    @override
    async def verify(self) -> str:
        """List the models, which costs nothing, and give the organization's name.

        Raises:
            AuthFailed: the key does not fit.
            ProviderUnavailable: OpenAI did not answer.
        """

        async def ask() -> str:
            answer: Any = await self._models.with_raw_response.list()
            _ = [model.id for model in answer.parse().data]
            host = urlsplit(self._settings.api_url).netloc
            return str(answer.headers.get(_ACCOUNT_HEADER) or host)

        try:
            return await self._in_time(SHORT_SECONDS, ask)
        except ProviderRefused as error:
            raise AuthFailed(str(error), provider_code=error.provider_code) from error

    @override
    async def complete(self, request: AssistanceRequest) -> Assistance:
        """Give the whole answer at once."""
        return await self._in_time(TOTAL_SECONDS, lambda: self._path.ask(request))

    @override
    async def stream(
        self, request: AssistanceRequest
    ) -> AsyncGenerator[TextDelta | Assistance, None]:
        """Give the answer as it comes; who leaves ends the call, and what it costs."""
        parts = self._path.listen(request)
        try:
            while True:
                part = await self._in_time(TOTAL_SECONDS, lambda: anext(parts, None))
                if part is None:
                    break
                yield part
                if isinstance(part, Assistance):
                    return
        finally:
            await parts.aclose()
        msg = "the stream of OpenAI has ended before the answer"
        raise ProviderUnavailable(msg)

    @override
    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Give a vector for each of *texts*."""
        if not texts:
            return []

        async def ask() -> list[list[float]]:
            model = self._settings.embedding_model
            answer: Any = await self._embeddings.create(model=model, input=list(texts))
            return _read_vectors(answer.data, len(texts))

        return await self._in_time(SHORT_SECONDS, ask)

    @override
    async def moderate(self, texts: Sequence[str]) -> Sequence[ModerationVerdict]:
        """Give a verdict on each of *texts*."""
        if not texts:
            return []

        async def ask() -> list[ModerationVerdict]:
            answer: Any = await self._moderations.create(model=MODERATION_MODEL, input=list(texts))
            return _read_verdicts(answer.results, len(texts))

        return await self._in_time(SHORT_SECONDS, ask)

    async def _in_time(self, seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
        """Give what *ask* gives, within *seconds*: the SDK counts silence, not the whole."""
        try:
            async with asyncio.timeout(seconds):
                return await ask()
        except Exception as error:
            raise map_error(error, clock=self._clock) from error


def _read_vectors(listed: Sequence[Any], count: int) -> list[list[float]]:
    # In the order of their indexes: that of the list is not promised.
    vectors = {one.index: [float(number) for number in one.embedding] for one in listed}
    found = [vectors[index] for index in range(count)]
    if not all(math.isfinite(number) for vector in found for number in vector):
        msg = "a vector holds what is no number"
        raise ValueError(msg)
    return found


def _read_verdicts(listed: Sequence[Any], count: int) -> list[ModerationVerdict]:
    if len(listed) != count:
        msg = f"{len(listed)} verdicts on {count} texts"
        raise ValueError(msg)
    return [_read_verdict(one) for one in listed]


def _read_verdict(one: Any) -> ModerationVerdict:
    if not isinstance(one.flagged, bool):
        msg = "a verdict says neither yes nor no"
        raise TypeError(msg)
    named = one.categories.model_dump(by_alias=True)
    found = frozenset(name for name, is_so in named.items() if is_so is True and one.flagged)
    return ModerationVerdict(is_flagged=one.flagged, categories=found)
