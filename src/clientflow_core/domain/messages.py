"""Messages, the state they are in, and what providers say about them."""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from clientflow_core.domain.changes import CalendarChanged, SubscriptionChanged
from clientflow_core.domain.consent import ConsentReported
from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.routing import Channel


class Direction(enum.StrEnum):
    """Who speaks: ``in`` is the client, ``out`` the business."""

    IN = "in"
    OUT = "out"


class MessageStatus(enum.StrEnum):
    """Where a message is on its way.

    Out: queued, sending, then sent, delivered and read; or failed, undelivered. *unknown* is a
    message that the provider may or may not have, which waits for a person. In: received.
    """

    RECEIVED = "received"
    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


_RANK: Final[Mapping[MessageStatus, int]] = MappingProxyType(
    {
        MessageStatus.RECEIVED: 9,
        MessageStatus.QUEUED: 0,
        MessageStatus.SENDING: 1,
        MessageStatus.UNKNOWN: 2,
        MessageStatus.SENT: 3,
        MessageStatus.FAILED: 4,
        MessageStatus.UNDELIVERED: 5,
        MessageStatus.DELIVERED: 6,
        MessageStatus.READ: 7,
    }
)


def advance_delivery(current: MessageStatus, reported: MessageStatus) -> MessageStatus:
    """Give the state after *reported* arrives: it only ever moves forward.

    Reports come late, twice and in any order, so one that says less than what is known changes
    nothing. A delivery report outweighs a failure report, since carriers correct in that direction.
    No two states weigh the same, so that every order of the same reports ends in the same state.
    """
    return reported if _RANK[reported] > _RANK[current] else current


class AttemptState(enum.StrEnum):
    """How one call to the provider ended.

    *sending* is written before the call; an attempt that still says so when its job starts again
    may have reached the provider and is looked up, never repeated blindly. *not_accepted* surely
    has not; *postponed* neither: the provider was busy, and is asked again in a moment.
    """

    SENDING = "sending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_ACCEPTED = "not_accepted"
    POSTPONED = "postponed"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class OutboundMessage:
    """A message for a provider to send.

    Attributes:
        attempt_id: names this attempt; the provider sends it back with its reports where it can.
        sender: our address on the channel, E.164 for a telephone.
        recipient: the client's address, in the same form.
        body: the text, 1 to 1600 characters; of an e-mail up to 100000.
        media_urls: where the provider fetches what goes with it, such as pictures.
        email: what an e-mail has beside it; None for a text.
    """

    attempt_id: uuid.UUID
    sender: str
    recipient: str
    body: str
    media_urls: tuple[str, ...] = ()
    email: EmailParts | None = None


@attrs.frozen(kw_only=True)
class Receipt:
    """What the provider says about a message that it has taken.

    Attributes:
        provider_message_id: the provider's own name for it.
        status: its state now; at least *sent*, since the provider has it.
        segments: how many parts it is billed as, if the provider tells.
        accepted_at: when the provider took it, aware, if it tells.
    """

    provider_message_id: str
    status: MessageStatus
    segments: int | None = None
    accepted_at: dt.datetime | None = None


@attrs.frozen(kw_only=True)
class MessageReceived:
    """A client has written to us.

    Attributes:
        provider_message_id: the provider's name for it; the same text never counts twice.
        sender: the client's address.
        recipient: our address, by which the organization is found.
        body: the text; may be empty.
        media_urls: where its attachments are, at the provider.
        group: the address of ours that stands for several, such as a messaging service, if it came
            through one; counts as the recipient does.
        email: what an e-mail has beside its text; None for a text. *body* is then the whole of the
            text: what is quoted below an answer is taken off when it is kept.
    """

    provider_message_id: str
    sender: str
    recipient: str
    body: str
    media_urls: tuple[str, ...] = ()
    group: str | None = None
    email: EmailParts | None = None


@attrs.frozen(kw_only=True)
class DeliveryReported:
    """The provider tells how far one of our messages has come.

    Attributes:
        sender: our address, by which the organization is found; empty where the provider has not
            chosen one yet, and then the attempt tells.
        status: how far it has come.
        raw_status: the provider's own word.
        attempt_id: which attempt it was, where the report carries it.
        error_code: its code for what went wrong, if anything did.
        group: as in :class:`MessageReceived`.
    """

    provider_message_id: str
    sender: str
    status: MessageStatus
    raw_status: str
    attempt_id: uuid.UUID | None = None
    error_code: str | None = None
    group: str | None = None


ProviderEvent = (
    MessageReceived | DeliveryReported | ConsentReported | SubscriptionChanged | CalendarChanged
)
"""What an inbound webhook can mean; handled by one ``match`` in services/handle_inbound_event."""


@attrs.frozen(kw_only=True)
class KeptAttachment:
    """A file of an e-mail, without what is in it.

    Attributes:
        is_kept: whether what is in it was kept; not of one that was too large.
    """

    id: uuid.UUID
    message_id: uuid.UUID
    name: str
    content_type: str
    size_bytes: int
    is_kept: bool


@attrs.frozen(kw_only=True)
class KeptEmail:
    """What is kept of an e-mail beside its text.

    Attributes:
        subject: one line; may be empty.
        message_id: its Message-ID, with the angle brackets.
        in_reply_to: the Message-ID of what it answers.
        references: the Message-IDs of the thread, the oldest first.
        sender: the address that it came from; None of ours.
        html: cleaned: nothing in it runs or is fetched by itself.
        quoted: what stood below the text, such as what it answers, and the signature.
        is_automatic: a program wrote it.
    """

    subject: str
    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    sender: str | None
    html: str | None
    quoted: str
    is_automatic: bool
    attachments: tuple[KeptAttachment, ...] = ()


@attrs.frozen(kw_only=True)
class Message:
    """A message as it is kept.

    Attributes:
        body: the text; of an e-mail what was written, without what it quotes.
        email: None for a text.
    """

    id: uuid.UUID
    conversation_id: uuid.UUID
    channel_id: uuid.UUID
    direction: Direction
    body: str
    media_urls: tuple[str, ...]
    status: MessageStatus
    provider_message_id: str | None
    error_code: str | None
    error_detail: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    email: KeptEmail | None = None


@attrs.frozen(kw_only=True)
class MessageAttempt:
    """One try to hand a message to its provider.

    Attributes:
        number: 1 for the first.
        lookups: how often the provider was asked whether it has it.
    """

    id: uuid.UUID
    message_id: uuid.UUID
    number: int
    channel_id: uuid.UUID
    state: AttemptState
    provider_message_id: str | None
    lookups: int
    started_at: dt.datetime

    @property
    def has_ended(self) -> bool:
        """Whether its outcome is known."""
        return self.state not in (AttemptState.SENDING, AttemptState.UNKNOWN)


@attrs.frozen(kw_only=True)
class Delivery:
    """What it takes to send a message: itself, its conversation's channel, the client's address.

    Attributes:
        attachments: of an e-mail, with what is in them.
    """

    message: Message
    channel: Channel
    recipient: str
    attachments: tuple[Attachment, ...] = ()
