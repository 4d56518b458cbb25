"""A provider reports how far one of our messages has come."""

import uuid
from typing import Final

from clientflow_core import failpoints
from clientflow_core.domain.messages import (
    AttemptState,
    DeliveryReported,
    MessageStatus,
    advance_delivery,
)
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.messages import (
    end_attempt,
    find_message_id,
    read_message,
    update_message,
)
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.services.record_usage import record_usage

# Their attempt has not ended yet, and may never: the report is the first that we hear of it.
_NOT_COUNTED: Final = frozenset(
    {MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.UNKNOWN}
)


async def record_delivery(
    transaction: Transaction, report: DeliveryReported, *, channel_id: uuid.UUID
) -> bool:
    """Move the message forward to what *report* says, never back.

    A report for an attempt whose answer we never saw proves that the provider took it.

    Returns:
        False if no message of ours is meant.
    """
    message_id = await find_message_id(
        transaction,
        channel_id=channel_id,
        provider_message_id=report.provider_message_id,
        attempt_id=report.attempt_id,
    )
    if message_id is None:
        return False
    message = await read_message(transaction, message_id, is_locked=True)
    if report.attempt_id is not None:
        await end_attempt(
            transaction,
            report.attempt_id,
            state=AttemptState.ACCEPTED,
            provider_message_id=report.provider_message_id,
        )
    status = advance_delivery(message.status, report.status)
    if status is message.status:
        return True
    is_bad = status in (MessageStatus.FAILED, MessageStatus.UNDELIVERED)
    await update_message(
        transaction,
        message_id,
        status=status.value,
        channel_id=channel_id,
        provider_message_id=message.provider_message_id or report.provider_message_id,
        error_code=report.error_code if is_bad else None,
        error_detail=f"the provider reports: {report.raw_status}" if is_bad else None,
    )
    failpoints.hit("record_delivery.updated")
    if message.status in _NOT_COUNTED:
        await record_usage(transaction, message_id)
    await add_stream_event(transaction, f"message.{status.value}", message_id)
    return True
