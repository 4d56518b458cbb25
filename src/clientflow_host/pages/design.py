"""``/design``: every component of the pages, in every state, for whoever builds the next one."""

import datetime as dt
import uuid
from typing import Final

from aiohttp import web

from clientflow_core.domain.conversations import Conversation
from clientflow_core.domain.messages import Direction, Message, MessageStatus
from clientflow_core.domain.roles import Role
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.rendering import render

_MOMENT: Final = dt.datetime(2026, 1, 2, 15, 4, 5, tzinfo=dt.UTC)
_NOBODY: Final = uuid.UUID(int=0)
_LONG: Final = (
    "A text that is longer than a line, as clients write them when there is much to say. " * 3
)


async def show_design(request: ApiRequest[None, None, None]) -> web.Response:
    """Show every component."""
    return render(
        request.raw,
        "design.html",
        moment_value=_MOMENT,
        conversations=[_conversation("Ada Lovelace", "See you then!"), _conversation(None, _LONG)],
        messages=[_message(status) for status in MessageStatus],
    )


def _conversation(name: str | None, last_body: str) -> Conversation:
    return Conversation(
        id=_NOBODY,
        contact_id=_NOBODY,
        contact_name=name,
        channel_id=_NOBODY,
        address="+14155550123",
        last_message_at=_MOMENT,
        last_body=last_body,
        created_at=_MOMENT,
    )


def _message(status: MessageStatus) -> Message:
    is_in = status is MessageStatus.RECEIVED
    is_bad = status in (MessageStatus.FAILED, MessageStatus.UNDELIVERED)
    return Message(
        id=uuid.UUID(int=list(MessageStatus).index(status)),
        conversation_id=_NOBODY,
        channel_id=_NOBODY,
        direction=Direction.IN if is_in else Direction.OUT,
        body=_LONG if is_in else f"This one is {status}.",
        media_urls=("https://example.com/picture",) if is_in else (),
        status=status,
        provider_message_id=None,
        error_code="30003" if is_bad else None,
        error_detail="the provider reports: unreachable" if is_bad else None,
        created_at=_MOMENT,
        updated_at=_MOMENT,
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/design",
        role=Role.VIEWER,
        handler=show_design,
        tag="pages",
        media_type="text/html",
    ),
)
