"""Messages, and the attempts to hand them to a provider."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.domain.messages import (
    AttemptState,
    Delivery,
    Direction,
    KeptEmail,
    Message,
    MessageAttempt,
    MessageStatus,
)
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.attachments import (
    read_attachments_of,
    with_attachments,
)
from clientflow_core.persistence.repositories.channels import CHANNEL_COLUMNS, to_channel
from clientflow_core.persistence.tables import (
    channels,
    contact_points,
    conversations,
    message_attempts,
    messages,
)

_KEPT: Final = [column for column in messages.c if column.name != "organization_id"]


async def add_message(  # noqa: PLR0913 - a row has its columns
    transaction: Transaction,
    *,
    message_id: uuid.UUID,
    conversation_id: uuid.UUID,
    channel_id: uuid.UUID,
    direction: Direction,
    body: str,
    status: MessageStatus,
    provider_message_id: str | None = None,
    media_urls: Sequence[str] = (),
    created_at: dt.datetime | None = None,
    email: KeptEmail | None = None,
) -> bool:
    """Add a message; False if the channel already has one of this provider's id.

    The files of an e-mail are added apart.
    """
    statement = (
        insert(messages)
        .values(
            organization_id=transaction.scope,
            id=message_id,
            conversation_id=conversation_id,
            channel_id=channel_id,
            direction=direction.value,
            body=body,
            status=status.value,
            provider_message_id=provider_message_id,
            media_urls=list(media_urls),
            created_at=created_at or sa.func.now(),
            **_email_values(email),
        )
        .on_conflict_do_nothing(
            index_elements=["organization_id", "channel_id", "provider_message_id"]
        )
        # SQLAlchemy does not keep the row count of an insert.
        .returning(messages.c.id)
    )
    return (await transaction.execute(statement)).first() is not None


async def read_message(
    transaction: Transaction, message_id: uuid.UUID, *, is_locked: bool = False
) -> Message:
    """Read one message; *is_locked* keeps others from changing it until the transaction ends.

    Raises:
        NotFound: this organization has none with this id.
    """
    statement = sa.select(*_KEPT).where(messages.c.id == message_id)
    if is_locked:
        statement = statement.with_for_update()
    row = (await transaction.execute(statement)).mappings().one_or_none()
    if row is None:
        msg = f"there is no message {to_public_id(IdPrefix.MESSAGE, message_id)}"
        raise NotFound(msg)
    if is_locked:
        return _message(row)
    (message,) = await with_attachments(transaction, [_message(row)])
    return message


async def list_messages(
    transaction: Transaction,
    conversation_id: uuid.UUID,
    *,
    after: uuid.UUID | None,
    most: int,
) -> Sequence[Message]:
    """List the messages of a conversation, the newest first, from the one behind *after*.

    Raises:
        NotFound: the conversation has no message *after*.
    """
    statement = (
        sa.select(*_KEPT)
        .where(messages.c.conversation_id == conversation_id)
        .order_by(messages.c.id.desc())
        .limit(most)
    )
    if after is not None:
        await _require_in(transaction, conversation_id, after)
        statement = statement.where(messages.c.id < after)
    found = [_message(row) for row in (await transaction.execute(statement)).mappings()]
    return await with_attachments(transaction, found)


async def _require_in(
    transaction: Transaction, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> None:
    message = await read_message(transaction, message_id)
    if message.conversation_id != conversation_id:
        msg = f"the message {to_public_id(IdPrefix.MESSAGE, message_id)} is of another conversation"
        raise NotFound(msg)


async def find_message_id(
    transaction: Transaction,
    *,
    channel_id: uuid.UUID,
    provider_message_id: str,
    attempt_id: uuid.UUID | None,
) -> uuid.UUID | None:
    """Find the message that a report is about: by its attempt if that is known, else by the id.

    The Message-ID of an e-mail is such an id, too: it is what a report of another mail server has.
    """
    if attempt_id is not None:
        by_attempt = sa.select(message_attempts.c.message_id).where(
            message_attempts.c.id == attempt_id
        )
        found: uuid.UUID | None = (await transaction.execute(by_attempt)).scalar_one_or_none()
        if found is not None:
            return found
    statement = sa.select(messages.c.id).where(
        messages.c.channel_id == channel_id,
        messages.c.provider_message_id == provider_message_id,
        messages.c.direction == Direction.OUT.value,
    )
    other: uuid.UUID | None = (await transaction.execute(statement)).scalar_one_or_none()
    if other is None and provider_message_id.startswith("<"):
        by_message_id = sa.select(messages.c.id).where(
            messages.c.rfc822_message_id == provider_message_id,
            messages.c.direction == Direction.OUT.value,
        )
        other = (await transaction.execute(by_message_id)).scalars().first()
    return other


async def update_message(
    transaction: Transaction, message_id: uuid.UUID, **values: str | uuid.UUID | None
) -> None:
    """Write some columns of a message that the transaction holds locked."""
    statement = messages.update().where(messages.c.id == message_id)
    await transaction.execute(statement.values(updated_at=sa.func.now(), **values))


async def read_delivery(transaction: Transaction, message_id: uuid.UUID) -> Delivery:
    """Read a message, locked, with what it takes to send it.

    Raises:
        NotFound: this organization has none with this id.
    """
    message = await read_message(transaction, message_id, is_locked=True)
    statement = (
        sa.select(*CHANNEL_COLUMNS, contact_points.c.value)
        .select_from(conversations)
        .join(channels, channels.c.id == conversations.c.channel_id)
        .join(contact_points, contact_points.c.id == conversations.c.contact_point_id)
        .where(conversations.c.id == message.conversation_id)
    )
    row = (await transaction.execute(statement)).mappings().one()
    files = await read_attachments_of(transaction, message_id) if message.email else ()
    return Delivery(
        message=message, channel=to_channel(row), recipient=row["value"], attachments=files
    )


async def add_attempt(transaction: Transaction, attempt: MessageAttempt) -> None:
    """Write down that the provider of a channel is about to be called."""
    values = {
        "organization_id": transaction.scope,
        "id": attempt.id,
        "message_id": attempt.message_id,
        "channel_id": attempt.channel_id,
        "number": attempt.number,
        "state": attempt.state.value,
        "started_at": attempt.started_at,
    }
    await transaction.execute(message_attempts.insert().values(values))


async def list_attempts(
    transaction: Transaction, message_id: uuid.UUID
) -> Sequence[MessageAttempt]:
    """List the attempts of a message, the first first."""
    names = [field.name for field in MessageAttempt.__attrs_attrs__]
    statement = (
        sa.select(*[message_attempts.c[name] for name in names])
        .where(message_attempts.c.message_id == message_id)
        .order_by(message_attempts.c.number)
    )
    rows = (await transaction.execute(statement)).mappings()
    return [MessageAttempt(**{**row, "state": AttemptState(row["state"])}) for row in rows]


async def end_attempt(
    transaction: Transaction,
    attempt_id: uuid.UUID,
    *,
    state: AttemptState,
    provider_message_id: str | None = None,
    provider_code: str | None = None,
    detail: str | None = None,
) -> None:
    """Write down how an attempt ended; one that has ended otherwise already stays as it is."""
    open_states = [AttemptState.SENDING.value, AttemptState.UNKNOWN.value]
    statement = (
        message_attempts.update()
        .where(message_attempts.c.id == attempt_id, message_attempts.c.state.in_(open_states))
        .values(
            state=state.value,
            provider_message_id=provider_message_id,
            provider_code=provider_code,
            detail=detail,
            finished_at=sa.func.now(),
        )
    )
    await transaction.execute(statement)


async def count_lookup(transaction: Transaction, attempt_id: uuid.UUID) -> None:
    """Write down that the provider was asked for an attempt and did not have it."""
    statement = message_attempts.update().where(message_attempts.c.id == attempt_id)
    await transaction.execute(statement.values(lookups=message_attempts.c.lookups + 1))


async def find_taken(
    transaction: Transaction, provider_message_ids: Collection[str]
) -> frozenset[str]:
    """Tell which of these messages at the provider are known to be some message of ours."""
    statement = sa.select(message_attempts.c.provider_message_id).where(
        message_attempts.c.provider_message_id.in_(provider_message_ids)
    )
    rows = (await transaction.execute(statement)).scalars()
    return frozenset(rows)


_EMAIL_COLUMNS: Final = MappingProxyType(
    {
        "subject": "subject",
        "message_id": "rfc822_message_id",
        "in_reply_to": "in_reply_to",
        "references": "reference_ids",
        "sender": "sender",
        "html": "html",
        "quoted": "quoted",
        "is_automatic": "is_automatic",
    }
)


def _email_values(email: KeptEmail | None) -> dict[str, Any]:
    if email is None:
        return {}
    values = {column: getattr(email, name) for name, column in _EMAIL_COLUMNS.items()}
    return values | {"reference_ids": list(email.references)}


def _email(values: dict[str, Any]) -> KeptEmail | None:
    """Take the columns of an e-mail out of *values*; None if it is a text."""
    taken = {name: values.pop(column) for name, column in _EMAIL_COLUMNS.items()}
    if taken["subject"] is None:
        return None
    return KeptEmail(**(taken | {"references": tuple(taken["references"])}))


def _message(row: sa.RowMapping) -> Message:
    values: dict[str, Any] = dict(row)
    values["email"] = _email(values)
    values["media_urls"] = tuple(values["media_urls"])
    values["direction"] = Direction(values["direction"])
    values["status"] = MessageStatus(values["status"])
    return Message(**values)
