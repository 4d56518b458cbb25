"""Way out, first half: the message is queued together with the job that will deliver it."""

import uuid
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from clientflow_core import failpoints
from clientflow_core.domain.conversations import Conversation
from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.email.threads import (
    new_message_id,
    next_references,
    reply_subject,
)
from clientflow_core.domain.jobs import OUTBOUND
from clientflow_core.domain.messages import Direction, KeptEmail, Message, MessageStatus
from clientflow_core.domain.routing import Medium
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.attachments import add_attachments
from clientflow_core.persistence.repositories.channels import read_channel
from clientflow_core.persistence.repositories.conversations import (
    read_conversation,
    touch_conversation,
)
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.persistence.repositories.messages import add_message, read_message
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.persistence.repositories.threads import newest_email
from clientflow_core.services.require_consent import require_consent

DELIVER_MESSAGE: Final = "deliver_message"
_NAMES: Final = MappingProxyType({Medium.TEXT: "a text", Medium.EMAIL: "an e-mail"})


async def send_message(
    transaction: Transaction,
    conversation_id: uuid.UUID,
    *,
    body: str,
    media_urls: Sequence[str] = (),
    subject: str | None = None,
    files: Sequence[Attachment] = (),
) -> Message:
    """Queue a message for delivery.

    Args:
        transaction: of the organization that sends.
        conversation_id: says by which channel and to which address it goes.
        body: 1 to 1600 characters; of an e-mail up to 100000.
        media_urls: up to 10, from where the provider fetches what goes with a text.
        subject: of an e-mail, if it is another than that of an answer.
        files: come with an e-mail.

    Raises:
        NotFound: this organization has no such conversation.
        OptedOut: the client does not want to hear from us by this medium.
        InvalidInput: *body* is too long for a text, or an e-mail is given *media_urls*.
    """
    conversation = await read_conversation(transaction, conversation_id)
    await require_consent(transaction, conversation_id, medium=conversation.medium)
    _require_length(conversation, body)
    _require_no_media(conversation, media_urls)
    # A conversation is read in the order of the ids, whichever process has made them.
    message_id = new_id(at=await transaction.now())
    await add_message(
        transaction,
        message_id=message_id,
        conversation_id=conversation_id,
        channel_id=conversation.channel_id,
        direction=Direction.OUT,
        body=body,
        status=MessageStatus.QUEUED,
        media_urls=media_urls,
        email=await _answer(transaction, conversation, message_id, subject=subject),
    )
    await add_attachments(transaction, message_id, files)
    await touch_conversation(transaction, conversation_id)
    await add_stream_event(transaction, "message.queued", message_id)
    await enqueue(
        transaction, lane=OUTBOUND, kind=DELIVER_MESSAGE, args={"message_id": str(message_id)}
    )
    failpoints.hit("send_message.queued")
    return await read_message(transaction, message_id)


def _require_length(conversation: Conversation, body: str) -> None:
    medium = conversation.medium
    longest = medium.longest_body
    if len(body) > longest:
        rule = f"at most {longest} characters in {_NAMES[medium]}"
        detail = f"This is {len(body) - longest} characters too long: {rule} can be sent at once."
        raise InvalidInput(detail, [FieldError("/body", rule)])


def _require_no_media(conversation: Conversation, media_urls: Sequence[str]) -> None:
    if media_urls and conversation.medium is not Medium.TEXT:
        rule = "only texts have them"
        raise InvalidInput(
            f"The media_urls are refused: {rule}.", [FieldError("/media_urls", rule)]
        )


async def _answer(
    transaction: Transaction,
    conversation: Conversation,
    message_id: uuid.UUID,
    *,
    subject: str | None,
) -> KeptEmail | None:
    """Give what an answer has beside its text; None where texts are exchanged."""
    if conversation.subject is None:
        return None
    channel = await read_channel(transaction, conversation.channel_id)
    newest = await newest_email(transaction, conversation.id) or EmailParts()
    return KeptEmail(
        subject=reply_subject(conversation.subject) if subject is None else subject,
        message_id=new_message_id(message_id, sender=channel.address),
        in_reply_to=newest.message_id,
        references=next_references(newest),
        sender=None,
        html=None,
        quoted="",
        is_automatic=False,
    )
