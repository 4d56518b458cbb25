"""``/api/v1/messages``: one message, and how it was sent."""

from typing import Final

import attrs

from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.repositories.messages import list_attempts, read_message
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Link, Operation
from clientflow_host.routes.views import MessageIdInPath, MessageWithAttempts


@attrs.frozen(kw_only=True)
class MessagePath:
    """Names a message."""

    message_id: MessageIdInPath


async def read(request: ApiRequest[MessagePath, None, None]) -> MessageWithAttempts:
    """Read a message, with every attempt to send it."""
    message_id = from_public_id(IdPrefix.MESSAGE, request.path.message_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        message = await read_message(transaction, message_id)
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
        ),
    ),
)
