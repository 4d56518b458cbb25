import asyncio
import time
from collections.abc import Mapping

import attrs
import pytest
import sqlalchemy as sa

from clientflow_core.domain.jobs import Job
from clientflow_core.errors import NotFound, ProviderUnavailable
from clientflow_core.jobs import execution as execution_module
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import DatabaseJob, Handler, JobRun, ProviderJob, RetryLater
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.jobs import claim_jobs
from tests.conftest import Business, add_business
from tests.core.jobs.conftest import LANE, NOTE, NOTE_IN_STEPS, Table, until, write_note
from tests.databases import Addresses


@attrs.frozen
class Work:
    """Claims all jobs of the lane and does them."""

    database: Database

    async def claim(self) -> list[Job]:
        async with self.database.system() as transaction:
            return list(await claim_jobs(transaction, lane=LANE, worker=1, most=50))

    async def do(self, handlers: Mapping[str, Handler]) -> list[int]:
        """Do what there is; give the sizes of the groups."""
        execution = Execution(self.database, handlers)
        groups = execution.divide(await self.claim())
        for group in groups:
            await execution.run(group)
        return [len(group) for group in groups]


@pytest.fixture
def work(database: Database) -> Work:
    return Work(database)


def failing(error: Exception) -> DatabaseJob:
    async def fail(transaction: Transaction, job: Job) -> None:
        await write_note(transaction, job)
        raise error

    return DatabaseJob(handle=fail)


async def test_jobs_of_the_database_share_a_transaction(work: Work, table: Table) -> None:
    ids = table.add(count=5)
    transactions = set()

    async def note(transaction: Transaction, job: Job) -> None:
        transactions.add(id(transaction))
        await write_note(transaction, job)

    assert await work.do({"note": DatabaseJob(handle=note)}) == [5]

    assert len(transactions) == 1
    assert table.effects() == ids
    assert table.left() == 0


async def test_jobs_that_call_a_provider_are_each_by_themselves(work: Work, table: Table) -> None:
    ids = [*table.add("call", count=2), *table.add("note", count=3)]

    assert sorted(await work.do({"note": NOTE, "call": NOTE_IN_STEPS})) == [1, 1, 3]

    assert table.effects() == ids


async def test_batch_serves_each_job_as_its_own_organization(
    work: Work, table: Table, addresses: Addresses, business: Business
) -> None:
    other = add_business(addresses, address="+14155550199")
    owners = [business.organization_id, None, other.organization_id, other.organization_id]
    for owner in owners:
        table.add(organization_id=owner)
    seen = []

    async def look(transaction: Transaction, job: Job) -> None:
        rows = await transaction.execute(sa.text("SELECT organization_id FROM channels"))
        seen.append((job.organization_id, transaction.organization_id, rows.scalars().all()))

    await work.do({"note": DatabaseJob(handle=look)})

    assert seen == [(owner, owner, [owner] if owner else []) for owner in owners]


async def test_batch_holds_nothing_for_long(work: Work, table: Table) -> None:
    """What a job has locked is free again a moment later, however many jobs come after it."""
    ids = table.add(count=5)
    done_before: list[list[int]] = []

    async def note_slowly(transaction: Transaction, job: Job) -> None:
        done_before.append(table.effects())
        await write_note(transaction, job)
        await asyncio.sleep(0.2)

    assert await work.do({"note": DatabaseJob(handle=note_slowly)}) == [5]

    assert table.effects() == ids
    assert table.left() == 0
    # Two at a time at the most, and the last one alone.
    assert all(len(done) >= number - 1 for number, done in enumerate(done_before))


async def test_poison_in_a_batch_does_not_hold_up_the_others(work: Work, table: Table) -> None:
    good = table.add(count=3)
    (poison,) = table.add("poison")
    good += table.add(count=3)

    await work.do({"note": NOTE, "poison": failing(ZeroDivisionError())})

    assert table.effects() == good
    assert table.left() == 1
    row = table.job(poison)
    assert (row["attempts"], row["last_error"], row["is_dead"]) == (1, "ZeroDivisionError", False)
    assert 0 < row["due_in_seconds"] < 7


