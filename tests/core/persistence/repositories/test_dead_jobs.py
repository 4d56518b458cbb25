"""What a person decides about jobs that were given up."""

import pytest

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.dead_jobs import discard_jobs, revive_jobs
from clientflow_core.persistence.repositories.jobs import claim_jobs
from tests.conftest import Addresses


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
        assert await revive_jobs(transaction, [dead, waiting, 999]) == {dead}
        assert transaction.lanes_to_wake == {"outbound"}
    async with database.system() as transaction:
        [job] = await claim_jobs(transaction, lane="outbound", worker=1, most=9)
    assert (job.id, job.attempts, job.max_attempts) == (dead, 4, 17)


async def test_only_what_was_given_up_is_removed(
    database: Database, jobs: tuple[int, int], addresses: Addresses
) -> None:
    dead, waiting = jobs
    async with database.system() as transaction:
        assert await discard_jobs(transaction, [dead, waiting]) == {dead}
    with addresses.connect() as connection:
        assert connection.execute("SELECT id FROM jobs").fetchall() == [(waiting,)]
