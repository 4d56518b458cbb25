"""The worker's heart: claims jobs lane by lane, has them run, and sweeps up after the dead."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import psycopg
import sqlalchemy as sa
import structlog

from clientflow_core import failpoints
from clientflow_core.domain.jobs import Job
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import Handler
from clientflow_core.jobs.lanes import BATCH, Lane
from clientflow_core.jobs.liveness import Liveness
from clientflow_core.jobs.schedules import Schedule, tick
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories import jobs as job_rows

_SWEEP_SECONDS: Final = 1.0
_PAUSE_AFTER_ERROR_SECONDS: Final = 1.0
_CANCEL_SECONDS: Final = 5.0
# Of one claim or one sweep, with all its waiting: a server that vanished does not even refuse.
_STEP_SECONDS: Final = 30.0
_DATABASE_ERRORS: Final = (sa.exc.SQLAlchemyError, psycopg.Error, OSError)

log = structlog.get_logger(__name__)


class JobRunner:
    """Runs the jobs of some lanes until it is told to stop.

    Args:
        database: as the application role.
        liveness: this worker's own; see :class:`Liveness`.
        handlers: for each kind of job, who does it.
        lanes: for each lane, how many of its jobs may run at once.
        schedules: what is asked for at regular times, whichever worker sees it first.
        visibility_seconds: after this long without a sign of life of ours, our jobs are claimed by
            others, even though our lock is held.

    Raises:
        ValueError: a schedule asks for a lane or a kind that this runner does not serve.
    """

    def __init__(
        self,
        database: Database,
        liveness: Liveness,
        *,
        handlers: Mapping[str, Handler],
        lanes: Mapping[str, int],
        schedules: Sequence[Schedule] = (),
        visibility_seconds: float = job_rows.VISIBILITY_SECONDS,
    ) -> None:
        for schedule in schedules:
            if schedule.lane not in lanes or schedule.kind not in handlers:
                msg = f"nobody here serves the schedule {schedule.name!r}: {schedule}"
                raise ValueError(msg)
        self._database = database
        self._liveness = liveness
        self._execution = Execution(database, handlers)
        self._lanes = {name: Lane(name, slots) for name, slots in lanes.items()}
        self._schedules = schedules
        self._visibility_seconds = visibility_seconds
        # By id and attempt: a job that was taken over may be claimed again by the same worker.
        self._running: dict[tuple[int, int], Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._claim_loops: list[asyncio.Task[None]] = []
        self._sweep_loop: list[asyncio.Task[None]] = []

    @property
    def is_claiming(self) -> bool:
        """Whether it is at work: it has its number, and every loop runs."""
        loops = [*self._claim_loops, *self._sweep_loop]
        return bool(loops) and self._liveness.worker is not None and not any(map(_has_ended, loops))

    def wake(self, lanes: Iterable[str]) -> None:
        """Make *lanes* look for work now."""
        for name in lanes:
            if name in self._lanes:
                self._lanes[name].event.set()

    async def start(self) -> None:
        """Take the liveness lock and begin to claim.

        Raises:
            psycopg.OperationalError: the database is not there.
        """
        await self._liveness.acquire()
        self._claim_loops = [
            asyncio.create_task(_forever("claim", partial(self._look_for_work, lane)))
            for lane in self._lanes.values()
        ]
        self._sweep_loop = [asyncio.create_task(_forever("sweep", self._sweep_soon))]

    async def stop(self, *, grace_seconds: float) -> None:
        """Claim no more, let what runs finish, give the rest back.

        Args:
            grace_seconds: what still runs after this is cancelled and given back at once.
        """
        try:
            await _end(self._claim_loops)
            if self._tasks:
                # The sweep goes on meanwhile: it keeps what runs from being claimed by others.
                await asyncio.wait(self._tasks, timeout=grace_seconds)
            await _end([*self._tasks, *self._sweep_loop])
            await self._give_back()
        finally:
            await self._liveness.release()

    async def _give_back(self) -> None:
        worker = self._liveness.worker
        if worker is None:
            return
        try:
            async with self._database.system() as transaction:
                await job_rows.release_claims(transaction, worker=worker)
        except _DATABASE_ERRORS as error:
            # The lock goes with us, so the next sweep of any worker frees them.
            log.warning("jobs_not_released", error=type(error).__name__)

    async def _look_for_work(self, lane: Lane) -> None:
        await lane.wait_for_room()
        # Before the claim: whoever commits after it sets the event again.
        lane.event.clear()
        async with asyncio.timeout(_STEP_SECONDS):
            found = await self._claim(lane)
        if not found:
            await lane.event.wait()

    async def _claim(self, lane: Lane) -> bool:
        worker = self._liveness.worker
        if worker is None:
            return False
        async with self._database.system() as transaction:
            claimed = await job_rows.claim_jobs(
                transaction,
                lane=lane.name,
                worker=worker,
                most=min(lane.free, BATCH),
                visibility_seconds=self._visibility_seconds,
            )
        failpoints.hit("jobs.claimed")
        for group in self._execution.divide(claimed):
            self._spawn(lane, group)
        return bool(claimed)

    def _spawn(self, lane: Lane, group: Sequence[Job]) -> None:
        lane.take(len(group))
        self._running |= {(job.id, job.attempts): job for job in group}
        task = asyncio.create_task(self._run(lane, group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: Lane, group: Sequence[Job]) -> None:
        try:
            await self._execution.run(group)
        except Exception:
            # The rows stay claimed until their visibility ends, and are claimed again then.
            log.exception("jobs_abandoned", job_ids=[job.id for job in group])
        finally:
            for job in group:
                self._running.pop((job.id, job.attempts), None)
            lane.give_back(len(group))

    async def _sweep_soon(self) -> None:
        # Not all workers at the same moment.
        await asyncio.sleep(_SWEEP_SECONDS * (0.8 + 0.4 * random.random()))  # noqa: S311
        async with asyncio.timeout(_STEP_SECONDS):
            await self._sweep()

    async def _sweep(self) -> None:
        worker = await self._hold_number()
        async with self._database.system() as transaction:
            freed = await job_rows.free_orphans(transaction)
            await job_rows.extend_claims(
                transaction,
                list(self._running.values()),
                worker=worker,
                visibility_seconds=self._visibility_seconds,
            )
        if freed:
            log.info("orphans_freed", jobs=freed)
        await tick(self._database, self._schedules)
        self.wake(self._lanes)

    async def _hold_number(self) -> int:
        """Give our number; a new one if the old one was lost, whose jobs are fenced off then."""
        worker = self._liveness.worker
        if worker is not None and await self._liveness.is_held():
            return worker
        worker = await self._liveness.acquire()
        log.warning("worker_number_renewed", worker=worker)
        return worker


async def _forever(what: str, step: Callable[[], Awaitable[None]]) -> None:
    """Repeat *step* whatever comes: a worker that silently does nothing is the worst of all.

    Trouble is told when it begins and when it ends, not each time.
    """
    trouble = ""
    while True:
        try:
            await step()
        except Exception as error:
            if trouble != type(error).__name__:
                trouble = type(error).__name__
                # A database that is away needs no traceback.
                traced = None if isinstance(error, _DATABASE_ERRORS) else error
                log.warning("worker_fails", at=what, error=trouble, exc_info=traced)
            await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
        else:
            if trouble:
                log.info("worker_works_again", at=what, after=trouble)
            trouble = ""


def _has_ended(task: asyncio.Task[None]) -> bool:
    return task.done()


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    pending = list(tasks)
    for task in pending:
        task.cancel()
    if pending:
        _, stuck = await asyncio.wait(pending, timeout=_CANCEL_SECONDS)
        if stuck:
            log.warning("tasks_do_not_end", tasks=len(stuck))
