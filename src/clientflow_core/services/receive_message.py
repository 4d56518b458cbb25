"""A client has written: contact, conversation, message."""

import datetime as dt
import uuid

from clientflow_core.domain.contacts import ContactPointKind
from clientflow_core.domain.messages import Direction, MessageReceived, MessageStatus
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.contacts import find_or_add_contact_point
from clientflow_core.persistence.repositories.conversations import (
    find_or_add_conversation,
    touch_conversation,
)
from clientflow_core.persistence.repositories.messages import add_message
from clientflow_core.persistence.repositories.stream_events import add_stream_event


async def receive_message(
    transaction: Transaction,
    received: MessageReceived,
    *,
    channel_id: uuid.UUID,
    received_at: dt.datetime,
) -> None:
    """Add the message to its conversation, making the conversation and the contact if need be.

    The same message of the provider is added once, however often it comes. It stands where it came
    in, however late it is handled.
    """
    point, _ = await find_or_add_contact_point(
        transaction, kind=ContactPointKind.PHONE, value=received.sender
    )
    conversation_id = await find_or_add_conversation(
        transaction, channel_id=channel_id, point=point
    )
    message_id = new_id(at=received_at)
    is_new = await add_message(
        transaction,
        message_id=message_id,
        conversation_id=conversation_id,
        channel_id=channel_id,
        direction=Direction.IN,
        body=received.body,
        status=MessageStatus.RECEIVED,
        provider_message_id=received.provider_message_id,
        media_urls=received.media_urls,
        created_at=received_at,
    )
    if not is_new:
        return
    await touch_conversation(transaction, conversation_id)
    await add_stream_event(transaction, "message.received", message_id)
