"""Inbound events: reached by functions only, since they come before any organization is known."""

import datetime as dt
import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa

from clientflow_core import failpoints
from clientflow_core.domain.inbound_events import InboundEvent, InboundEventState, ReplayOutcome
from clientflow_core.domain.jobs import INBOUND
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, first_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.statements import Statements

_STORE: Final = sa.text(
    """
    SELECT store_inbound_events(
        cast(:ids AS uuid[]), cast(:providers AS text[]), cast(:webhooks AS text[]),
        cast(:accounts AS text[]), cast(:external_ids AS text[]), cast(:methods AS text[]),
        cast(:urls AS text[]), cast(:headers AS jsonb[]), cast(:bodies AS bytea[]),
        cast(:received_ats AS timestamptz[]), cast(:verified_fors AS text[]),
        cast(:recipients AS text[]))
    """
)
_READ: Final = sa.text("SELECT * FROM read_inbound_event(:id)")
_ROUTE: Final = sa.text(
    """
    SELECT organization_id, channel_id FROM route_inbound_event(
        :id, :provider, cast(:addresses AS text[]), cast(:attempt_id AS uuid))
    """
)
_FINISH: Final = sa.text("SELECT finish_inbound_event(:id, :state, :reason)")
_LIST: Final = sa.text(
    """
    SELECT * FROM list_inbound_events(
        cast(:states AS text[]), cast(:since AS uuid), cast(:before AS uuid), :most)
    """
)
_STATES: Final = sa.text("SELECT * FROM read_inbound_event_states(cast(:ids AS uuid[]))")
_REPLAY: Final = sa.text("SELECT * FROM replay_inbound_events(cast(:ids AS uuid[]))")


@attrs.frozen
class Route:
    """Whose an event is, and which of their channels it came by."""

    organization_id: uuid.UUID
    channel_id: uuid.UUID


async def store_inbound_events(
    transaction: Transaction | Statements, events: Sequence[InboundEvent]
) -> int:
    """Keep *events* and ask for their handling, in one statement; again, it changes nothing.

    Returns:
        How many of them were new.
    """
    # In one order everywhere: two processes that were sent the same events wait for each other's
    # rows, and in different orders would do so for ever.
    events = sorted(events, key=lambda event: (event.provider, event.account, event.external_id))
    parameters = {
        "ids": _array(str(event.id) for event in events),
        "providers": _array(event.provider for event in events),
        "webhooks": _array(event.webhook for event in events),
        "accounts": _array(event.account for event in events),
        "external_ids": _array(event.external_id for event in events),
        "methods": _array(event.method for event in events),
        "urls": _array(event.url for event in events),
        "headers": _array(json.dumps(dict(event.headers)) for event in events),
        "bodies": _array(f"\\x{event.body.hex()}" for event in events),
        "received_ats": _array(event.received_at.isoformat() for event in events),
        "verified_fors": _array(str(event.verified_for or "") for event in events),
        # No address has a NUL in it, which PostgreSQL would refuse the event for.
        "recipients": _array((event.recipient or "").replace("\0", "") for event in events),
    }
    new = int(await transaction.scalar(_STORE, parameters))
    transaction.wake(INBOUND)
    return new


def _array(values: Iterable[str]) -> str:
    """Write *values* as PostgreSQL writes an array, ten times as fast as psycopg does it."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join([f'"{value}"' for value in quoted]) + "}"


async def read_inbound_event(transaction: Transaction, event_id: uuid.UUID) -> InboundEvent:
    """Read one event.

    Raises:
        NotFound: there is none with this id.
    """
    row = (await transaction.execute(_READ, {"id": event_id})).mappings().one_or_none()
    if row is None:
        raise _not_found(event_id)
    values = {name: row[name] for name in row if name not in ("state", "body")}
    state = InboundEventState(row["state"])
    return InboundEvent(**values, state=state, body=bytes(row["body"]))


async def route_inbound_event(
    transaction: Transaction,
    event_id: uuid.UUID,
    *,
    provider: str,
    addresses: Sequence[str],
    attempt_id: uuid.UUID | None = None,
) -> Route | None:
    """Find whose an event is and give it to them; None if it is nobody's.

    Args:
        transaction: of the system.
        event_id: names the event.
        provider: where it came from; a channel of another one is never found.
        addresses: of ours, at which it arrived; one that is a channel's decides.
        attempt_id: else the channel of this attempt does.
    """
    parameters = {
        "id": event_id,
        "provider": provider,
        "addresses": list(addresses),
        "attempt_id": attempt_id,
    }
    row = (await transaction.execute(_ROUTE, parameters)).one_or_none()
    return Route(row.organization_id, row.channel_id) if row else None


async def finish_inbound_event(
    transaction: Transaction,
    event_id: uuid.UUID,
    *,
    state: InboundEventState,
    reason: str | None = None,
) -> None:
    """Write down what became of an event."""
    parameters = {"id": event_id, "state": state.value, "reason": reason}
    await transaction.execute(_FINISH, parameters)


async def list_inbound_events(
    transaction: Transaction,
    *,
    states: Collection[InboundEventState] = (),
    since: dt.datetime | None = None,
    before: uuid.UUID | None = None,
    most: int,
) -> Sequence[Mapping[str, Any]]:
    """List events for an operator, newest first, without what is in them.

    Args:
        transaction: of the system.
        states: only those in one of them; empty for all. An event whose job was given up is among
            those that failed.
        since: only those that were stored then or later.
        before: only those that are older than this one, for the next page.
        most: 1 or more.
    """
    parameters = {
        "states": [state.value for state in states] or None,
        "since": first_id(since) if since else None,
        "before": before,
        "most": most,
    }
    rows = await transaction.execute(_LIST, parameters)
    return [dict(row) for row in rows.mappings()]


async def read_inbound_event_states(
    transaction: Transaction, event_ids: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, tuple[InboundEventState, str | None]]:
    """Read what became of events, each with the reason."""
    rows = await transaction.execute(_STATES, {"ids": list(event_ids)})
    return {row.id: (InboundEventState(row.state), row.reason) for row in rows}


async def replay_inbound_events(
    transaction: Transaction, event_ids: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, ReplayOutcome]:
    """Ask for the handling of events once more; say for each what was done for it.

    Each has one job at the most, however many ask at once: a job that waits for another try becomes
    due, one that was given up is replaced. Nobody is waited for.

    Raises:
        NotFound: one of them is not there; undo the transaction, and nothing was asked for.
    """
    rows = await transaction.execute(_REPLAY, {"ids": list(event_ids)})
    failpoints.hit("inbound_events.replayed")
    outcomes = {row.event_id: ReplayOutcome(row.outcome) for row in rows}
    for event_id in event_ids:
        if event_id not in outcomes:
            raise _not_found(event_id)
    transaction.wake(INBOUND)
    return outcomes


def _not_found(event_id: uuid.UUID) -> NotFound:
    return NotFound(f"there is no inbound event {to_public_id(IdPrefix.INBOUND_EVENT, event_id)}")
