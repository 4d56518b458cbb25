"""What a worker does over and over, until it is stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from clientflow_core.ending import end
from clientflow_core.jobs.trouble import traced

_PAUSE_AFTER_ERROR_SECONDS: Final = 1.0
_STEP_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)

Step = Callable[[], Awaitable[None]]


class Loop:
    """Waits and acts in turn, whatever comes: a worker that silently does nothing is the worst.

    Trouble is told when it begins and when it ends, not each time.

    Args:
        name: for the log.
        wait: returns when it is time to act.
        act: one step; given up after 30 s, since a server that vanished does not even refuse.
    """

    def __init__(self, name: str, *, wait: Step, act: Step) -> None:
        self._name = name
        self._wait = wait
        self._act = act
        self._trouble = ""
        self._is_acting = False
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is started and not stopped."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End it, but not in the middle of a step, unless that takes too long."""
        self._is_stopping = True
        if self._task is None:
            return
        if self._is_acting:
            await asyncio.wait([self._task], timeout=_STOP_SECONDS)
        await end(self._task)

    async def _run(self) -> None:
        while not self._is_stopping:
            try:
                await self._wait()
                self._is_acting = True
                async with asyncio.timeout(_STEP_SECONDS):
                    await self._act()
            except Exception as error:  # noqa: BLE001 - it is told, and the next step may go well
                self._is_acting = False
                self._tell(error)
                await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
            else:
                self._is_acting = False
                if self._trouble:
                    log.info("worker_works_again", at=self._name, after=self._trouble)
                self._trouble = ""

    def _tell(self, error: Exception) -> None:
        trouble = type(error).__name__
        if trouble != self._trouble:
            log.warning("worker_fails", at=self._name, error=trouble, exc_info=traced(error))
        self._trouble = trouble
