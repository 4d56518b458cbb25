"""SAQ carries the wake-up: "look at this lane now". It may get lost; the sweep finds the work.

Facts about saq 0.26.4 that decide the shape: a fixed key loses wake-ups, so each has a fresh one;
its PostgreSQL queue makes tables when it connects, which our role may not, so ours come from the
migrations; ``ttl=-1`` removes a finished wake-up instead of keeping it for ten minutes.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog
from psycopg import sql
from psycopg_pool import AsyncConnectionPool
from saq import Job, Worker
from saq.queue.postgres import ENQUEUE, ListenMultiplexer, PostgresQueue
from typing_extensions import override

_QUEUE: Final = "clientflow"
_SEND_SECONDS: Final = 1.0
_PAUSE_AFTER_ERROR_SECONDS: Final = 1.0
# As often as long as the sending took.
_PAUSE_AFTER_SEND: Final = 4
_LONGEST_PAUSE_SECONDS: Final = 0.05
_CONNECTION_SECONDS: Final = 5

log = structlog.get_logger(__name__)


class _SteadyListener(ListenMultiplexer):
    """Listens without a gap, and again after its connection broke.

    saq's own stops after each wake-up and begins anew, and misses what comes in between.
    """

    @override
    async def _start(self) -> None:
        failures = 0
        while True:
            try:
                async with self.pool.connection() as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self.key)))
                    failures = 0
                    # Whatever was sent before the LISTEN is in the table.
                    self.publish(ENQUEUE, ENQUEUE)
                    async for notification in connection.notifies():
                        self.publish(notification.payload, notification.payload)
            except Exception as error:  # noqa: BLE001 - whatever it is, the sweep makes up for it
                failures += 1
                if failures == 1:
                    log.warning("wake_ups_not_heard", error=type(error).__name__)
                await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)

    @override
    async def unsubscribe(self, queue: Any) -> None:
        for channel in self._queues.pop(queue, []):
            self._subscriptions[channel].remove(queue)

    @override
    async def close(self) -> None:
        task = self._daemon_task
        await super().close()
        if task is not None:
            await asyncio.wait([task])


class WakeQueue(PostgresQueue):
    """SAQ's queue in PostgreSQL, on tables that are there already."""

    def __init__(self, conninfo: str) -> None:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            conninfo,
            open=False,
            check=AsyncConnectionPool.check_connection,
            timeout=_CONNECTION_SECONDS,
            # Longer, and its pauses would double until it is away for minutes after an outage.
            reconnect_timeout=_PAUSE_AFTER_ERROR_SECONDS,
            kwargs={"connect_timeout": _CONNECTION_SECONDS},
        )
        super().__init__(pool, name=_QUEUE, min_size=1, max_size=4, manage_pool_lifecycle=True)
        self._listener = _SteadyListener(self.pool, self._channel)

    @override
    async def init_db(self) -> None:
        """Make no tables; the migrations have."""

    @override
    async def dequeue(self, timeout: float = 0.0, poll_interval: float = 0.0) -> Job | None:
        try:
            return await super().dequeue(timeout, poll_interval)
        except Exception:  # noqa: BLE001 - the listener has told of it
            # saq's worker would ask again at once, and take a whole processor for it.
            await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
            return None

    @override
    async def disconnect(self) -> None:
        await self._listener.close()
        await super().disconnect()

    async def forget(self) -> None:
        """Drop the wake-ups that nobody has heard; for whoever is about to look at every lane.

        While no worker runs they pile up, and to hear them all later would take minutes.

        Raises:
            psycopg.Error: the database does not do it.
        """
        async with self.pool.connection() as connection:
            await connection.execute(
                "DELETE FROM saq_jobs WHERE queue = %s AND status = 'queued'", [self.name]
            )


def open_wake_queue(conninfo: str) -> WakeQueue:
    """Give the SAQ queue for wake-ups; connect it before use, disconnect it after.

    Args:
        conninfo: of PostgreSQL; must not lead through a transaction pooler (LISTEN).
    """
    # SAQ tells of every wake-up at INFO, and of one that its sweep met half done as an error; its
    # pool tells of each attempt to connect. What matters of that is told once, here.
    for name in ("saq", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return WakeQueue(conninfo)


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
            self._pump.cancel()
            await asyncio.wait([self._pump])

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
