"""What a person decides about jobs that were given up."""

import datetime as dt
import uuid

import pytest

from clientflow_core.domain.dead_jobs import DeadJobFilter, JobState
from clientflow_core.errors import NotFound
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.dead_jobs import (
    count_dead_jobs,
    list_dead_jobs,
    mark_discarded,
    read_job,
    revive_job,
)
from clientflow_core.persistence.repositories.expiry import purge
from clientflow_core.persistence.repositories.jobs import claim_jobs
from tests.databases import Addresses


@pytest.fixture
def jobs(addresses: Addresses) -> tuple[int, int]:
    """One that was given up after three attempts, and one that is still to be done."""
    with addresses.connect() as connection:
        rows = connection.execute(
            "INSERT INTO jobs (lane, kind, args, attempts, max_attempts, dead_at, run_at) VALUES"
            " ('outbound', 'x', '{}', 3, 3, now(), now()),"
            " ('outbound', 'x', '{}', 0, 3, NULL, now() + interval '1 h') RETURNING id"
        ).fetchall()
    dead, waiting = (int(str(row[0])) for row in rows)
    return dead, waiting


@pytest.mark.proves("DK5")
async def test_job_that_was_given_up_is_tried_again_as_often_as_a_new_one(
    database: Database, jobs: tuple[int, int]
) -> None:
    dead, waiting = jobs
    async with database.system() as transaction:
        assert [await revive_job(transaction, one) for one in (dead, waiting, 999)] == [
            True,
            False,
            False,
        ]
        assert transaction.lanes_to_wake == {"outbound"}
    async with database.system() as transaction:
        [job] = await claim_jobs(transaction, lane="outbound", worker=1, most=9)
    assert (job.id, job.attempts, job.max_attempts) == (dead, 4, 17)


async def test_discarded_is_what_nobody_has_at_work_and_it_is_kept(
    database: Database, jobs: tuple[int, int], addresses: Addresses
) -> None:
    dead, waiting = jobs
    with addresses.connect() as connection:
        connection.execute("UPDATE jobs SET claimed_by = 1 WHERE id = %s", (waiting,))
    async with database.system() as transaction:
        assert await mark_discarded(transaction, dead, by="Grace", reason="a test")
        assert not await mark_discarded(transaction, waiting, by="Grace", reason="a test")
        assert not await revive_job(transaction, dead)
    async with database.system() as transaction:
        kept = await read_job(transaction, dead)
        assert (kept.state, kept.discard_reason) == (JobState.DISCARDED, "a test")
        assert (await read_job(transaction, waiting)).state is JobState.RUNNING


async def test_filter_counts_what_it_lists(database: Database, jobs: tuple[int, int]) -> None:
    async with database.system() as transaction:
        for which, count in (
            (DeadJobFilter(), 1),
            (DeadJobFilter(kind="x", lane="outbound"), 1),
            (DeadJobFilter(kind="y"), 0),
            (DeadJobFilter(error="z"), 0),
            (DeadJobFilter(organization_id=uuid.uuid4()), 0),
            (DeadJobFilter(is_discarded=True), 0),
        ):
            assert len(await list_dead_jobs(transaction, which, most=9)) == count
            assert sum((await count_dead_jobs(transaction, which)).values()) == count
        [job] = await list_dead_jobs(transaction, DeadJobFilter(), most=9)
        for before, count in ((job.id, 0), (2**127, 1)):
            rest = await list_dead_jobs(transaction, DeadJobFilter(), before=before, most=9)
            assert len(rest) == count


@pytest.mark.parametrize("job_id", [0, -1, 2**63, 2**127])
async def test_number_that_no_job_can_have_is_not_found(database: Database, job_id: int) -> None:
    async with database.system() as transaction:
        with pytest.raises(NotFound):
            await read_job(transaction, job_id)


async def test_discarded_jobs_go_with_those_that_were_given_up(
    database: Database, jobs: tuple[int, int], addresses: Addresses
) -> None:
    dead, waiting = jobs
    async with database.system() as transaction:
        await mark_discarded(transaction, dead, by="Grace", reason="a test")
    with addresses.connect() as connection:
        connection.execute(
            "UPDATE jobs SET dead_at = now() - interval '91 days' WHERE id = %s", (dead,)
        )
    async with database.system() as transaction:
        removed = await purge(transaction, {"dead_jobs": dt.timedelta(days=90)}, most=9)
    assert removed == {"dead_jobs": 1}
    async with database.system() as transaction:
        assert (await read_job(transaction, waiting)).state is JobState.WAITING
