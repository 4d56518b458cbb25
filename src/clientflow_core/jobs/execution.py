"""What becomes of a claimed job: finished with its effect, put back, or made a dead letter."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from clientflow_core import failpoints
from clientflow_core.domain.jobs import Job, retry_delay_seconds
from clientflow_core.errors import ClientFlowError
from clientflow_core.jobs.handlers import (
    DatabaseJob,
    FenceLost,
    Handler,
    InTransaction,
    JobRun,
    ProviderJob,
    RetryLater,
    open_scope,
)
from clientflow_core.jobs.meter import JobMeter, NoJobMeter
from clientflow_core.jobs.trouble import (
    PASSING_ERRORS,
    is_cut_off,
    is_database_in_trouble,
    pause_seconds,
    traced,
)
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories import jobs as job_rows
from clientflow_core.persistence.repositories.exclusive import WouldWait
from clientflow_core.providers.observers import NOBODY, Observers

_LONGEST_DELAY_SECONDS: Final = 86_400.0
# A statement that took too long says little at first: so often, it may have been the database.
_MOST_CUTS_BY_CHANCE: Final = 3
# After a restart of the database they are many, and one after another would take too long.
_BEGUN_AGAIN_AT_ONCE: Final = 4
# Where the database cannot even be told, it is told again after so many seconds.
_PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)
# A batch in which so many fail is done one by one: each has the work of the others undone.
_MOST_SPOILERS: Final = 3
# What a batch has locked, such as a conversation, others may be waiting for.
_LONGEST_BATCH_SECONDS: Final = 0.25

log = structlog.get_logger(__name__)


class Execution:
    """Does claimed jobs. Nothing that goes wrong with one of them comes out of here.

    Args:
        database: as the application role.
        handlers: for each kind of job, who does it.
        observers: are told of jobs that fail, and how long each takes.
        meter: is told how each run has ended.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        observers: Observers = NOBODY,
        meter: JobMeter | None = None,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._observers = observers
        self._meter = meter or NoJobMeter()
        self._begun_again = defaultdict[str, asyncio.Semaphore](
            lambda: asyncio.Semaphore(_BEGUN_AGAIN_AT_ONCE)
        )

    def divide(self, claimed: Sequence[Job]) -> list[list[Job]]:
        """Divide *claimed* into groups that may run beside each other.

        Jobs of the database alone share a group, and so a transaction. One that was begun before
        is by itself: it may fail again, and would undo the work of all the others.
        """
        together: list[Job] = []
        alone: list[list[Job]] = []
        for job in claimed:
            if job.attempts == 1 and isinstance(self._handlers.get(job.kind), DatabaseJob):
                together.append(job)
            else:
                alone.append([job])
        return [together, *alone] if together else alone

    async def run(self, group: Sequence[Job]) -> None:
        """Do the jobs of *group* and settle what becomes of each."""
        left, spoilers = list(group), list[Job]()
        while len(left) > 1 and len(spoilers) < _MOST_SPOILERS:
            with self._observers.span("jobs_together", fields={"jobs": len(left)}):
                done, spoiler = await self._run_together(left)
            if spoiler is not None:
                left.remove(spoiler)
                spoilers.append(spoiler)
            elif done == 0:
                break
            left = left[done:]
        for job in (*left, *spoilers):
            await self._run_alone(job)

    async def _run_together(self, group: Sequence[Job]) -> tuple[int, Job | None]:
        """Run the first jobs of *group* in one transaction; give how many.

        None if it was undone: then the job at which it failed is told, too, and must run alone. If
        it was none, each must.
        """
        loop = asyncio.get_running_loop()
        done: list[Job] = []
        running: Job | None = None
        try:
            async with self._database.system() as transaction:
                end = loop.time() + _LONGEST_BATCH_SECONDS
                for job in group:
                    running = job
                    transaction.may_wait = not done
                    if not await self._run_in(transaction, job):
                        break
                    done.append(job)
                    if loop.time() > end:
                        break
                running = None
                failpoints.hit("jobs.done_together")
                if not await job_rows.finish_jobs(transaction, done):
                    raise FenceLost
        except Exception as error:  # noqa: BLE001 - one bad job must not hold up the others
            log.info("batch_split", jobs=len(group), error=type(error).__name__)
            return 0, None if is_database_in_trouble(error) else running
        failpoints.hit("jobs.finished_together")
        for job in done:
            self._meter.record_job(job.lane, "done")
        return len(done), None

    async def _run_in(self, transaction: Transaction, job: Job) -> bool:
        """Run *job* in the transaction of a group; False if the group must end before it."""
        _name_in_log(job)
        await transaction.switch_to(job.organization_id)
        try:
            await self._in_transaction(job)(transaction, job)
        except WouldWait:
            return False
        return True

    def _in_transaction(self, job: Job) -> InTransaction:
        handler = self._handlers[job.kind]
        if not isinstance(handler, DatabaseJob):
            msg = f"a job of the kind {job.kind!r} does not share a transaction"
            raise TypeError(msg)
        return handler.handle

    async def _run_alone(self, job: Job) -> None:
        with structlog.contextvars.bound_contextvars(**_named(job)):
            outcome = await self._end_of(job)
        if outcome is not None:
            self._meter.record_job(job.lane, outcome)

    async def _end_of(self, job: Job) -> str | None:
        """Run *job* to its end, and say how that was; None where it is for others to say."""
        if job.attempts > job.max_attempts:
            # It was begun and never ended that often: it kills its process.
            await self._bury(job, "too_many_attempts")
            return None
        try:
            await self._run_observed(job)
        except FenceLost:
            log.warning("job_taken_over")
            return None
        except RetryLater as later:
            await self._put_back(job, str(later), later.delay_seconds, is_attempt=later.is_attempt)
            return "later"
        except Exception as error:
            code = _error_code(error)
            log.warning("job_failed", attempts=job.attempts, error=code, exc_info=traced(error))
            await self._put_back_failed(job, code, error)
            return "failed"
        return "done"

    async def _run_observed(self, job: Job) -> None:
        if not self._observers:
            await self._run(job)
            return
        fields = _about(job)
        with self._observers.span(job.kind, fields=fields):
            try:
                await self._run(job)
            except Exception as error:
                if not isinstance(error, (*PASSING_ERRORS, FenceLost, RetryLater)):
                    self._observers.report_error(error, fields=fields)
                raise

    async def _run(self, job: Job) -> None:
        match self._handlers.get(job.kind):
            case DatabaseJob() as handler if job.attempts > 1:
                # Few at a time: where the worker dies, the note says which may have ended it.
                async with self._begun_again[job.lane]:
                    await self._note_begun(job)
                    await self._run_in_transaction(job, handler)
            case DatabaseJob() as handler:
                await self._run_in_transaction(job, handler)
            case ProviderJob() as handler:
                if job.attempts > 1:
                    await self._note_begun(job)
                await self._run_in_steps(job, handler)
            case None:
                # Perhaps of a newer release, whose workers are only just starting.
                log.warning("job_has_no_handler", attempts=job.attempts)
                raise RetryLater("no_handler")
        failpoints.hit("jobs.finished")

    async def _note_begun(self, job: Job) -> None:
        """Have it be known, whatever becomes of this process, that *job* was not merely claimed."""
        async with self._database.system() as transaction:
            if not await job_rows.note_begun(transaction, job):
                raise FenceLost

    async def _run_in_transaction(self, job: Job, handler: DatabaseJob) -> None:
        async with open_scope(self._database, job) as transaction:
            await handler.handle(transaction, job)
            if not await job_rows.finish_jobs(transaction, [job]):
                raise FenceLost

    async def _run_in_steps(self, job: Job, handler: ProviderJob) -> None:
        run = JobRun(self._database, job)
        async with asyncio.timeout(handler.deadline_seconds):
            await handler.handle(run)
        if not run.is_finished:
            msg = f"the handler of {job.kind} ended without its last transaction"
            raise RuntimeError(msg)

    async def _put_back_failed(self, job: Job, code: str, error: Exception) -> None:
        """Put *job* back: soon, and without a count, where *error* is one of the database."""
        pause = pause_seconds(job.attempts, chance=random.random())  # noqa: S311
        if is_database_in_trouble(error):
            await self._put_back(job, code, pause, is_attempt=False)
        elif is_cut_off(error) and job.attempts <= _MOST_CUTS_BY_CHANCE:
            await self._put_back(job, code, pause)
        else:
            await self._put_back(job, code, None)

    async def _put_back(
        self, job: Job, error: str, delay_seconds: float | None, *, is_attempt: bool = True
    ) -> None:
        if is_attempt and job.attempts >= job.max_attempts:
            await self._bury(job, error)
            return
        if delay_seconds is None:
            delay_seconds = retry_delay_seconds(job.attempts, chance=random.random())  # noqa: S311
        # Whatever a provider asks for, nobody waits for longer than that.
        delay_seconds = min(max(0.0, delay_seconds), _LONGEST_DELAY_SECONDS)
        try:
            await self._insist_on_putting_back(job, error, delay_seconds, is_attempt=is_attempt)
        except Exception as failure:  # noqa: BLE001 - the rest of the group must go on
            # The row stays claimed until its visibility ends, and is claimed again then.
            log.warning("job_not_put_back", error=type(failure).__name__)
        else:
            failpoints.hit("jobs.put_back")

    async def _insist_on_putting_back(
        self, job: Job, error: str, delay_seconds: float, *, is_attempt: bool
    ) -> None:
        """Put *job* back, again and again while the database is busy or away for a moment.

        Else it would come back only when its visibility ends.
        """
        pauses = iter(_PAUSES_SECONDS)
        while True:
            try:
                async with self._database.system() as transaction:
                    await job_rows.put_back(
                        transaction,
                        job,
                        delay_seconds=delay_seconds,
                        error=error,
                        is_attempt=is_attempt,
                    )
            except PASSING_ERRORS:
                pause = next(pauses, None)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def _bury(self, job: Job, error: str) -> None:
        try:
            await self._bury_with_last_words(job, error)
        except FenceLost:
            log.warning("job_taken_over")
        except PASSING_ERRORS as failure:
            # It comes back when its visibility ends, and is buried then.
            log.warning("job_not_buried", error=type(failure).__name__)
        except Exception as failure:
            # Its last words fail and always will; without them, or it would come back for ever.
            log.exception("job_on_dead_failed")
            self._observers.report_error(failure, fields=_about(job))
            await self._bury_silently(job, error)

    async def _bury_with_last_words(self, job: Job, error: str) -> None:
        handler = self._handlers.get(job.kind)
        async with open_scope(self._database, job) as transaction:
            if not await job_rows.bury(transaction, job, error=error):
                raise FenceLost
            if handler:
                await handler.on_dead(transaction, job, error)
            failpoints.hit("jobs.burying")
        self._tell_dead(job, error)

    async def _bury_silently(self, job: Job, error: str) -> None:
        try:
            async with self._database.system() as transaction:
                await job_rows.bury(transaction, job, error=error)
        except Exception as failure:  # noqa: BLE001 - the rest of the group must go on
            log.warning("job_not_buried", error=type(failure).__name__)
        else:
            self._tell_dead(job, error)

    def _tell_dead(self, job: Job, error: str) -> None:
        log.error("job_dead", error=error)
        self._meter.record_job(job.lane, "dead")


def _name_in_log(job: Job) -> None:
    """Have the lines of the log that follow say of which job they are."""
    # Without an end: a group of jobs has a task of its own, and so these variables.
    structlog.contextvars.bind_contextvars(**_named(job))


def _named(job: Job) -> dict[str, str | int | None]:
    whose = str(job.organization_id) if job.organization_id else None
    return {
        "job_id": job.id,
        "job_kind": job.kind,
        "organization_id": whose,
        "request_id": job.request_id,
    }


def _about(job: Job) -> dict[str, str | int]:
    whose = {"organization_id": str(job.organization_id)} if job.organization_id else {}
    return {"job_id": job.id, "job_kind": job.kind, "attempts": job.attempts, **whose}


def _error_code(error: Exception) -> str:
    """Name *error* without its text, which may hold somebody's data."""
    return error.code if isinstance(error, ClientFlowError) else type(error).__name__
