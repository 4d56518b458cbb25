"""What was used is counted: once, however often it is heard of."""

import uuid

from clientflow_core.domain.subscriptions import TEXTS_SENT
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.usage_events import count_usage


async def record_usage(transaction: Transaction, message_id: uuid.UUID) -> None:
    """Count the text *message_id*, which a provider has taken.

    Args:
        transaction: of the organization that has sent it.
        message_id: by which it is counted once.
    """
    await count_usage(transaction, meter=TEXTS_SENT, source_id=message_id.hex, quantity=1)
