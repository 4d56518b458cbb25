"""What observers are told of jobs."""

import attrs
import pytest

from clientflow_core.domain.jobs import Job
from clientflow_core.errors import ProviderUnavailable
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import DatabaseJob, Handler, RetryLater
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.jobs import claim_jobs
from clientflow_core.providers.observers import Observers
from tests.conftest import Business
from tests.core.jobs.conftest import LANE, NOTE, NOTE_IN_STEPS, Table
from tests.notebook import Notebook


async def do(database: Database, handlers: dict[str, Handler]) -> Notebook:
    book = Notebook()
    execution = Execution(database, handlers, observers=Observers([book]))
    async with database.system() as transaction:
        claimed = await claim_jobs(transaction, lane=LANE, worker=1, most=50)
    for group in execution.divide(list(claimed)):
        await execution.run(group)
    return book


def failing(error: Exception) -> DatabaseJob:
    async def fail(_: Transaction, __: Job) -> None:
        raise error

    return DatabaseJob(handle=fail)


async def test_job_that_fails_is_told_with_whose_it_is(
    database: Database, table: Table, business: Business
) -> None:
    (job_id,) = table.add(count=1, organization_id=business.organization_id)
    book = await do(database, {"note": failing(KeyError("x"))})
    expected = {
        "job_id": job_id,
        "job_kind": "note",
        "attempts": 1,
        "organization_id": str(business.organization_id),
    }
    assert [(str(error), fields) for error, fields in book.errors] == [("'x'", expected)]
    assert book.spans == [("note", "KeyError", expected)]


@pytest.mark.parametrize(
    "error",
    [RetryLater("busy"), ProviderUnavailable("away"), ConnectionResetError(), TimeoutError()],
)
async def test_what_passes_by_itself_is_no_error(
    database: Database, table: Table, error: Exception
) -> None:
    table.add(count=1)
    book = await do(database, {"note": failing(error)})
    assert book.errors == []
    assert [span[:2] for span in book.spans] == [("note", type(error).__name__)]


async def test_jobs_are_timed_together_and_by_themselves(database: Database, table: Table) -> None:
    table.add(count=3)
    table.add("call", count=1)
    book = await do(database, {"note": NOTE, "call": NOTE_IN_STEPS})
    spans = [(name, raised) for name, raised, _ in book.spans]
    assert sorted(spans) == [("call", None), ("jobs_together", None)]


async def test_last_words_that_fail_are_told(database: Database, table: Table) -> None:
    async def fail(_: Transaction, __: Job, ___: str) -> None:
        raise LookupError("x")

    table.add(count=1, max_attempts=1)
    handler = attrs.evolve(failing(KeyError("x")), on_dead=fail)
    book = await do(database, {"note": handler})
    assert [type(error).__name__ for error, _ in book.errors] == ["KeyError", "LookupError"]
