import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import psycopg
import pytest

from clientflow_core.domain.jobs import Job
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories import jobs as job_rows
from clientflow_core.persistence.repositories.jobs import LIVENESS_LOCKS
from tests.conftest import Business
from tests.databases import Addresses

LANE = "tests"


@attrs.frozen
class Table:
    """The job table, through the front door and, for what that does not show, as the superuser."""

    database: Database
    addresses: Addresses

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.addresses.connect() as connection:
            cursor = connection.execute(statement.encode(), list(values))
            return cursor.fetchall() if cursor.description else []

    async def add(self, count: int = 1, *, lane: str = LANE) -> None:
        async with self.database.system() as transaction:
            for number in range(count):
                await job_rows.enqueue(transaction, lane=lane, kind="note", args={"number": number})

    async def claim(self, *, worker: int = 1, most: int = 50, lane: str = LANE) -> Sequence[Job]:
        async with self.database.system() as transaction:
            return await job_rows.claim_jobs(transaction, lane=lane, worker=worker, most=most)

    async def claim_one(self, *, worker: int = 1) -> Job:
        await self.add()
        (job,) = await self.claim(worker=worker)
        return job

    async def claim_all(self) -> Sequence[Job]:
        """Claim all of the lane, due or not."""
        self.make_due()
        return await self.claim()

    def row(self, job: Job) -> tuple[Any, ...]:
        """Give who has claimed it, its error, whether it is dead, and in how many seconds due."""
        (row,) = self.query(
            "SELECT claimed_by, last_error, dead_at IS NOT NULL,"
            " round(extract(epoch FROM run_at - now()))::int FROM jobs WHERE id = %s",
            job.id,
        )
        return row

    def make_due(self) -> None:
        """Let the visibility of every claimed job come to its end."""
        self.query("UPDATE jobs SET run_at = now() - interval '1 second'")


@pytest.fixture
def table(database: Database, addresses: Addresses) -> Table:
    return Table(database, addresses)


async def test_job_is_claimed_with_what_it_was_asked_for(table: Table, business: Business) -> None:
    async with table.database.organization(business.organization_id) as transaction:
        await job_rows.enqueue(transaction, lane=LANE, kind="greet", args={"contact_id": "c"})

    (job,) = await table.claim(worker=7)

    assert job == Job(
        id=job.id,
        lane=LANE,
        kind="greet",
        organization_id=business.organization_id,
        args={"contact_id": "c"},
        attempts=1,
        max_attempts=14,
        claimed_by=7,
    )
    assert table.row(job) == (7, None, False, 60)


async def test_job_of_a_transaction_that_fails_does_not_exist(table: Table) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the whole transaction is what fails
        async with table.database.system() as transaction:
            await job_rows.enqueue(transaction, lane=LANE, kind="note", args={})
            raise ZeroDivisionError

    assert await table.claim() == []


async def test_lane_is_woken_by_work_for_now_and_not_by_work_for_later(table: Table) -> None:
    async with table.database.system() as transaction:
        await job_rows.enqueue(transaction, lane="now", kind="note", args={})
        await job_rows.enqueue(transaction, lane="later", kind="note", args={}, delay_seconds=60)
        assert transaction.lanes_to_wake == {"now"}

    assert await table.claim(lane="later") == []
    assert len(await table.claim(lane="now")) == 1


async def test_claims_take_the_longest_due_first_and_no_more_than_asked(table: Table) -> None:
    await table.add(5)
    table.query("UPDATE jobs SET run_at = run_at - make_interval(secs => id)")

    first = await table.claim(most=2)
    second = await table.claim(most=50)

    assert [job.args["number"] for job in first] == [3, 4]
    assert [job.args["number"] for job in second] == [0, 1, 2]


async def test_claim_looks_at_its_own_lane_only(table: Table) -> None:
    await table.add(lane="other")

    assert await table.claim() == []


async def test_no_two_of_many_claims_at_once_get_the_same_job(table: Table) -> None:
    await table.add(100)

    claims = await asyncio.gather(*(table.claim(worker=w, most=7) for w in range(5)))
    while more := await table.claim(most=50):
        claims.append(more)

    ids = [job.id for claim in claims for job in claim]
    assert len(ids) == 100
    assert len(set(ids)) == 100
    assert all(len(claim) <= 7 for claim in claims[:5])