@pytest.mark.parametrize(("count", "together"), [(1, [3]), (2, [3]), (3, [])])
async def test_batch_goes_on_without_the_few_that_fail(
    work: Work, table: Table, *, count: int, together: list[int]
) -> None:
    """Or each of the others would need a transaction of its own."""
    begun: list[tuple[Transaction, list[int]]] = []

    async def note(transaction: Transaction, job: Job) -> None:
        await write_note(transaction, job)
        if not begun or begun[-1][0] is not transaction:
            begun.append((transaction, []))
        begun[-1][1].append(job.id)

    good = table.add()
    table.add("poison", count=count)
    good += table.add(count=2)
    await work.do({"note": DatabaseJob(handle=note), "poison": failing(ZeroDivisionError())})

    assert table.effects() == good
    assert [len(ids) for _, ids in begun if len(ids) == len(good)] == together


async def test_poison_of_the_database_itself_does_not_hold_up_the_others(
    work: Work, table: Table
) -> None:
    good = table.add(count=2)

    async def break_statement(transaction: Transaction, _: Job) -> None:
        await transaction.execute(sa.text("SELECT 1 / 0"))

    table.add("poison")
    await work.do({"note": NOTE, "poison": DatabaseJob(handle=break_statement)})

    assert table.effects() == good


async def test_what_failed_once_spoils_no_further_batch(work: Work, table: Table) -> None:
    fresh = table.add(count=3)
    table.add("note", attempts=1, count=2)

    assert sorted(await work.do({"note": NOTE})) == [1, 1, 3]

    assert len(table.effects()) == len(fresh) + 2


async def test_batch_with_one_job_taken_over_finishes_the_others(
    work: Work, table: Table, database: Database
) -> None:
    ids = table.add(count=3)
    claimed = await work.claim()
    table.query("UPDATE jobs SET claimed_by = 2, attempts = 2 WHERE id = %s", ids[1])

    await Execution(database, {"note": NOTE}).run(claimed)

    assert table.effects() == [ids[0], ids[2]]
    assert table.job(ids[1])["claimed_by"] == 2


async def test_group_of_the_wrong_kind_is_done_all_the_same(
    table: Table, work: Work, database: Database
) -> None:
    ids = table.add("call", count=2)

    await Execution(database, {"call": NOTE_IN_STEPS}).run(await work.claim())

    assert table.effects() == ids


@pytest.mark.parametrize(
    ("error", "code", "least", "most"),
    [
        (NotFound("gone"), "not_found", 4, 6),
        (ValueError("secret"), "ValueError", 4, 6),
        (RetryLater("busy"), "busy", 4, 6),
        (RetryLater("busy", delay_seconds=90), "busy", 89, 91),
        (RetryLater("busy", delay_seconds=0), "busy", -1, 1),
        (RetryLater("busy", delay_seconds=-5), "busy", -1, 1),
        (RetryLater("busy", delay_seconds=1e12), "busy", 86_399, 86_401),
        (ProviderUnavailable("no"), "provider_unavailable", 4, 6),
    ],
)
@pytest.mark.proves("DK5")
async def test_job_that_fails_is_put_back_with_a_code(
    work: Work, table: Table, error: Exception, code: str, least: float, most: float
) -> None:
    (job_id,) = table.add("fail")
    began = time.monotonic()

    await work.do({"fail": failing(error)})

    row = table.job(job_id)
    took = time.monotonic() - began
    assert (row["claimed_by"], row["last_error"], row["is_dead"]) == (None, code, False)
    assert least - took <= row["due_in_seconds"] <= most
    assert table.effects() == []


IN_TROUBLE = ["deadlock_detected", "lock_not_available", "disk_full", "too_many_connections"]


