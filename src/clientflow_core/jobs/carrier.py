"""SAQ carries the wake-up: "look at this lane now". It may get lost; the sweep finds the work.

Facts about saq 0.26.4 that decide the shape: a fixed key loses wake-ups, so each has a fresh one;
``ttl=-1`` removes a finished wake-up instead of keeping it for ten minutes.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog
from saq import Job, Worker

from clientflow_core.ending import end
from clientflow_core.jobs.wake_queue import WakeQueue

_SEND_SECONDS: Final = 1.0
# As often as long as the sending took.
_PAUSE_AFTER_SEND: Final = 4
_LONGEST_PAUSE_SECONDS: Final = 0.05

log = structlog.get_logger(__name__)


class SaqCarrier:
    """Sends wake-ups, at most one at a time for a lane; never in anybody's way.

    Args:
        queue: connected.
    """

    def __init__(self, queue: WakeQueue) -> None:
        self._queue = queue
        self._dirty: set[str] = set()
        self._pump: asyncio.Task[None] | None = None
        self._is_closed = False
        self.failures = 0

    def wake(self, lanes: Iterable[str]) -> None:
        """Send a wake-up for each of *lanes* soon; returns at once and never raises."""
        if self._is_closed:
            return
        self._dirty.update(lanes)
        if self._dirty and (self._pump is None or self._pump.done()):
            self._pump = asyncio.create_task(self._send_all())

    async def close(self) -> None:
        """Send what is left, as far as that goes in a second; then send no more."""
        self._is_closed = True
        if self._pump is not None:
            await asyncio.wait([self._pump], timeout=_SEND_SECONDS)
            await end(self._pump)

    async def _send_all(self) -> None:
        while self._dirty:
            lanes, self._dirty = self._dirty, set()
            began = time.monotonic()
            for lane in sorted(lanes):
                await self._send(lane)
            # Where there is much to do, what comes in meanwhile goes along, and most of the time is
            # left to the work itself.
            took = time.monotonic() - began
            await asyncio.sleep(min(_PAUSE_AFTER_SEND * took, _LONGEST_PAUSE_SECONDS))

    async def _send(self, lane: str) -> None:
        job = Job(wake.__name__, kwargs={"lane": lane}, ttl=-1, retries=1, timeout=5)
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._queue.enqueue(job)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sweep makes up for it
            self.failures += 1
            if self.failures == 1:
                log.warning("wake_up_not_sent", lane=lane, error=type(error).__name__)
        else:
            self.failures = 0


async def wake(context: dict[str, Any], *, lane: str) -> None:
    """Set the event of *lane*: all that SAQ runs."""
    context["on_wake"]([lane])


class WakeWorker(Worker[Any]):
    """The SAQ worker that hears the wake-ups.

    Args:
        queue: connected.
        on_wake: called with the lanes.
    """

    # The process has its own signal handlers, which stop more than this.
    SIGNALS: list[Any] = []  # noqa: RUF012 - so declared by saq

    def __init__(self, queue: WakeQueue, on_wake: Callable[[Iterable[str]], None]) -> None:
        super().__init__(queue, [wake], concurrency=2)
        self.context["on_wake"] = on_wake
