"""Something was said about whether an address wants to hear from us: it is kept if it counts."""

import uuid

from clientflow_core.domain.consent import ConsentStatement, Wish, advance_consent
from clientflow_core.domain.routing import Medium
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.consents import (
    add_consent,
    lock_contact_point,
    read_consent,
)
from clientflow_core.persistence.repositories.stream_events import add_stream_event


async def record_consent(
    transaction: Transaction, point_id: uuid.UUID, said: ConsentStatement, *, medium: Medium
) -> bool:
    """Keep *said*, if it changes something or asks for help; what was said before stays.

    Args:
        transaction: of the organization.
        point_id: the client's address.
        said: what was said.
        medium: what it is about.

    Returns:
        Whether it was kept.
    """
    await lock_contact_point(transaction, point_id)
    known = await read_consent(transaction, point_id, medium=medium)
    if said.wish is not Wish.HELP and advance_consent(known, said) is known:
        return False
    await add_consent(transaction, point_id, said, medium=medium)
    await add_stream_event(transaction, f"consent.{said.wish.value}", point_id)
    return True
