"""What the API shows of the domain, and what it takes: the published types."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeAlias

import attrs
from msgspec import Meta

from clientflow_core.domain.contacts import Contact, ContactPoint, ContactPointKind
from clientflow_core.domain.conversations import Conversation, Place
from clientflow_core.domain.messages import (
    AttemptState,
    Direction,
    KeptAttachment,
    KeptEmail,
    Message,
    MessageAttempt,
    MessageStatus,
)
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_host.openapi import Timestamp

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CONTACT: Final = ["con_01a20d1c64697154b0772e4dbdab06a6"]
_CONVERSATION: Final = ["cnv_01a20d1c6f967f72af51229fb5e6b375"]
_MESSAGE: Final = ["msg_01a20d1c7faa7fcea7a8f7c97e24159c"]
_ATTACHMENT: Final = ["att_01a20d1c8b047c2bb6f3a1de5c9a7e10"]
ContactId: TypeAlias = Annotated[str, Meta(pattern="^con_[0-9a-f]{32}$", examples=_CONTACT)]
ConversationId: TypeAlias = Annotated[
    str, Meta(pattern="^cnv_[0-9a-f]{32}$", examples=_CONVERSATION)
]
MessageId: TypeAlias = Annotated[str, Meta(pattern="^msg_[0-9a-f]{32}$", examples=_MESSAGE)]
ConversationCursor: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^cnv_[0-9a-f]{32}(-[0-9]{1,17})?$",
        description="the `next_cursor` of a page; or a conversation's id, wherever that is by now",
        examples=[f"{_CONVERSATION[0]}-1795515108106000"],
    ),
]
# In a path, a text that can be no id is not found, as one that is nobody's.
ContactIdInPath: TypeAlias = Annotated[str, Meta(examples=_CONTACT)]
ConversationIdInPath: TypeAlias = Annotated[str, Meta(examples=_CONVERSATION)]
AttachmentIdInPath: TypeAlias = Annotated[str, Meta(examples=_ATTACHMENT)]
MessageIdInPath: TypeAlias = Annotated[str, Meta(examples=_MESSAGE)]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=100, description="how many at most")]


@attrs.frozen(kw_only=True)
class ContactPointView:
    """An address of a contact; a telephone number in E.164, or an e-mail address."""

    id: str
    kind: ContactPointKind
    value: str

    @classmethod
    def of(cls, point: ContactPoint) -> "ContactPointView":
        """Show *point*."""
        return cls(
            id=to_public_id(IdPrefix.CONTACT_POINT, point.id), kind=point.kind, value=point.value
        )


@attrs.frozen(kw_only=True)
class ContactView:
    """A client of the business."""

    id: ContactId
    name: str | None
    points: list[ContactPointView]
    created_at: Timestamp

    @classmethod
    def of(cls, contact: Contact) -> "ContactView":
        """Show *contact*."""
        return cls(
            id=to_public_id(IdPrefix.CONTACT, contact.id),
            name=contact.name,
            points=[ContactPointView.of(point) for point in contact.points],
            created_at=contact.created_at,
        )


@attrs.frozen(kw_only=True)
class ConversationView:
    """The thread of one channel with one address of a contact; `subject` is null of texts."""

    id: ConversationId
    contact_id: ContactId
    contact_name: str | None
    channel_id: str
    address: str
    last_message_at: Timestamp
    last_body: str | None
    created_at: Timestamp
    subject: str | None

    @classmethod
    def of(cls, conversation: Conversation) -> "ConversationView":
        """Show *conversation*."""
        return cls(
            id=to_public_id(IdPrefix.CONVERSATION, conversation.id),
            contact_id=to_public_id(IdPrefix.CONTACT, conversation.contact_id),
            contact_name=conversation.contact_name,
            channel_id=to_public_id(IdPrefix.CHANNEL, conversation.channel_id),
            address=conversation.address,
            last_message_at=conversation.last_message_at,
            last_body=conversation.last_body,
            created_at=conversation.created_at,
            subject=conversation.subject,
        )


@attrs.frozen(kw_only=True)
class AttachmentView:
    """A file of an e-mail; `is_kept` is false of one that was too large."""

    id: str
    name: str
    content_type: str
    size_bytes: int
    is_kept: bool

    @classmethod
    def of(cls, file: KeptAttachment) -> "AttachmentView":
        """Show *file*."""
        return cls(
            id=to_public_id(IdPrefix.ATTACHMENT, file.id),
            name=file.name,
            content_type=file.content_type,
            size_bytes=file.size_bytes,
            is_kept=file.is_kept,
        )


@attrs.frozen(kw_only=True)
class EmailView:
    """What an e-mail has beside its text; its HTML is cleaned, and fetches nothing."""

    subject: str
    message_id: str | None
    in_reply_to: str | None
    references: list[str]
    sender: str | None
    html: str | None
    quoted: str
    is_automatic: bool
    attachments: list[AttachmentView]

    @classmethod
    def of(cls, email: KeptEmail) -> "EmailView":
        """Show *email*."""
        return cls(
            subject=email.subject,
            message_id=email.message_id,
            in_reply_to=email.in_reply_to,
            references=list(email.references),
            sender=email.sender,
            html=email.html,
            quoted=email.quoted,
            is_automatic=email.is_automatic,
            attachments=[AttachmentView.of(file) for file in email.attachments],
        )


@attrs.frozen(kw_only=True)
class MessageView:
    """A message, in or out; `email` is null of a text."""

    id: MessageId
    conversation_id: ConversationId
    direction: Direction
    body: str
    media_urls: list[str]
    status: MessageStatus
    provider_message_id: str | None
    error_code: str | None
    error_detail: str | None
    created_at: Timestamp
    updated_at: Timestamp
    email: EmailView | None

    @classmethod
    def of(cls, message: Message) -> "MessageView":
        """Show *message*."""
        return cls(**_shown(message))


@attrs.frozen(kw_only=True)
class AttemptView:
    """One try to hand a message to its provider."""

    number: int
    channel_id: str
    state: AttemptState
    provider_message_id: str | None
    started_at: Timestamp


@attrs.frozen(kw_only=True)
class MessageWithAttempts(MessageView):
    """A message with its attempts, the first first; one that came in has none."""

    attempts: list[AttemptView]

    @classmethod
    def with_attempts(
        cls, message: Message, attempts: Sequence[MessageAttempt]
    ) -> "MessageWithAttempts":
        """Show *message* and how it was sent."""
        shown = [
            AttemptView(
                number=attempt.number,
                channel_id=to_public_id(IdPrefix.CHANNEL, attempt.channel_id),
                state=attempt.state,
                provider_message_id=attempt.provider_message_id,
                started_at=attempt.started_at,
            )
            for attempt in attempts
        ]
        return cls(**_shown(message), attempts=shown)


def _shown(message: Message) -> dict[str, Any]:
    return {
        "id": to_public_id(IdPrefix.MESSAGE, message.id),
        "conversation_id": to_public_id(IdPrefix.CONVERSATION, message.conversation_id),
        "direction": message.direction,
        "body": message.body,
        "media_urls": list(message.media_urls),
        "status": message.status,
        "provider_message_id": message.provider_message_id,
        "error_code": message.error_code,
        "error_detail": message.error_detail,
        "created_at": message.created_at,
        "updated_at": message.updated_at,
        "email": EmailView.of(message.email) if message.email else None,
    }


def to_cursor(place: Place) -> str:
    """Name a place in the list of conversations, which their next messages do not move."""
    microseconds = (place.last_message_at - _EPOCH) // dt.timedelta(microseconds=1)
    return f"{to_public_id(IdPrefix.CONVERSATION, place.id)}-{microseconds}"


def from_cursor(text: str | None) -> uuid.UUID | Place | None:
    """Read a cursor in the list of conversations; its form is checked by the schema."""
    name, _, microseconds = (text or "").partition("-")
    id_ = id_or_none(name, IdPrefix.CONVERSATION)
    if id_ is None or not microseconds:
        return id_
    at = _EPOCH + dt.timedelta(microseconds=int(microseconds))
    return Place(last_message_at=at, id=id_)


def id_or_none(text: str | None, prefix: IdPrefix) -> uuid.UUID | None:
    """Read a cursor, if there is one; its form is checked by the schema."""
    return uuid.UUID(hex=text.removeprefix(f"{prefix}_")) if text else None