async def test_job_whose_visibility_ended_is_claimed_again_and_counted(table: Table) -> None:
    first = await table.claim_one(worker=1)
    assert await table.claim(worker=2) == []
    table.make_due()

    (second,) = await table.claim(worker=2)

    assert (second.id, second.attempts, second.claimed_by) == (first.id, 2, 2)


async def test_finishing_removes_the_rows(table: Table) -> None:
    await table.add(3)
    claimed = await table.claim()

    async with table.database.system() as transaction:
        assert await job_rows.finish_jobs(transaction, claimed)

    assert table.query("SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize("taker", [2, 1], ids=["another worker", "the same worker again"])
async def test_who_was_given_up_for_dead_can_do_nothing_to_the_job(
    table: Table, taker: int
) -> None:
    late = await table.claim_one(worker=1)
    table.make_due()
    (taken,) = await table.claim(worker=taker)

    async with table.database.system() as transaction:
        assert not await job_rows.finish_jobs(transaction, [late])
        assert not await job_rows.hold_job(transaction, late)
        assert not await job_rows.put_back(transaction, late, delay_seconds=0, error="late")
        assert not await job_rows.bury(transaction, late, error="late")
        assert not await job_rows.note_begun(transaction, late)

    assert table.row(taken) == (taker, None, False, 60)


async def test_batch_with_one_job_that_is_lost_is_not_finished(table: Table) -> None:
    await table.add(3)
    claimed = await table.claim(worker=1)
    table.query("UPDATE jobs SET claimed_by = 2 WHERE id = %s", claimed[1].id)

    async with table.database.system() as transaction:
        assert not await job_rows.finish_jobs(transaction, claimed)


async def test_job_that_is_held_is_claimed_by_nobody_even_if_it_is_due(table: Table) -> None:
    job = await table.claim_one(worker=1)
    table.make_due()

    async with table.database.system() as transaction:
        assert await job_rows.hold_job(transaction, job)
        assert await table.claim(worker=2) == []

    assert len(await table.claim(worker=2)) == 1


async def test_job_that_is_put_back_is_due_after_its_delay(table: Table) -> None:
    job = await table.claim_one()

    async with table.database.system() as transaction:
        assert await job_rows.put_back(transaction, job, delay_seconds=120, error="provider_busy")

    assert table.row(job) == (None, "provider_busy", False, 120)


async def test_dead_job_is_kept_and_touched_by_nobody(table: Table) -> None:
    job = await table.claim_one()
    async with table.database.system() as transaction:
        assert await job_rows.bury(transaction, job, error="refused")
    table.make_due()

    assert await table.claim() == []
    async with table.database.system() as transaction:
        assert not await job_rows.finish_jobs(transaction, [job])
        assert not await job_rows.put_back(transaction, job, delay_seconds=0, error="late")
        assert await job_rows.free_orphans(transaction) == 0
    assert table.row(job)[:3] == (None, "refused", True)


async def test_running_jobs_are_kept_invisible_once_half_their_time_is_over(table: Table) -> None:
    await table.add(3)
    claimed = await table.claim(worker=1)
    early, late, lost = claimed
    table.query("UPDATE jobs SET run_at = now() + interval '10 s' WHERE id <> %s", early.id)
    table.query("UPDATE jobs SET attempts = 2 WHERE id = %s", lost.id)
    table.query("UPDATE jobs SET run_at = now() + interval '40 s' WHERE id = %s", early.id)

    async with table.database.system() as transaction:
        await job_rows.extend_claims(transaction, claimed, worker=1)

    assert [table.row(job)[3] for job in (early, late, lost)] == [40, 60, 10]


async def test_jobs_of_another_number_are_not_extended(table: Table) -> None:
    job = await table.claim_one(worker=1)
    table.query("UPDATE jobs SET run_at = now() + interval '10 s'")

    async with table.database.system() as transaction:
        await job_rows.extend_claims(transaction, [job], worker=2)

    assert table.row(job)[3] == 10


async def test_orphans_are_freed_and_the_jobs_of_the_living_are_not(table: Table) -> None:
    await table.add(2)
    (living,) = await table.claim(worker=11, most=1)
    (orphan,) = await table.claim(worker=12, most=1)

    with psycopg.connect(table.addresses.conninfo) as alive:
        alive.execute("SELECT pg_advisory_lock(%s, 11)", [LIVENESS_LOCKS])
        async with table.database.system() as transaction:
            assert await job_rows.free_orphans(transaction) == 1

    assert table.row(living)[0] == 11
    assert table.row(orphan) == (None, None, False, 0)


async def test_lock_in_another_database_keeps_nobody_alive(
    table: Table, addresses: Addresses
) -> None:
    job = await table.claim_one(worker=11)

    elsewhere = addresses.superuser.set(drivername="postgresql", database="postgres")
    with psycopg.connect(elsewhere.render_as_string(hide_password=False)) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, 11)", [LIVENESS_LOCKS])
        async with table.database.system() as transaction:
            assert await job_rows.free_orphans(transaction) == 1

    assert table.row(job)[0] is None


