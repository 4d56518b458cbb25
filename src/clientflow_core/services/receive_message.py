"""A client has written: contact, conversation, message."""

import datetime as dt
import uuid

from clientflow_core import failpoints
from clientflow_core.domain.contacts import ContactPoint, ContactPointKind
from clientflow_core.domain.email.html import clean_html
from clientflow_core.domain.email.replies import split_reply
from clientflow_core.domain.messages import Direction, KeptEmail, MessageReceived, MessageStatus
from clientflow_core.domain.routing import LONGEST_EMAIL
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.attachments import add_attachments
from clientflow_core.persistence.repositories.contacts import find_or_add_contact_point
from clientflow_core.persistence.repositories.conversations import touch_conversation
from clientflow_core.persistence.repositories.messages import add_message
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.services.find_conversation import find_conversation


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
    point = await _sender_of(transaction, received)
    conversation_id = await find_conversation(
        transaction,
        channel_id=channel_id,
        point=point,
        email=received.email,
        received_at=received_at,
    )
    body, email = _read(received)
    message_id = new_id(at=received_at)
    is_new = await add_message(
        transaction,
        message_id=message_id,
        conversation_id=conversation_id,
        channel_id=channel_id,
        direction=Direction.IN,
        body=body,
        status=MessageStatus.RECEIVED,
        provider_message_id=received.provider_message_id,
        media_urls=received.media_urls,
        created_at=received_at,
        email=email,
    )
    if not is_new:
        return
    if received.email:
        await add_attachments(transaction, message_id, received.email.attachments)
    failpoints.hit("receive_message.added")
    await touch_conversation(transaction, conversation_id)
    await add_stream_event(transaction, "message.received", message_id)


async def _sender_of(transaction: Transaction, received: MessageReceived) -> ContactPoint:
    email = received.email
    point, _ = await find_or_add_contact_point(
        transaction,
        kind=ContactPointKind.EMAIL if email else ContactPointKind.PHONE,
        value=received.sender,
        name=email.sender_name if email else None,
    )
    return point


def _read(received: MessageReceived) -> tuple[str, KeptEmail | None]:
    """Give the text to keep, and what is kept of an e-mail beside it."""
    email = received.email
    if email is None:
        return received.body, None
    split = split_reply(received.body)
    # No page shows more; the event still has all of it.
    return split.text[:LONGEST_EMAIL], KeptEmail(
        subject=email.subject,
        message_id=email.message_id,
        in_reply_to=email.in_reply_to,
        references=email.references,
        sender=received.sender,
        html=(clean_html(email.html) or None) if email.html else None,
        quoted=split.rest[:LONGEST_EMAIL],
        is_automatic=email.is_automatic,
    )
