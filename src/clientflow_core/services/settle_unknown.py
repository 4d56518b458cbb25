"""A person says what became of a message of which nobody else can say whether it was sent."""

import uuid

from clientflow_core.domain.jobs import OUTBOUND
from clientflow_core.domain.messages import AttemptState, Message, MessageStatus
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.dead_jobs import mark_delivery_discarded
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.persistence.repositories.messages import (
    end_attempt,
    list_attempts,
    read_message,
    update_message,
)
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.services.record_usage import record_usage
from clientflow_core.services.send_message import DELIVER_MESSAGE


async def settle_unknown(
    transaction: Transaction, message_id: uuid.UUID, *, was_sent: bool, by: str, reason: str
) -> Message:
    """Mark a message as sent, or send it again; who has said so and why is kept with its attempt.

    Args:
        transaction: of the organization.
        message_id: names the message.
        was_sent: whether the client has it; where not, it is sent once more.
        by: who says so.
        reason: how they know; one line.

    One of which it is known already stays as it is: whoever asks second changes nothing.

    Raises:
        NotFound: this organization has no such message.
    """
    message = await read_message(transaction, message_id, is_locked=True)
    if message.status is not MessageStatus.UNKNOWN:
        return await read_message(transaction, message_id)
    words = f"{'marked as sent' if was_sent else 'sent again'} by {by}: {reason}"
    await mark_delivery_discarded(
        transaction, message_id, kind=DELIVER_MESSAGE, by=by, reason=words
    )
    await _end_attempts(transaction, message_id, was_sent=was_sent, words=words)
    status = MessageStatus.SENT if was_sent else MessageStatus.QUEUED
    await update_message(
        transaction, message_id, status=status.value, error_code=None, error_detail=None
    )
    await add_stream_event(transaction, f"message.{status.value}", message_id)
    if was_sent:
        await record_usage(transaction, message_id)
    else:
        args = {"message_id": str(message_id)}
        await enqueue(transaction, lane=OUTBOUND, kind=DELIVER_MESSAGE, args=args)
    return await read_message(transaction, message_id)


async def _end_attempts(
    transaction: Transaction, message_id: uuid.UUID, *, was_sent: bool, words: str
) -> None:
    state = AttemptState.ACCEPTED if was_sent else AttemptState.NOT_ACCEPTED
    for attempt in await list_attempts(transaction, message_id):
        if not attempt.has_ended or attempt.state is AttemptState.UNKNOWN:
            await end_attempt(transaction, attempt.id, state=state, detail=words)
