"""Before anything is sent: whether the client wants to hear from us."""

import uuid

from clientflow_core.domain.consent import say_why_not
from clientflow_core.domain.routing import Medium
from clientflow_core.errors import OptedOut
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.consents import read_consent_in


async def require_consent(
    transaction: Transaction, conversation_id: uuid.UUID, *, medium: Medium
) -> None:
    """Let a message pass that the client of the conversation has not refused.

    Args:
        transaction: of the organization.
        conversation_id: in which it would be sent.
        medium: that of the conversation.

    Raises:
        OptedOut: the client has.
    """
    known = await read_consent_in(transaction, conversation_id, medium=medium)
    if known is None or not known.is_opted_out:
        return
    why = say_why_not(known, medium=medium)
    msg = f"The client {why} since {known.occurred_at:%Y-%m-%d %H:%M} UTC: nothing is sent."
    raise OptedOut(msg)
