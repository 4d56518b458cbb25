"""A worker as a process has it: the runner of the jobs, and SAQ's worker to hear wake-ups."""

import asyncio

import structlog

from clientflow_core.jobs.carrier import WakeWorker
from clientflow_core.jobs.runner import JobRunner
from clientflow_core.jobs.wake_queue import WakeQueue

log = structlog.get_logger(__name__)


class JobWorker:
    """Works until it is stopped.

    Args:
        runner: of the jobs; not started.
        queue: connected; disconnect it after :meth:`stop`.
    """

    def __init__(self, runner: JobRunner, queue: WakeQueue) -> None:
        self._runner = runner
        self._queue = queue
        self._hearing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to work.

        Raises:
            psycopg.OperationalError: the database is not there.
        """
        try:
            # The runner looks at every lane as it starts.
            await self._queue.forget()
        except Exception as error:  # noqa: BLE001 - without it, it only hears more than it needs
            log.warning("wake_ups_not_forgotten", error=type(error).__name__)
        await self._runner.start()
        worker = WakeWorker(self._queue, self._runner.wake)
        self._hearing = asyncio.create_task(worker.start())

    async def stop(self, *, grace_seconds: float) -> None:
        """Take no more work, let what runs finish, give the rest back.

        Args:
            grace_seconds: what still runs after this is cancelled and given back at once.
        """
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.wait([self._hearing])
        await self._runner.stop(grace_seconds=grace_seconds)
