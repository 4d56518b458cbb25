import pytest

from clientflow_core.domain.jobs import Job
from clientflow_core.errors import NotFound
from clientflow_core.jobs.handlers import FenceLost, JobRun, open_scope
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.jobs import claim_jobs
from tests.conftest import Business
from tests.core.jobs.conftest import LANE, Table, write_note


async def claim(database: Database, *, worker: int = 1) -> Job:
    async with database.system() as transaction:
        (job,) = await claim_jobs(transaction, lane=LANE, worker=worker, most=1)
    return job


async def test_job_of_an_organization_sees_that_organization(
    database: Database, table: Table, business: Business
) -> None:
    table.add(organization_id=business.organization_id)

    async with open_scope(database, await claim(database)) as transaction:
        assert transaction.scope == business.organization_id


async def test_job_of_nobody_sees_no_organization(database: Database, table: Table) -> None:
    table.add()

    async with open_scope(database, await claim(database)) as transaction:
        assert transaction.organization_id is None


async def test_last_transaction_ends_the_job_with_its_effect(
    database: Database, table: Table
) -> None:
    (job_id,) = table.add()
    run = JobRun(database, await claim(database))

    async with run.transaction() as transaction:
        await write_note(transaction, run.job)
    assert not run.is_finished
    async with run.last_transaction() as transaction:
        await write_note(transaction, run.job)

    assert run.is_finished
    assert table.effects() == [job_id, job_id]
    assert table.left() == 0


async def test_step_that_fails_leaves_no_effect_and_the_job(
    database: Database, table: Table
) -> None:
    table.add()
    run = JobRun(database, await claim(database))

    with pytest.raises(NotFound):  # noqa: PT012 - the whole transaction is what fails
        async with run.last_transaction() as transaction:
            await write_note(transaction, run.job)
            raise NotFound

    assert not run.is_finished
    assert table.effects() == []
    assert table.left() == 1


async def test_no_step_of_a_job_that_was_taken_over_has_an_effect(
    database: Database, table: Table
) -> None:
    table.add()
    run = JobRun(database, await claim(database, worker=1))
    table.query("UPDATE jobs SET run_at = now()")
    await claim(database, worker=2)

    with pytest.raises(FenceLost):
        async with run.transaction() as transaction:
            await write_note(transaction, run.job)
    with pytest.raises(FenceLost):
        async with run.last_transaction() as transaction:
            await write_note(transaction, run.job)

    assert table.effects() == []
    assert not run.is_finished
