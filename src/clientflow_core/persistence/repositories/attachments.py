"""The files that come with e-mails; what is in them is kept in the database."""

import uuid
from collections.abc import Sequence
from typing import Final

import attrs
import sqlalchemy as sa

from clientflow_core.domain.email.parts import Attachment
from clientflow_core.domain.messages import KeptAttachment, Message
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, new_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import attachments

LARGEST_BYTES: Final = 25 * 1024 * 1024
"""Of a larger one only its name is kept."""
_LISTED: Final = [
    *(attachments.c[name] for name in ("id", "message_id", "name", "content_type", "size_bytes")),
    attachments.c.content.is_not(None).label("is_kept"),
]


async def add_attachments(
    transaction: Transaction, message_id: uuid.UUID, files: Sequence[Attachment]
) -> None:
    """Add the files of a message, in their order."""
    rows = [
        {
            "organization_id": transaction.scope,
            "id": new_id(),
            "message_id": message_id,
            "position": position,
            "name": file.name,
            "content_type": file.content_type,
            "size_bytes": len(file.content),
            "content": file.content if len(file.content) <= LARGEST_BYTES else None,
        }
        for position, file in enumerate(files)
    ]
    if rows:
        await transaction.execute(attachments.insert(), rows)


async def with_attachments(
    transaction: Transaction, messages: Sequence[Message]
) -> Sequence[Message]:
    """Give *messages*, each e-mail of them with its files; nothing is asked for texts."""
    ids = [message.id for message in messages if message.email]
    if not ids:
        return messages
    statement = (
        sa.select(*_LISTED)
        .where(attachments.c.message_id.in_(ids))
        .order_by(attachments.c.message_id, attachments.c.position)
    )
    found = [KeptAttachment(**row) for row in (await transaction.execute(statement)).mappings()]
    return [_given(message, found) for message in messages]


def _given(message: Message, found: Sequence[KeptAttachment]) -> Message:
    if message.email is None:
        return message
    own = tuple(file for file in found if file.message_id == message.id)
    return attrs.evolve(message, email=attrs.evolve(message.email, attachments=own))


async def read_attachment(transaction: Transaction, attachment_id: uuid.UUID) -> Attachment:
    """Read one file.

    Raises:
        NotFound: this organization has none with this id, or it was too large to be kept.
    """
    found = await _contents(transaction, attachments.c.id == attachment_id)
    if not found:
        msg = f"there is no file {to_public_id(IdPrefix.ATTACHMENT, attachment_id)}"
        raise NotFound(msg)
    return found[0]


async def read_attachments_of(
    transaction: Transaction, message_id: uuid.UUID
) -> tuple[Attachment, ...]:
    """Read the files of a message, with what is in them."""
    return await _contents(transaction, attachments.c.message_id == message_id)


async def _contents(
    transaction: Transaction, rule: sa.ColumnElement[bool]
) -> tuple[Attachment, ...]:
    columns = (attachments.c.name, attachments.c.content_type, attachments.c.content)
    statement = (
        sa.select(*columns)
        .where(rule, attachments.c.content.is_not(None))
        .order_by(attachments.c.position)
    )
    rows = (await transaction.execute(statement)).mappings()
    return tuple(Attachment(**row) for row in rows)
