"""To which conversation something that came in belongs."""

import datetime as dt
import uuid
from typing import Final

from clientflow_core.domain.contacts import ContactPoint
from clientflow_core.domain.email.parts import EmailParts
from clientflow_core.domain.email.threads import plain_subject, referred, thread_root
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.conversations import find_or_add_conversation
from clientflow_core.persistence.repositories.threads import find_thread_about, find_thread_of

_SUBJECT_COUNTS_FOR: Final = dt.timedelta(days=30)


async def find_conversation(
    transaction: Transaction,
    *,
    channel_id: uuid.UUID,
    point: ContactPoint,
    email: EmailParts | None,
    received_at: dt.datetime,
) -> uuid.UUID:
    """Give the conversation that a message goes on with, or a new one.

    Texts of an address are one conversation. An e-mail goes on with those that it refers to, and
    one that refers to none that we know with the last one about its subject within 30 days.

    Args:
        transaction: of the organization.
        channel_id: ours, at which it came in.
        point: the client's address.
        email: None for a text.
        received_at: when it came in.
    """
    if email is None:
        return await find_or_add_conversation(transaction, channel_id=channel_id, point=point)
    found = await find_thread_of(transaction, referred(email), channel_id=channel_id)
    subject = plain_subject(email.subject)
    if found is None and subject:
        found = await find_thread_about(
            transaction,
            subject,
            channel_id=channel_id,
            point_id=point.id,
            since=received_at - _SUBJECT_COUNTS_FOR,
        )
    return found or await find_or_add_conversation(
        transaction,
        channel_id=channel_id,
        point=point,
        thread=thread_root(email) or "",
        subject=subject,
    )
