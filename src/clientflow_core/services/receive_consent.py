"""A provider tells that a client wants to hear from us no more, or again."""

import datetime as dt
import uuid
from typing import Final

from clientflow_core.domain.consent import ConsentReported, ConsentStatement, kind_of
from clientflow_core.domain.routing import Medium
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.channels import read_channel
from clientflow_core.persistence.repositories.consents import find_point_of
from clientflow_core.persistence.repositories.contacts import find_or_add_contact_point
from clientflow_core.persistence.repositories.messages import find_message_id
from clientflow_core.services.record_consent import record_consent

_LONGEST_EVIDENCE: Final = 400


async def receive_consent(
    transaction: Transaction,
    reported: ConsentReported,
    *,
    channel_id: uuid.UUID,
    received_at: dt.datetime,
) -> bool:
    """Keep what the client wants, for every channel of the same medium.

    A client who is named by address and whom we do not know becomes a contact: what must not be
    sent to them must be known before they are written to.

    Returns:
        False if the client is named by a message, and none of ours is meant.
    """
    medium = (await read_channel(transaction, channel_id)).medium
    point_id = await _find_point(transaction, reported, channel_id, medium)
    if point_id is None:
        return False
    said = ConsentStatement(
        wish=reported.wish,
        source=reported.source,
        evidence=reported.evidence[:_LONGEST_EVIDENCE],
        occurred_at=received_at,
        channel_id=channel_id,
    )
    _ = await record_consent(transaction, point_id, said, medium=medium)
    return True


async def _find_point(
    transaction: Transaction, reported: ConsentReported, channel_id: uuid.UUID, medium: Medium
) -> uuid.UUID | None:
    if reported.client is not None:
        point, _ = await find_or_add_contact_point(
            transaction, kind=kind_of(medium), value=reported.client
        )
        return point.id
    message_id = await find_message_id(
        transaction,
        channel_id=channel_id,
        provider_message_id=reported.provider_message_id or "",
        attempt_id=reported.attempt_id,
    )
    return None if message_id is None else await find_point_of(transaction, message_id)
