"""Conversations: one for each channel of ours, address of a client, and thread of e-mails."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from clientflow_core.domain.contacts import ContactPoint
from clientflow_core.domain.conversations import Conversation, Place
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, new_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import contact_points, contacts, conversations, messages

_FIND_OR_ADD: Final = sa.text(
    """
    INSERT INTO conversations
        (organization_id, id, contact_id, channel_id, contact_point_id, thread, subject)
    VALUES (:organization_id, :id, :contact_id, :channel_id, :contact_point_id, :thread, :subject)
    ON CONFLICT (organization_id, channel_id, contact_point_id, thread)
        DO UPDATE SET last_message_at = conversations.last_message_at
    RETURNING id
    """
)
# Not now(), which is when the transaction began: one that began earlier and came later would put
# the conversation back, and all those of a batch would have the same place.
_TOUCH: Final = sa.text(
    """
    UPDATE conversations SET last_message_at = greatest(last_message_at, clock_timestamp())
    WHERE id = :id
    """
)


async def find_or_add_conversation(
    transaction: Transaction,
    *,
    channel_id: uuid.UUID,
    point: ContactPoint,
    thread: str = "",
    subject: str | None = None,
) -> uuid.UUID:
    """Give the conversation of a channel with an address; make it if there is none.

    Args:
        transaction: of the organization.
        channel_id: ours.
        point: the client's address.
        thread: the Message-ID of the e-mail that began it; empty for texts, which have one only.
        subject: what it is about; None for texts.
    """
    values = {
        "organization_id": transaction.scope,
        "id": new_id(),
        "contact_id": point.contact_id,
        "channel_id": channel_id,
        "contact_point_id": point.id,
        "thread": thread,
        "subject": subject,
    }
    found: uuid.UUID = (await transaction.execute(_FIND_OR_ADD, values)).scalar_one()
    return found


async def touch_conversation(transaction: Transaction, conversation_id: uuid.UUID) -> None:
    """Put the conversation on top of the list: something was said in it."""
    await transaction.execute(_TOUCH, {"id": conversation_id})


async def read_conversation(transaction: Transaction, conversation_id: uuid.UUID) -> Conversation:
    """Read one conversation.

    Raises:
        NotFound: this organization has none with this id.
    """
    statement = _described(sa.select(conversations).where(conversations.c.id == conversation_id))
    row = (await transaction.execute(statement)).mappings().one_or_none()
    if row is None:
        msg = f"there is no conversation {to_public_id(IdPrefix.CONVERSATION, conversation_id)}"
        raise NotFound(msg)
    return Conversation(**row)


async def list_conversations(
    transaction: Transaction, *, after: uuid.UUID | Place | None, most: int
) -> Sequence[Conversation]:
    """List conversations, that with the newest message first, from the one behind *after*.

    Args:
        transaction: of the organization.
        after: a conversation, wherever it is by now; or the place at which one was.
        most: how many at the most.

    Raises:
        NotFound: this organization has no conversation *after*.
    """
    order = sa.tuple_(conversations.c.last_message_at, conversations.c.id)
    page = sa.select(conversations).limit(most)
    if after is not None:
        if isinstance(after, uuid.UUID):
            after = (await read_conversation(transaction, after)).place
        page = page.where(order < sa.tuple_(after.last_message_at, after.id))
    page = page.order_by(conversations.c.last_message_at.desc(), conversations.c.id.desc())
    rows = (await transaction.execute(_described(page))).mappings()
    return [Conversation(**row) for row in rows]


async def list_conversations_of(
    transaction: Transaction, contact_id: uuid.UUID
) -> Sequence[Conversation]:
    """List all conversations with a contact, that with the newest message first."""
    those = sa.select(conversations).where(conversations.c.contact_id == contact_id)
    rows = (await transaction.execute(_described(those))).mappings()
    return [Conversation(**row) for row in rows]


def _described(chosen: sa.Select[Any]) -> sa.Select[Any]:
    """Add to the conversations that are *chosen* whom each is with and what was said last.

    Chosen first, by themselves: PostgreSQL takes row-level security for a filter that leaves few,
    and would join all conversations of an organization, and sort them, to show the first fifty.
    """
    those = chosen.subquery()
    newest = (
        sa.select(messages.c.body)
        .where(messages.c.conversation_id == those.c.id)
        .order_by(messages.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        sa.select(
            those.c.id,
            those.c.contact_id,
            contacts.c.name.label("contact_name"),
            those.c.channel_id,
            contact_points.c.value.label("address"),
            those.c.last_message_at,
            newest.label("last_body"),
            those.c.created_at,
            those.c.subject,
        )
        .join(contacts, contacts.c.id == those.c.contact_id)
        .join(contact_points, contact_points.c.id == those.c.contact_point_id)
        .order_by(those.c.last_message_at.desc(), those.c.id.desc())
    )
