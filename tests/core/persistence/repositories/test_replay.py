"""Inbound events that are found by what became of them, and handled again."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from clientflow_core.domain.inbound_events import InboundEvent, InboundEventState, ReplayOutcome
from clientflow_core.domain.jobs import INBOUND, Job
from clientflow_core.errors import NotFound
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.inbound_events import (
    finish_inbound_event,
    list_inbound_events,
    read_inbound_event,
    read_inbound_event_states,
    replay_inbound_events,
    store_inbound_events,
)
from clientflow_core.persistence.repositories.jobs import (
    bury,
    claim_jobs,
    finish_jobs,
    list_jobs_of_events,
    put_back,
)
from tests.core.persistence.conftest import inbound_event, wait_for_locks
from tests.databases import Addresses

DONE, IGNORED = InboundEventState.DONE, InboundEventState.IGNORED
FAILED, RECEIVED = InboundEventState.FAILED, InboundEventState.RECEIVED


@attrs.frozen
class Ledger:
    """The events and their jobs."""

    database: Database
    addresses: Addresses

    async def add(self, *, at: dt.datetime | None = None) -> uuid.UUID:
        """Keep an event, with its job."""
        event = inbound_event(str(new_id()), id=new_id(at=at))
        async with self.database.system() as transaction:
            await store_inbound_events(transaction, [event])
        return event.id

    async def add_in(self, state: InboundEventState, reason: str | None = None) -> uuid.UUID:
        """Keep an event whose job has been done."""
        event_id = await self.add()
        job = await self.claim()
        async with self.database.system() as transaction:
            await finish_inbound_event(transaction, event_id, state=state, reason=reason)
            await finish_jobs(transaction, [job])
        return event_id

    async def add_dead(self, *, is_told: bool = True) -> uuid.UUID:
        """Keep an event whose job was given up."""
        event_id = await self.add()
        job = await self.claim()
        async with self.database.system() as transaction:
            await bury(transaction, job, error="Oops")
            if is_told:
                await finish_inbound_event(transaction, event_id, state=FAILED, reason="Oops")
        return event_id

    async def claim(self) -> Job:
        """Let a worker take the only job that is due."""
        async with self.database.system() as transaction:
            (job,) = await claim_jobs(transaction, lane=INBOUND, worker=1, most=5)
        return job

    async def replay(self, *event_ids: uuid.UUID) -> list[ReplayOutcome]:
        """Have events handled again."""
        async with self.database.system() as transaction:
            outcomes = await replay_inbound_events(transaction, event_ids)
            assert transaction.lanes_to_wake == {INBOUND}
        return [outcomes[event_id] for event_id in event_ids]

    async def read(self, event_id: uuid.UUID) -> InboundEvent:
        """Read an event."""
        async with self.database.system() as transaction:
            return await read_inbound_event(transaction, event_id)

    async def job(self, event_id: uuid.UUID) -> Mapping[str, Any] | None:
        """Read the job of an event."""
        async with self.database.system() as transaction:
            return (await list_jobs_of_events(transaction, [event_id])).get(event_id)

    def count_jobs(self) -> int:
        """Count the rows, dead or not."""
        with self.addresses.connect() as connection:
            row = connection.execute("SELECT count(*) FROM jobs").fetchone()
        assert row is not None
        return int(str(row[0]))


@pytest.fixture
def ledger(database: Database, addresses: Addresses) -> Ledger:
    return Ledger(database, addresses)


async def test_dead_letter_is_replaced_by_a_new_job(ledger: Ledger) -> None:
    event_id = await ledger.add_dead()
    dead = await ledger.job(event_id)
    assert dead is not None
    assert dead["dead_at"] is not None
    assert await ledger.replay(event_id) == [ReplayOutcome.QUEUED]
    made = await ledger.job(event_id)
    assert made is not None
    # Another row, since the attempts of one only ever rise; what went wrong stays to be read.
    assert made["id"] != dead["id"]
    assert (made["attempts"], made["dead_at"], made["last_error"]) == (0, None, "Oops")
    assert ledger.count_jobs() == 1
    event = await ledger.read(event_id)
    assert (event.state, event.reason, event.handled_at) == (RECEIVED, None, None)
    assert (await ledger.claim()).id_arg("event_id") == event_id


@pytest.mark.parametrize("state", [FAILED, IGNORED, RECEIVED])
async def test_event_without_a_job_gets_one(ledger: Ledger, state: InboundEventState) -> None:
    event_id = await ledger.add_in(state, "nobody's")
    assert ledger.count_jobs() == 0
    assert await ledger.replay(event_id) == [ReplayOutcome.QUEUED]
    event = await ledger.read(event_id)
    assert (event.state, event.reason) == (RECEIVED, None)
    assert (await ledger.claim()).id_arg("event_id") == event_id


async def test_event_that_was_handled_is_left_alone(ledger: Ledger) -> None:
    event_id = await ledger.add_in(DONE)
    before = await ledger.read(event_id)
    assert before.handled_at is not None
    assert await ledger.replay(event_id) == [ReplayOutcome.DONE]
    assert await ledger.read(event_id) == before
    assert ledger.count_jobs() == 0


async def test_job_that_waits_for_another_try_is_due_now(ledger: Ledger) -> None:
    event_id = await ledger.add()
    job = await ledger.claim()
    async with ledger.database.system() as transaction:
        await put_back(transaction, job, delay_seconds=600, error="Busy")
    put_off = await ledger.job(event_id)
    assert put_off is not None
    assert put_off["is_put_off"]
    assert await ledger.replay(event_id) == [ReplayOutcome.HURRIED]
    assert ledger.count_jobs() == 1
    again = await ledger.claim()
    assert (again.id, again.attempts) == (job.id, 2)


async def test_job_that_runs_is_left_alone(ledger: Ledger) -> None:
    event_id = await ledger.add()
    job = await ledger.claim()
    assert await ledger.replay(event_id) == [ReplayOutcome.BUSY]
    async with ledger.database.system() as transaction:
        assert await finish_jobs(transaction, [job])
    assert ledger.count_jobs() == 0


async def test_event_that_somebody_is_writing_to_is_not_waited_for(ledger: Ledger) -> None:
    first, second = await ledger.add_dead(), await ledger.add_dead()
    async with ledger.database.system() as transaction:
        await finish_inbound_event(transaction, first, state=DONE)
        outcomes = await asyncio.wait_for(ledger.replay(first, second), 5)
    assert outcomes == [ReplayOutcome.BUSY, ReplayOutcome.QUEUED]


async def test_many_who_replay_the_same_events_at_once_make_one_job_each(ledger: Ledger) -> None:
    event_ids = [await ledger.add_dead() for _ in range(3)]
    event_ids += [await ledger.add_in(IGNORED) for _ in range(3)]
    for _ in range(10):
        told = await asyncio.gather(
            *(ledger.replay(*ids) for ids in (event_ids, event_ids[::-1]) for _ in range(3))
        )
        flat = [outcome for one in told for outcome in one]
        assert flat.count(ReplayOutcome.QUEUED) == len(event_ids)
        assert ledger.count_jobs() == len(event_ids)
        with ledger.addresses.connect() as connection:
            connection.execute("UPDATE jobs SET dead_at = now() WHERE id % 2 = 0")
            connection.execute("DELETE FROM jobs WHERE id % 2 = 1")


async def test_event_that_somebody_else_has_replayed_and_not_committed_is_left_to_them(
    ledger: Ledger,
) -> None:
    event_id = await ledger.add_in(FAILED)
    async with ledger.database.system() as transaction:
        assert await replay_inbound_events(transaction, [event_id]) == {
            event_id: ReplayOutcome.QUEUED
        }
        outcomes = await asyncio.wait_for(ledger.replay(event_id), 5)
    assert outcomes == [ReplayOutcome.BUSY]
    assert ledger.count_jobs() == 1


async def test_dead_letter_that_somebody_else_removes_meanwhile_is_not_doubled(
    ledger: Ledger,
) -> None:
    """As one whose job is given new life by other means than a replay."""
    event_id = await ledger.add_dead()
    with ledger.addresses.connect() as connection, connection.transaction():
        connection.execute("UPDATE jobs SET dead_at = NULL")
        replaying = asyncio.create_task(ledger.replay(event_id))
        await asyncio.to_thread(wait_for_locks, ledger.addresses, 1)
    assert await replaying == [ReplayOutcome.BUSY]
    assert ledger.count_jobs() == 1


async def test_of_several_events_one_that_is_not_there_undoes_everything(ledger: Ledger) -> None:
    event_id, missing = await ledger.add_dead(), new_id()
    with pytest.raises(NotFound, match=f"there is no inbound event evt_{missing.hex}"):
        await ledger.replay(event_id, missing)
    job = await ledger.job(event_id)
    assert job is not None
    assert job["dead_at"] is not None


async def test_events_are_found_by_state_and_time(ledger: Ledger) -> None:
    at = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    old = await ledger.add(at=at - dt.timedelta(milliseconds=1))
    new = await ledger.add(at=at)
    with ledger.addresses.connect() as connection:
        connection.execute("DELETE FROM jobs")
    made = {state: await ledger.add_in(state) for state in (DONE, IGNORED, FAILED)}
    untold = await ledger.add_dead(is_told=False)

    async def find(**filters: Any) -> set[uuid.UUID]:
        async with ledger.database.system() as transaction:
            rows = await list_inbound_events(transaction, most=50, **filters)
        return {row["id"] for row in rows}

    everything = {old, new, untold, *made.values()}
    assert await find() == everything
    assert await find(since=at) == everything - {old}
    assert await find(states=[FAILED]) == {made[FAILED], untold}
    assert await find(states=[FAILED, IGNORED]) == {made[FAILED], made[IGNORED], untold}
    assert await find(states=[IGNORED], since=at) == {made[IGNORED]}
    assert await find(states=[DONE]) == {made[DONE]}
    assert await find(states=[RECEIVED]) == {old, new, untold}


async def test_states_of_several_events_are_read_at_once(ledger: Ledger) -> None:
    done, failed = await ledger.add_in(DONE), await ledger.add_in(FAILED, "no From")
    async with ledger.database.system() as transaction:
        states = await read_inbound_event_states(transaction, [done, failed, new_id()])
    assert states == {done: (DONE, None), failed: (FAILED, "no From")}
