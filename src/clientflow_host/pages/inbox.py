"""The inbox: conversations, the thread of one, and the box for the answer."""

import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import attrs
from aiohttp import web

from clientflow_core.domain.conversations import Place
from clientflow_core.domain.messages import Message
from clientflow_core.domain.roles import Role
from clientflow_core.errors import InvalidInput, OptedOut
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.conversations import (
    list_conversations,
    read_conversation,
)
from clientflow_core.persistence.repositories.messages import list_messages
from clientflow_core.persistence.repositories.stream_events import newest_stream_event
from clientflow_core.services.send_message import send_message
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.consents import read_refusal
from clientflow_host.pages.drafts import note_use, read_draft_box
from clientflow_host.pages.rendering import render
from clientflow_host.routes.views import (
    ConversationCursor,
    MessageId,
    from_cursor,
    id_or_none,
    to_cursor,
)

_SHOWN_CONVERSATIONS: Final = 50
_SHOWN_MESSAGES: Final = 50


@attrs.frozen(kw_only=True)
class ThreadPath:
    """Names a conversation."""

    conversation_id: str


@attrs.frozen(kw_only=True)
class InboxQuery:
    """Which part of the list of conversations."""

    starting_after: ConversationCursor | None = None


@attrs.frozen(kw_only=True)
class ThreadQuery:
    """Which part of the thread."""

    before: MessageId | None = None


async def show_inbox(request: ApiRequest[None, InboxQuery, None]) -> web.Response:
    """Show the conversations."""
    after = from_cursor(request.query.starting_after)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        context = await _list(transaction, after)
    return render(request.raw, "inbox.html", thread=None, **context)


async def show_thread(request: ApiRequest[ThreadPath, ThreadQuery, None]) -> web.Response:
    """Show a conversation beside the others."""
    return await _show_thread(request, before=id_or_none(request.query.before, IdPrefix.MESSAGE))


async def answer(request: ApiRequest[ThreadPath, None, None]) -> web.StreamResponse:
    """Send what stands in the box; what cannot be sent stays in it."""
    form = await request.raw.post()
    body = str(form.get("body", "")).replace("\r\n", "\n").replace("\0", "").strip()
    taken = str(form.get("draft", ""))
    if not body:
        problem = "Write something first."
        return await _show_thread(request, typed=body, taken=taken, problem=problem)
    conversation_id = from_public_id(IdPrefix.CONVERSATION, request.path.conversation_id)
    database = request.raw.app[ASSEMBLY].database
    try:
        async with database.organization(request.principal.organization_id) as transaction:
            await send_message(transaction, conversation_id, body=body)
            await note_use(transaction, conversation_id=conversation_id, draft_name=taken)
    except (InvalidInput, OptedOut) as error:
        return await _show_thread(request, typed=body, taken=taken, problem=str(error))
    raise web.HTTPSeeOther(f"/inbox/{request.path.conversation_id}")


async def _show_thread(
    request: ApiRequest[ThreadPath, ThreadQuery, None] | ApiRequest[ThreadPath, None, None],
    *,
    before: uuid.UUID | None = None,
    typed: str | None = None,
    taken: str = "",
    problem: str | None = None,
) -> web.Response:
    conversation_id = from_public_id(IdPrefix.CONVERSATION, request.path.conversation_id)
    assembly = request.raw.app[ASSEMBLY]
    async with assembly.database.organization(request.principal.organization_id) as transaction:
        context = await _list(transaction, None)
        thread = await read_conversation(transaction, conversation_id)
        found = await list_messages(
            transaction, conversation_id, after=before, most=_SHOWN_MESSAGES + 1
        )
        box = await read_draft_box(transaction, found, registry=assembly.registry)
        refusal = await read_refusal(transaction, thread)
    return render(
        request.raw,
        "inbox.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        thread=thread,
        is_past=before is not None,
        may_answer=request.principal.role.includes(Role.MEMBER),
        box=box,
        refusal=refusal,
        typed=box.text if typed is None else typed,
        taken=box.id if typed is None else taken,
        problem=problem,
        longest=thread.medium.longest_body,
        **_page_of(found),
        **context,
    )


async def _list(transaction: Transaction, after: uuid.UUID | Place | None) -> dict[str, Any]:
    # Before what it is the newest of: what comes meanwhile is told once more rather than never.
    newest = await newest_stream_event(transaction)
    found = await list_conversations(transaction, after=after, most=_SHOWN_CONVERSATIONS + 1)
    has_more = len(found) > _SHOWN_CONVERSATIONS
    shown = found[:_SHOWN_CONVERSATIONS]
    older = to_cursor(shown[-1].place) if has_more else None
    return {"conversations": shown, "older": older, "newest_event": newest}


def _page_of(found: Sequence[Message]) -> dict[str, Any]:
    """Give the messages that are shown, the oldest first, and where the earlier ones begin."""
    earlier = found[_SHOWN_MESSAGES - 1] if len(found) > _SHOWN_MESSAGES else None
    return {"messages": list(reversed(found[:_SHOWN_MESSAGES])), "earlier": earlier}


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/inbox",
        role=Role.VIEWER,
        handler=show_inbox,
        tag="pages",
        media_type="text/html",
    ),
    Operation(
        method="GET",
        path="/inbox/{conversation_id}",
        role=Role.VIEWER,
        handler=show_thread,
        tag="pages",
        media_type="text/html",
    ),
    Operation(
        method="POST",
        path="/inbox/{conversation_id}",
        role=Role.MEMBER,
        handler=answer,
        tag="pages",
        foreign=True,
    ),
)