def raising(condition: str) -> DatabaseJob:
    async def fail(transaction: Transaction, _: Job) -> None:
        said = f"DO $$ BEGIN RAISE EXCEPTION 'oh' USING ERRCODE = '{condition}'; END $$"
        await transaction.execute(sa.text(said))

    return DatabaseJob(handle=fail)


@pytest.mark.parametrize("condition", IN_TROUBLE)
async def test_database_in_trouble_costs_no_attempt_and_no_more_than_seconds(
    work: Work, table: Table, condition: str
) -> None:
    """However often the job was begun: it may have been by workers that died."""
    (first,), (often,) = table.add(), table.add(attempts=13, max_attempts=14)

    await work.do({"note": raising(condition)})

    assert -1 < table.job(first)["due_in_seconds"] <= 1.5
    assert not table.job(often)["is_dead"]
    assert 3 < table.job(often)["due_in_seconds"] <= 15
    table.query("UPDATE jobs SET run_at = now()")
    await work.do({"note": NOTE})
    assert table.effects() == [first, often]


async def test_pool_without_a_free_connection_costs_no_attempt(work: Work, table: Table) -> None:
    (job_id,) = table.add(attempts=0, max_attempts=1)
    await work.do({"note": failing(sa.exc.TimeoutError("none is free"))})
    assert not table.job(job_id)["is_dead"]


@pytest.mark.parametrize("condition", ["query_canceled", "out_of_memory", "check_violation"])
async def test_what_a_job_itself_may_ask_of_the_database_in_vain_is_an_attempt(
    work: Work, table: Table, condition: str
) -> None:
    (job_id,) = table.add(attempts=13, max_attempts=14)
    await work.do({"note": raising(condition)})
    assert table.job(job_id)["is_dead"]


@pytest.mark.parametrize(("attempts", "least", "most"), [(1, 0, 3), (2, 0, 4.5), (3, 400, 800)])
async def test_statement_that_took_too_long_is_repeated_soon_some_times(
    work: Work, table: Table, attempts: int, least: float, most: float
) -> None:
    """The database may have been frozen; or the job asks for too much, and always will."""
    (job_id,) = table.add(attempts=attempts)
    await work.do({"note": raising("query_canceled")})
    assert least < table.job(job_id)["due_in_seconds"] <= most


_LIMIT = (
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I CONNECTION LIMIT {}', current_database());"
    " END $$"
)
_CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE usename = 'clientflow_app' AND datname = current_database()"
)


def failing_without_database(table: Table) -> DatabaseJob:
    """Fail, when the database has just begun to take no connections."""

    async def fail(_: Transaction, __: Job) -> None:
        await table.change(_LIMIT.format(0))
        await table.change(_CUT)
        raise ValueError

    return DatabaseJob(handle=fail)


async def test_job_that_cannot_be_put_back_for_long_is_left_to_the_sweep(
    work: Work, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_module, "_PAUSES_SECONDS", (0.01,))
    (job_id,) = table.add("fail")

    await work.do({"fail": failing_without_database(table)})

    await table.change(_LIMIT.format(-1))
    row = table.job(job_id)
    assert (row["claimed_by"], row["last_error"]) == (1, None)


