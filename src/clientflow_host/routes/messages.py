"""``/api/v1/messages``: one message, and how it was sent."""

from typing import Annotated, Final

import attrs
from msgspec import Meta

from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.repositories.messages import list_attempts, read_message
from clientflow_core.services.settle_unknown import settle_unknown
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Link, Operation
from clientflow_host.routes.jobs import Reason, name_of
from clientflow_host.routes.views import MessageIdInPath, MessageWithAttempts


@attrs.frozen(kw_only=True)
class MessagePath:
    """Names a message."""

    message_id: MessageIdInPath


@attrs.frozen(kw_only=True)
class MessageSettled:
    """What became of a message of which nobody else knows whether it was sent."""

    was_sent: Annotated[
        bool, Meta(description="whether the client has it; where not, it is sent once more")
    ]
    reason: Reason


async def read(request: ApiRequest[MessagePath, None, None]) -> MessageWithAttempts:
    """Read a message, with every attempt to send it."""
    message_id = from_public_id(IdPrefix.MESSAGE, request.path.message_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        message = await read_message(transaction, message_id)
        attempts = await list_attempts(transaction, message_id)
    return MessageWithAttempts.with_attempts(message, attempts)


async def settle(request: ApiRequest[MessagePath, None, MessageSettled]) -> MessageWithAttempts:
    """Say whether a message was sent whose status is `unknown`; if not, it is sent once more.

    A message of another status stays as it is. Who has said so and why is kept with its attempts.
    """
    message_id = from_public_id(IdPrefix.MESSAGE, request.path.message_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        message = await settle_unknown(
            transaction,
            message_id,
            was_sent=request.body.was_sent,
            by=name_of(request.principal),
            reason=request.body.reason,
        )
        attempts = await list_attempts(transaction, message_id)
    return MessageWithAttempts.with_attempts(message, attempts)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/v1/messages/{message_id}",
        role=Role.VIEWER,
        handler=read,
        tag="messages",
        operation_id="read_message",
        links=(
            Link("read_conversation", {"conversation_id": "/conversation_id"}),
            Link("download_attachment", {"attachment_id": "/email/attachments/0/id"}),
            Link("settle_message", {"message_id": "/id"}),
        ),
    ),
    Operation(
        method="POST",
        path="/api/v1/messages/{message_id}/settle",
        role=Role.MEMBER,
        handler=settle,
        tag="messages",
        operation_id="settle_message",
        links=(Link("read_message", {"message_id": "/id"}),),
    ),
)
