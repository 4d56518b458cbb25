"""The assistant itself: rules, and no thoughts."""

import json
import re
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Final

from typing_extensions import override

from clientflow_core.domain.assistance import Assistance, AssistanceRequest, TextDelta, TokenUsage
from clientflow_core.providers.assistant import AssistantProvider
from clientflow_plugins.local_assistant.answers import answer, draft, last_words, sum_up
from clientflow_plugins.local_assistant.forms import Said, fill
from clientflow_plugins.local_assistant.settings import LocalAssistantSettings

MODEL: Final = "rules-1"
# As a model counts, roughly: four letters, or a sign.
_PIECE: Final = re.compile(r"\s*(?:\w{1,4}|[^\w\s])\s*?")
_FREE: Final = Decimal(0)


class LocalAssistant(AssistantProvider):
    """Answers by rules; four letters count as a token, which costs nothing."""

    def __init__(self, settings: LocalAssistantSettings) -> None:
        self._settings = settings

    @override
    async def verify(self) -> str:
        """Give the name of the business: there is nobody to ask."""
        return self._settings.business

    @override
    async def complete(self, request: AssistanceRequest) -> Assistance:
        """Give the whole answer.

        Raises:
            ProviderRefused: it is for a person to answer.
            ProviderCannot: the schema asks for more than is understood.
        """
        return _assistance(request, _pieces(request, self._settings))

    @override
    async def stream(
        self, request: AssistanceRequest
    ) -> AsyncGenerator[TextDelta | Assistance, None]:
        """Give the answer piece by piece, and then the whole of it."""
        pieces = _pieces(request, self._settings)
        for piece in pieces[: request.most_output_tokens]:
            yield TextDelta(text=piece)
        yield _assistance(request, pieces)


def _pieces(request: AssistanceRequest, settings: LocalAssistantSettings) -> list[str]:
    if request.schema is None:
        return _PIECE.findall(answer(request, settings))
    asked = last_words(request.conversation)
    said = Said(
        asked=asked,
        draft=draft(asked, settings),
        summary=sum_up(request.conversation),
        count=len(request.conversation),
    )
    return _PIECE.findall(json.dumps(fill(request.schema, said), ensure_ascii=False))


def _assistance(request: AssistanceRequest, pieces: list[str]) -> Assistance:
    given = pieces[: request.most_output_tokens]
    text, is_whole = "".join(given), len(given) == len(pieces)
    said = [request.instructions, *(one.text for one in request.conversation)]
    usage = TokenUsage(
        input_tokens=sum(len(_PIECE.findall(one)) for one in said),
        output_tokens=len(given),
        cost_usd=_FREE,
    )
    has_data = is_whole and request.schema is not None
    return Assistance(
        text=text,
        usage=usage,
        model=MODEL,
        data=json.loads(text) if has_data else None,
        is_whole=is_whole,
    )