async def test_freeing_orphans_waits_for_nobody(table: Table) -> None:
    await table.add(2)
    held, free = await table.claim(worker=12)

    async with table.database.system() as transaction, table.database.system() as sweep:
        assert await job_rows.hold_job(transaction, held)
        async with asyncio.timeout(2):
            assert await job_rows.free_orphans(sweep) == 1
            await job_rows.release_claims(sweep, worker=12)

    assert table.row(held)[0] == 12
    assert table.row(free)[0] is None


async def free_those_of_the_dead(table: Table) -> None:
    async with table.database.system() as transaction:
        await job_rows.free_orphans(transaction)


async def test_jobs_that_ran_when_their_worker_died_come_back_at_different_times(
    table: Table,
) -> None:
    await table.add(20)
    table.query("UPDATE jobs SET attempts = 4")
    claimed = await table.claim(worker=12)
    async with table.database.system() as transaction:
        assert all([await job_rows.note_begun(transaction, job) for job in claimed])

    await free_those_of_the_dead(table)

    due = [table.row(job)[3] for job in claimed]
    assert 0 <= min(due) < max(due) <= 25
    assert len(set(due)) > 4
    assert table.row(claimed[0])[:3] == (None, "worker_died", False)
    assert {job.max_attempts for job in await table.claim_all()} == {14}


async def test_job_that_was_merely_claimed_is_due_at_once_and_loses_no_attempt(
    table: Table,
) -> None:
    await table.add()
    table.query("UPDATE jobs SET attempts = 4, last_error = 'worker_died'")
    (job,) = await table.claim(worker=12)

    await free_those_of_the_dead(table)

    assert table.row(job) == (None, "worker_died", False, 0)
    assert [again.max_attempts for again in await table.claim_all()] == [15]


async def test_first_attempt_counts_whether_it_was_running_or_not(table: Table) -> None:
    """Or what kills its worker in a batch would be begun once more than it may."""
    job = await table.claim_one(worker=12)

    await free_those_of_the_dead(table)

    assert table.row(job) == (None, None, False, 0)
    assert [again.max_attempts for again in await table.claim_all()] == [14]


async def test_worker_that_leaves_gives_back_what_is_its_own(table: Table) -> None:
    await table.add(2)
    (own,) = await table.claim(worker=1, most=1)
    (other,) = await table.claim(worker=2, most=1)

    async with table.database.system() as transaction:
        await job_rows.release_claims(transaction, worker=1)

    assert table.row(own) == (None, None, False, 0)
    assert table.row(other)[0] == 2


async def test_operator_sees_the_jobs_the_longest_due_first(table: Table) -> None:
    await table.add(2)
    dead, waiting = await table.claim()
    async with table.database.system() as transaction:
        await job_rows.bury(transaction, dead, error="refused")

        everything = await job_rows.list_jobs(transaction, most=10)
        first = await job_rows.list_jobs(transaction, most=1)

    assert [row["id"] for row in everything] == [dead.id, waiting.id]
    assert [row["last_error"] for row in everything] == ["refused", None]
    assert "args" not in everything[0]
    assert len(first) == 1
