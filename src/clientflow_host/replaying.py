"""Inbound events that are handled again, followed until it is known how that ends."""

import asyncio
import datetime as dt
import enum
import time
import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from clientflow_core.domain.inbound_events import InboundEventState, ReplayOutcome
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.readiness import read_readiness
from clientflow_core.persistence.repositories.inbound_events import (
    list_inbound_events,
    read_inbound_event_states,
    replay_inbound_events,
)
from clientflow_core.persistence.repositories.jobs import list_jobs_of_events

_AT_ONCE: Final = 500
_POLL_SECONDS: Final = 0.2


class ReplayEnd(enum.StrEnum):
    """How a replay ended, as far as it was followed."""

    DONE = "done"
    DONE_BEFORE = "done before"
    IGNORED = "ignored"
    FAILED = "failed"
    PUT_OFF = "put off"
    WAITING = "waiting"


_ENDS: Final[Mapping[InboundEventState, ReplayEnd]] = {
    InboundEventState.DONE: ReplayEnd.DONE,
    InboundEventState.IGNORED: ReplayEnd.IGNORED,
    InboundEventState.FAILED: ReplayEnd.FAILED,
}
_GOOD: Final = frozenset({ReplayEnd.DONE, ReplayEnd.DONE_BEFORE, ReplayEnd.IGNORED})


@attrs.frozen(kw_only=True)
class Replayed:
    """What has become of one event.

    Attributes:
        reason: why it was ignored or failed, or what it waits for.
    """

    id: uuid.UUID
    end: ReplayEnd
    reason: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether nothing is left to be done about it."""
        return self.end in _GOOD


class Replaying:
    """Asks for the handling of events, and looks how it goes.

    Args:
        database: as the application role. It wakes nobody: the workers' sweep finds the jobs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: list[uuid.UUID] = []
        self._settled: dict[uuid.UUID, Replayed] = {}

    async def choose(
        self, *, states: Collection[InboundEventState], since: dt.datetime | None
    ) -> list[uuid.UUID]:
        """Find the events in one of *states*, of *since* or later, the oldest first."""
        found: list[uuid.UUID] = []
        while True:
            async with self._database.system() as transaction:
                rows = await list_inbound_events(
                    transaction,
                    states=states,
                    since=since,
                    before=found[-1] if found else None,
                    most=_AT_ONCE,
                )
            found += [row["id"] for row in rows]
            if len(rows) < _AT_ONCE:
                return found[::-1]

    async def ask(self, event_ids: Sequence[uuid.UUID]) -> None:
        """Ask for the handling of events, many in one transaction.

        Raises:
            NotFound: one of them is not there.
        """
        self._ids += event_ids
        for begin in range(0, len(event_ids), _AT_ONCE):
            some = event_ids[begin : begin + _AT_ONCE]
            async with self._database.system() as transaction:
                outcomes = await replay_inbound_events(transaction, some)
            for event_id, outcome in outcomes.items():
                if outcome is ReplayOutcome.DONE:
                    self._settle(event_id, ReplayEnd.DONE_BEFORE, "nothing is left to be done")

    async def follow(self, *, wait_seconds: float) -> AsyncIterator[int]:
        """Look until all are settled, or nothing was for so long; give how many are, each time."""
        deadline = time.monotonic() + wait_seconds
        while (waiting := self._waiting()) and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
            await self._look(waiting[:_AT_ONCE])
            if len(self._waiting()) < len(waiting):
                deadline = time.monotonic() + wait_seconds
            yield len(self._settled)

    async def has_worker(self) -> bool:
        """Tell whether a worker is about."""
        return (await read_readiness(self._database)).workers == "ok"

    def replayed(self) -> list[Replayed]:
        """Give what has become of each, in the order in which they were asked for."""
        waiting = [Replayed(id=event_id, end=ReplayEnd.WAITING) for event_id in self._waiting()]
        ends = {**self._settled, **{one.id: one for one in waiting}}
        return [ends[event_id] for event_id in self._ids]

    def _waiting(self) -> list[uuid.UUID]:
        return [event_id for event_id in self._ids if event_id not in self._settled]

    async def _look(self, event_ids: Sequence[uuid.UUID]) -> None:
        async with self._database.system() as transaction:
            states = await read_inbound_event_states(transaction, event_ids)
            waiting = [one for one, (state, _) in states.items() if state not in _ENDS]
            jobs = await list_jobs_of_events(transaction, waiting) if waiting else {}
        for event_id, (state, reason) in states.items():
            if state in _ENDS:
                self._settle(event_id, _ENDS[state], reason)
            elif event_id in jobs:
                self._settle_by_job(event_id, jobs[event_id])

    def _settle_by_job(self, event_id: uuid.UUID, job: Mapping[str, Any]) -> None:
        if job["dead_at"]:
            self._settle(event_id, ReplayEnd.FAILED, job["last_error"])
        elif job["is_put_off"]:
            reason = f"{job['last_error']}; the next try is at {job['run_at']:%H:%M:%S} UTC"
            self._settle(event_id, ReplayEnd.PUT_OFF, reason)

    def _settle(self, event_id: uuid.UUID, end: ReplayEnd, reason: str | None) -> None:
        self._settled[event_id] = Replayed(id=event_id, end=end, reason=reason)
