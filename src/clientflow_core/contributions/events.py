"""What has happened, for a plugin that wants to know."""

import enum
import uuid
from collections.abc import Awaitable, Callable, Iterable

import attrs

from clientflow_core.contributions.checking import is_async, is_deadline, is_name
from clientflow_core.contributions.context import PluginContext
from clientflow_core.domain.messages import Message


class EventKind(enum.StrEnum):
    """What has happened; more may be added, so ask for those that you want."""

    MESSAGE_RECEIVED = "message.received"
    MESSAGE_QUEUED = "message.queued"
    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_READ = "message.read"
    MESSAGE_UNDELIVERED = "message.undelivered"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_UNKNOWN = "message.unknown"


@attrs.frozen(kw_only=True)
class DomainEvent:
    """Something that has happened to a message.

    Attributes:
        id: the same whenever this event is told again.
        kind: what has happened.
        organization_id: to whom.
        message: as it is now, when the event is told; it may have come further meanwhile.
        provider: the channel's provider.
        own_address: the organization's address on the channel.
        client_address: the client's.
        attempt: 1 when the event is told for the first time.
    """

    id: uuid.UUID
    kind: EventKind
    organization_id: uuid.UUID
    message: Message
    provider: str
    own_address: str
    client_address: str
    attempt: int


def _to_kinds(kinds: Iterable[str]) -> frozenset[EventKind]:
    return frozenset(EventKind(kind) for kind in kinds)


@attrs.frozen(kw_only=True)
class EventListener:
    """Is told of events, each at least once, after they are committed; in no certain order.

    Attributes:
        name: lower case; must stay the same as long as an event may be waiting to be told.
        kinds: which events; of others nothing is written down.
        handle: an exception has the event told again, later and later.
        deadline_seconds: one that takes longer is cancelled, and told again; at most 60.
    """

    name: str = attrs.field(validator=is_name)
    kinds: frozenset[EventKind] = attrs.field(
        converter=_to_kinds, validator=attrs.validators.min_len(1)
    )
    handle: Callable[[DomainEvent, PluginContext], Awaitable[None]] = attrs.field(
        validator=is_async
    )
    deadline_seconds: float = attrs.field(default=20.0, validator=is_deadline(60.0))
