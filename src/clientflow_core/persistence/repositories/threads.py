"""Which conversation an e-mail goes on with."""

import datetime as dt
import uuid
from collections.abc import Collection

import sqlalchemy as sa

from clientflow_core.domain.email.parts import EmailParts
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import conversations, messages


async def find_thread_of(
    transaction: Transaction, message_ids: Collection[str], *, channel_id: uuid.UUID
) -> uuid.UUID | None:
    """Find the conversation on a channel that has an e-mail with one of these Message-IDs.

    The newest of them decides, where they are of several.
    """
    statement = (
        sa.select(messages.c.conversation_id)
        .join(conversations, conversations.c.id == messages.c.conversation_id)
        .where(
            messages.c.rfc822_message_id.in_(message_ids),
            conversations.c.channel_id == channel_id,
        )
        .order_by(messages.c.id.desc())
        .limit(1)
    )
    found: uuid.UUID | None = (await transaction.execute(statement)).scalar_one_or_none()
    return found


async def find_thread_about(
    transaction: Transaction,
    subject: str,
    *,
    channel_id: uuid.UUID,
    point_id: uuid.UUID,
    since: dt.datetime,
) -> uuid.UUID | None:
    """Find the newest conversation with an address about *subject*, alive *since* then.

    Args:
        transaction: of the organization.
        subject: without "Re:".
        channel_id: ours.
        point_id: the client's address.
        since: when something was said in it, at the earliest.
    """
    statement = (
        sa.select(conversations.c.id)
        .where(
            conversations.c.channel_id == channel_id,
            conversations.c.contact_point_id == point_id,
            # As the index has it; a subject may be too long for that.
            sa.func.md5(conversations.c.subject) == sa.func.md5(subject),
            conversations.c.subject == subject,
            conversations.c.last_message_at >= since,
        )
        .order_by(conversations.c.last_message_at.desc())
        .limit(1)
    )
    found: uuid.UUID | None = (await transaction.execute(statement)).scalar_one_or_none()
    return found


async def newest_email(transaction: Transaction, conversation_id: uuid.UUID) -> EmailParts | None:
    """Give what an answer in a conversation has to know of its newest e-mail."""
    statement = (
        sa.select(
            messages.c.subject,
            messages.c.rfc822_message_id.label("message_id"),
            messages.c.in_reply_to,
            messages.c.reference_ids,
        )
        .where(
            messages.c.conversation_id == conversation_id,
            messages.c.rfc822_message_id.is_not(None),
        )
        .order_by(messages.c.id.desc())
        .limit(1)
    )
    row = (await transaction.execute(statement)).mappings().first()
    if row is None:
        return None
    values = dict(row)
    return EmailParts(references=tuple(values.pop("reference_ids")), **values)