async def test_job_is_put_back_as_soon_as_the_database_lets_it(
    work: Work, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be nobody's until its visibility ends."""
    monkeypatch.setattr(execution_module, "_PAUSES_SECONDS", (0.01,) * 1_000)
    (job_id,) = table.add("fail")
    running = asyncio.create_task(work.do({"fail": failing_without_database(table)}))
    await until(lambda: table.job(job_id)["attempts"] == 1)
    await asyncio.sleep(0.3)
    assert not running.done()
    await table.change(_LIMIT.format(-1))
    await running

    row = table.job(job_id)
    assert (row["claimed_by"], row["last_error"]) == (None, "ValueError")


async def test_jobs_that_were_begun_before_run_few_at_a_time_and_say_so(
    work: Work, table: Table, database: Database
) -> None:
    """Where their worker dies, it is known which of them may have ended it."""
    ids = table.add(attempts=1, count=12)
    seen: list[list[str | None]] = []

    async def look(transaction: Transaction, job: Job) -> None:
        row = "SELECT last_error FROM jobs ORDER BY id"
        seen.append([error for (error,) in await asyncio.to_thread(table.query, row)])
        await write_note(transaction, job)

    execution = Execution(database, {"note": DatabaseJob(handle=look)})
    groups = execution.divide(await work.claim())
    await asyncio.gather(*(execution.run(group) for group in groups))

    assert table.effects() == ids
    counts = [notes.count("begun_again") for notes in seen]
    assert len(counts) == 12
    assert 1 <= min(counts) <= max(counts) <= 4


async def test_call_that_was_begun_before_says_so(work: Work, table: Table) -> None:
    (job_id,) = table.add("call", attempts=1)
    seen = []

    async def look(run: JobRun) -> None:
        seen.append((await asyncio.to_thread(table.job, run.job.id))["last_error"])
        async with run.last_transaction() as transaction:
            await write_note(transaction, run.job)

    await work.do({"call": ProviderJob(handle=look)})

    assert (seen, table.effects()) == (["begun_again"], [job_id])


@pytest.mark.parametrize("handler", [NOTE, NOTE_IN_STEPS])
async def test_job_that_is_taken_over_before_it_is_begun_again_is_not_run(
    work: Work, table: Table, handler: Handler
) -> None:
    table.add(attempts=1)
    (late,) = await work.claim()
    table.query("UPDATE jobs SET claimed_by = 2, attempts = 3")

    await Execution(work.database, {"note": handler}).run([late])

    assert table.effects() == []
    assert table.job(late.id)["last_error"] is None


@pytest.mark.proves("DK5")
async def test_last_attempt_makes_a_dead_letter_with_its_last_words(
    work: Work, table: Table, business: Business
) -> None:
    (job_id,) = table.add(
        "fail", attempts=2, max_attempts=3, organization_id=business.organization_id
    )
    heard = []

    async def on_dead(transaction: Transaction, job: Job, error: str) -> None:
        heard.append((transaction.organization_id, error))
        await write_note(transaction, job, error)

    async def fail(_: Transaction, __: Job) -> None:
        raise RetryLater("provider_busy")

    await work.do({"fail": DatabaseJob(handle=fail, on_dead=on_dead)})

    row = table.job(job_id)
    assert (row["is_dead"], row["last_error"], row["claimed_by"]) == (True, "provider_busy", None)
    assert heard == [(business.organization_id, "provider_busy")]
    assert table.effects() == [job_id]


async def test_job_that_never_came_to_an_end_is_not_run_again(work: Work, table: Table) -> None:
    (job_id,) = table.add(attempts=14)

    await work.do({"note": NOTE})

    row = table.job(job_id)
    assert (row["is_dead"], row["last_error"]) == (True, "too_many_attempts")
    assert table.effects() == []


async def test_dead_job_whose_last_words_fail_is_dead_without_them(
    work: Work, table: Table
) -> None:
    (job_id,) = table.add("fail", max_attempts=1)

    async def on_dead(transaction: Transaction, job: Job, _: str) -> None:
        await write_note(transaction, job)
        raise NotFound("the message is gone")

    handler = DatabaseJob(handle=failing(ValueError()).handle, on_dead=on_dead)
    await work.do({"fail": handler})

    assert table.job(job_id)["is_dead"]
    assert table.effects() == []


async def test_dead_job_whose_last_words_meet_a_busy_database_gets_another_chance(
    work: Work, table: Table
) -> None:
    (job_id,) = table.add("fail", max_attempts=1)
    chances = []

    async def on_dead(_: Transaction, __: Job, error: str) -> None:
        chances.append(error)
        if len(chances) == 1:
            raise TimeoutError

    handler = DatabaseJob(handle=failing(ValueError()).handle, on_dead=on_dead)
    await work.do({"fail": handler})
    assert not table.job(job_id)["is_dead"]
    table.query("UPDATE jobs SET run_at = now()")
    await work.do({"fail": handler})

    assert table.job(job_id)["is_dead"]
    assert chances == ["ValueError", "too_many_attempts"]


async def test_kind_of_a_newer_release_is_put_back_until_its_attempts_are_over(
    work: Work, table: Table
) -> None:
    (new,) = table.add("new_kind")
    (old,) = table.add("new_kind", attempts=13)

    await work.do({"note": NOTE})

    assert table.job(new)["last_error"] == "no_handler"
    assert table.job(new)["due_in_seconds"] > 0
    assert not table.job(new)["is_dead"]
    assert table.job(old)["last_error"] == "no_handler"
    assert table.job(old)["is_dead"]


async def test_call_that_takes_too_long_is_cancelled_and_put_back(work: Work, table: Table) -> None:
    (job_id,) = table.add("slow")

    async def wait(run: JobRun) -> None:
        async with run.transaction() as transaction:
            await write_note(transaction, run.job, "reserved")
        await asyncio.sleep(60)

    await work.do({"slow": ProviderJob(handle=wait, deadline_seconds=0.2)})

    row = table.job(job_id)
    assert (row["last_error"], row["claimed_by"]) == ("TimeoutError", None)
    assert table.effects() == [job_id]


async def test_handler_that_forgets_to_end_its_job_is_a_failure(work: Work, table: Table) -> None:
    (job_id,) = table.add("forget")

    async def forget(_: JobRun) -> None:
        return

    await work.do({"forget": ProviderJob(handle=forget)})

    assert table.job(job_id)["last_error"] == "RuntimeError"


@pytest.mark.parametrize("max_attempts", [1, 5], ids=["to be buried", "to be put back"])
async def test_job_that_was_taken_over_is_left_to_whoever_has_it(
    work: Work, table: Table, max_attempts: int
) -> None:
    (job_id,) = table.add("fail", max_attempts=max_attempts)

    async def lose(_: Transaction, __: Job) -> None:
        await asyncio.to_thread(table.query, "UPDATE jobs SET claimed_by = 2, attempts = 2")
        raise ValueError

    await work.do({"fail": DatabaseJob(handle=lose)})

    row = table.job(job_id)
    assert (row["claimed_by"], row["attempts"], row["is_dead"]) == (2, 2, False)


async def test_run_that_was_overtaken_keeps_no_effect(work: Work, table: Table) -> None:
    (job_id,) = table.add("late")

    async def be_late(transaction: Transaction, job: Job) -> None:
        await write_note(transaction, job)
        await asyncio.to_thread(table.query, "UPDATE jobs SET claimed_by = 2, attempts = 2")

    await work.do({"late": DatabaseJob(handle=be_late)})

    assert table.effects() == []
    assert table.job(job_id)["claimed_by"] == 2


@pytest.mark.parametrize("max_attempts", [1, 5], ids=["to be buried", "to be put back"])
async def test_job_that_cannot_even_be_settled_stays_claimed_until_its_time_is_over(
    work: Work, table: Table, max_attempts: int
) -> None:
    (first, second) = table.add("fail", count=2, max_attempts=max_attempts)

    async def fail(_: Transaction, job: Job) -> None:
        if job.id == first:
            await asyncio.to_thread(table.query, "REVOKE UPDATE ON jobs FROM clientflow_app")
        raise ValueError

    await work.do({"fail": DatabaseJob(handle=fail)})

    for job_id in (first, second):
        assert table.job(job_id)["claimed_by"] == 1
        assert table.job(job_id)["due_in_seconds"] > 50
