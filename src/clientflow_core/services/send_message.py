"""Way out, first half: the message is queued together with the job that will deliver it."""

import uuid
from typing import Final

from clientflow_core.domain.jobs import OUTBOUND
from clientflow_core.domain.messages import Direction, Message, MessageStatus
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.conversations import (
    read_conversation,
    touch_conversation,
)
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.persistence.repositories.messages import add_message, read_message
from clientflow_core.persistence.repositories.stream_events import add_stream_event

DELIVER_MESSAGE: Final = "deliver_message"


async def send_message(
    transaction: Transaction, conversation_id: uuid.UUID, *, body: str
) -> Message:
    """Queue a message for delivery.

    Args:
        transaction: of the organization that sends.
        conversation_id: says by which channel and to which address it goes.
        body: 1 to 1600 characters.

    Raises:
        NotFound: this organization has no such conversation.
    """
    conversation = await read_conversation(transaction, conversation_id)
    message_id = new_id()
    await add_message(
        transaction,
        message_id=message_id,
        conversation_id=conversation_id,
        channel_id=conversation.channel_id,
        direction=Direction.OUT,
        body=body,
        status=MessageStatus.QUEUED,
    )
    await touch_conversation(transaction, conversation_id)
    await add_stream_event(transaction, "message.queued", message_id)
    await enqueue(
        transaction, lane=OUTBOUND, kind=DELIVER_MESSAGE, args={"message_id": str(message_id)}
    )
    return await read_message(transaction, message_id)
