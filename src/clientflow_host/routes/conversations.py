"""``/api/v1/conversations``: threads, what was said in them, and the next thing to say."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final

import attrs
from aiohttp import web
from msgspec import Meta

from clientflow_core.domain.messages import Message
from clientflow_core.domain.roles import Role
from clientflow_core.domain.routing import LONGEST_EMAIL, LONGEST_TEXT
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.conversations import (
    list_conversations,
    read_conversation,
)
from clientflow_core.persistence.repositories.messages import list_messages
from clientflow_core.services.send_message import send_message
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.middleware.idempotency import answer_once
from clientflow_host.openapi import ApiRequest, Link, Operation, Page, Reply
from clientflow_host.routes.lists import give_page
from clientflow_host.routes.views import (
    ConversationCursor,
    ConversationIdInPath,
    ConversationView,
    Limit,
    MessageId,
    MessageView,
    from_cursor,
    id_or_none,
    to_cursor,
)

_PATH: Final = "/api/v1/conversations"


@attrs.frozen(kw_only=True)
class ConversationPath:
    """Names a conversation."""

    conversation_id: ConversationIdInPath


@attrs.frozen(kw_only=True)
class ConversationsQuery:
    """Which page of the list of conversations."""

    limit: Limit = 20
    starting_after: ConversationCursor | None = None


@attrs.frozen(kw_only=True)
class MessagesQuery:
    """Which page of a conversation's messages."""

    limit: Limit = 20
    starting_after: MessageId | None = None


MediaUrl = Annotated[
    str,
    Meta(
        pattern=r"^https://[!-~]{1,2000}$",
        description="From where the provider fetches it.",
        examples=["https://example.com/plan.jpg"],
    ),
]


@attrs.frozen(kw_only=True)
class NewMessage:
    """What to send; not blanks alone."""

    body: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_EMAIL,
            pattern=r"\S",
            description=(
                f"At most {LONGEST_TEXT} characters where the conversation is of texts, and "
                f"{LONGEST_EMAIL} where it is of e-mails: `subject` is null of the former. What is "
                "longer is refused with 422, and `errors` names the limit of the medium."
            ),
            examples=["Yes, at three."],
        ),
    ]
    media_urls: Annotated[
        list[MediaUrl],
        Meta(max_length=10, description="Pictures and the like that go with a text."),
    ] = attrs.field(factory=list)


async def list_all(
    request: ApiRequest[None, ConversationsQuery, None],
) -> Page[ConversationView]:
    """List conversations, that with the newest message first."""
    after = from_cursor(request.query.starting_after)
    return await give_page(
        request,
        lambda transaction, most: list_conversations(transaction, after=after, most=most),
        show=ConversationView.of,
        cursor=lambda conversation: to_cursor(conversation.place),
    )


async def read(request: ApiRequest[ConversationPath, None, None]) -> ConversationView:
    """Read a conversation."""
    conversation_id = from_public_id(IdPrefix.CONVERSATION, request.path.conversation_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        return ConversationView.of(await read_conversation(transaction, conversation_id))


async def list_said(
    request: ApiRequest[ConversationPath, MessagesQuery, None],
) -> Page[MessageView]:
    """List the messages of a conversation, the newest first."""
    conversation_id = from_public_id(IdPrefix.CONVERSATION, request.path.conversation_id)
    after = id_or_none(request.query.starting_after, IdPrefix.MESSAGE)

    async def load(transaction: Transaction, most: int) -> Sequence[Message]:
        await read_conversation(transaction, conversation_id)
        return await list_messages(transaction, conversation_id, after=after, most=most)

    return await give_page(
        request,
        load,
        show=MessageView.of,
        cursor=lambda message: to_public_id(IdPrefix.MESSAGE, message.id),
    )


async def answer(
    request: ApiRequest[ConversationPath, None, NewMessage],
) -> Reply[MessageView] | web.Response:
    """Send an answer in a conversation; it is on its way when this answers, and not yet there."""
    conversation_id = from_public_id(IdPrefix.CONVERSATION, request.path.conversation_id)

    async def work() -> MessageView:
        message = await send_message(
            transaction,
            conversation_id,
            body=request.body.body,
            media_urls=request.body.media_urls,
        )
        return MessageView.of(message)

    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        return await answer_once(request, transaction, status=HTTPStatus.ACCEPTED, work=work)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.VIEWER,
        handler=list_all,
        tag="conversations",
        operation_id="list_conversations",
        errors=(HTTPStatus.NOT_FOUND,),
        links=(
            Link("read_conversation", {"conversation_id": "/data/0/id"}),
            Link("list_messages", {"conversation_id": "/data/0/id"}),
            Link("send_message", {"conversation_id": "/data/0/id"}),
            Link("list_drafts", {"conversation_id": "/data/0/id"}),
            Link("request_draft", {"conversation_id": "/data/0/id"}),
            Link("read_contact", {"contact_id": "/data/0/contact_id"}),
        ),
    ),
    Operation(
        method="GET",
        path=f"{_PATH}/{{conversation_id}}",
        role=Role.VIEWER,
        handler=read,
        tag="conversations",
        operation_id="read_conversation",
        links=(
            Link("list_messages", {"conversation_id": "/id"}),
            Link("send_message", {"conversation_id": "/id"}),
            Link("list_drafts", {"conversation_id": "/id"}),
            Link("request_draft", {"conversation_id": "/id"}),
            Link("read_contact", {"contact_id": "/contact_id"}),
        ),
    ),
    Operation(
        method="GET",
        path=f"{_PATH}/{{conversation_id}}/messages",
        role=Role.VIEWER,
        handler=list_said,
        tag="conversations",
        operation_id="list_messages",
        links=(Link("read_message", {"message_id": "/data/0/id"}),),
    ),
    Operation(
        method="POST",
        path=f"{_PATH}/{{conversation_id}}/messages",
        role=Role.MEMBER,
        handler=answer,
        tag="conversations",
        operation_id="send_message",
        status=HTTPStatus.ACCEPTED,
        errors=(HTTPStatus.CONFLICT,),
        links=(Link("read_message", {"message_id": "/id"}),),
        idempotent=True,
    ),
)
