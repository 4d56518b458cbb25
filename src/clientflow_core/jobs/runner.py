"""The worker's heart: claims jobs lane by lane, has them run, and sweeps up after the dead."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from clientflow_core import failpoints
from clientflow_core.domain.jobs import Job
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import Handler
from clientflow_core.jobs.lanes import BATCH, Lane
from clientflow_core.jobs.liveness import Liveness
from clientflow_core.jobs.loops import Loop
from clientflow_core.jobs.meter import JobMeter
from clientflow_core.jobs.schedules import Schedule, tick
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories import jobs as job_rows
from clientflow_core.persistence.repositories.job_turns import claim_in_turn
from clientflow_core.providers.observers import NOBODY, Observers

_SWEEP_SECONDS: Final = 1.0
_CANCEL_SECONDS: Final = 5.0

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
        observers: are told of jobs that fail, and how long each takes.
        meter: is told how each run of a job has ended.

    Raises:
        ValueError: a schedule asks for a lane or a kind that this runner does not serve.
    """

    def __init__(  # noqa: PLR0913 - each has one place, where the worker is made
        self,
        database: Database,
        liveness: Liveness,
        *,
        handlers: Mapping[str, Handler],
        lanes: Mapping[str, int],
        schedules: Sequence[Schedule] = (),
        visibility_seconds: float = job_rows.VISIBILITY_SECONDS,
        observers: Observers = NOBODY,
        meter: JobMeter | None = None,
    ) -> None:
        for schedule in schedules:
            if schedule.lane not in lanes or schedule.kind not in handlers:
                msg = f"nobody here serves the schedule {schedule.name!r}: {schedule}"
                raise ValueError(msg)
        self._database = database
        self._liveness = liveness
        self._execution = Execution(database, handlers, observers=observers, meter=meter)
        self._observers = observers
        self._lanes = {name: Lane(name, slots) for name, slots in lanes.items()}
        self._schedules = schedules
        self._visibility_seconds = visibility_seconds
        # By id and attempt: a job that was taken over may be claimed again by the same worker.
        self._running: dict[tuple[int, int], Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._claims = [
            Loop(f"claim:{lane.name}", wait=lane.wait_for_work, act=partial(self._claim, lane))
            for lane in self._lanes.values()
        ]
        self._has_swept = False
        self._sweeps = Loop("sweep", wait=self._wait_for_sweep, act=self._sweep)

    @property
    def is_claiming(self) -> bool:
        """Whether it is at work: its lock is held, and it looks for jobs."""
        loops = (*self._claims, self._sweeps)
        return self._liveness.worker is not None and all(loop.is_running for loop in loops)

    def wake(self, lanes: Iterable[str]) -> None:
        """Make *lanes* look for work now."""
        for name in lanes:
            if name in self._lanes:
                self._lanes[name].has_work.set()

    async def start(self) -> None:
        """Take the liveness lock and begin to claim.

        Raises:
            psycopg.OperationalError: the database is not there.
        """
        await self._liveness.acquire()
        for loop in (*self._claims, self._sweeps):
            loop.start()

    async def stop(self, *, grace_seconds: float) -> None:
        """Claim no more, let what runs finish, give the rest back.

        Args:
            grace_seconds: what still runs after this is cancelled and given back at once.
        """
        try:
            await asyncio.gather(*(loop.stop() for loop in self._claims))
            if self._tasks:
                # The sweep goes on meanwhile: it keeps what runs from being claimed by others.
                await asyncio.wait(self._tasks, timeout=grace_seconds)
            await _end(self._tasks)
            await self._sweeps.stop()
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
            failpoints.hit("jobs.given_back")
        except Exception as error:  # noqa: BLE001 - it leaves in any case
            # The lock goes with us, so the next sweep of any worker frees them.
            log.warning("jobs_not_released", error=type(error).__name__)

    async def _claim(self, lane: Lane) -> None:
        # Before the claim: whoever commits after it sets it again.
        lane.has_work.clear()
        may_have_more = True
        try:
            claimed = await self._claim_for(lane)
            for group in self._execution.divide(claimed):
                self._spawn(lane, group)
            may_have_more = bool(claimed)
        finally:
            if may_have_more:
                lane.has_work.set()

    async def _claim_for(self, lane: Lane) -> Sequence[Job]:
        worker = self._liveness.worker
        if worker is None:
            # The next sweep that goes well takes a number, and wakes every lane.
            return ()
        async with self._database.system() as transaction:
            claimed = await self._claim_rows(transaction, lane, worker)
            if claimed:
                failpoints.hit("jobs.claiming")
        if claimed:
            failpoints.hit("jobs.claimed")
        return claimed

    async def _claim_rows(self, transaction: Transaction, lane: Lane, worker: int) -> Sequence[Job]:
        """Claim by age; where more is due than that, mostly in turn."""
        most, visibility = min(lane.free, BATCH), self._visibility_seconds
        if lane.turns.are_next:
            found = await claim_in_turn(
                transaction,
                lane=lane.name,
                worker=worker,
                most=most,
                had=lane.turns.had,
                after=lane.turns.after,
                visibility_seconds=visibility,
            )
            lane.turns.note_in_turn(found.jobs, after=found.after, is_lonely=found.is_lonely)
            if found.jobs:
                return found.jobs
        claimed = await job_rows.claim_jobs(
            transaction, lane=lane.name, worker=worker, most=most, visibility_seconds=visibility
        )
        lane.turns.note_by_age(claimed, is_full=len(claimed) == most)
        return claimed

    def _spawn(self, lane: Lane, group: Sequence[Job]) -> None:
        lane.take(len(group))
        self._running |= {(job.id, job.attempts): job for job in group}
        task = asyncio.create_task(self._run(lane, group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: Lane, group: Sequence[Job]) -> None:
        try:
            await self._execution.run(group)
        except Exception as error:
            # The rows stay claimed until their visibility ends, and are claimed again then.
            log.exception("jobs_abandoned", job_ids=[job.id for job in group])
            self._observers.report_error(error, fields={"lane": lane.name, "jobs": len(group)})
        finally:
            for job in group:
                self._running.pop((job.id, job.attempts), None)
            lane.give_back(len(group))

    async def _wait_for_sweep(self) -> None:
        # One that has just begun sweeps at once: where others die, it may be the only one.
        if self._has_swept:
            # Not all workers at the same moment.
            await asyncio.sleep(_SWEEP_SECONDS * (0.8 + 0.4 * random.random()))  # noqa: S311
        self._has_swept = True

    async def _sweep(self) -> None:
        worker = await self._hold_number()
        async with self._database.system() as transaction:
            freed = await job_rows.free_orphans(transaction)
            if freed:
                failpoints.hit("jobs.orphans_freed")
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


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    pending = list(tasks)
    for task in pending:
        task.cancel()
    if pending:
        _, stuck = await asyncio.wait(pending, timeout=_CANCEL_SECONDS)
        if stuck:
            log.warning("tasks_do_not_end", tasks=len(stuck))
