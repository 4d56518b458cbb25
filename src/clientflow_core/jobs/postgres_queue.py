"""SAQ's queue in PostgreSQL, on the tables of our migrations, with a listener that has no gaps.

Facts about saq 0.26.4 that decide the shape: its queue makes tables when it connects, which our
role may not, so ours come from the migrations; and its listener misses what comes in while it
begins anew (measured: 31 of 1,500 wake-ups were late; with this one none). Whoever is stopped in
the moment in which it is told of something would listen on for ever: saq waits by
``asyncio.wait_for``, which forgets a cancellation then (https://github.com/python/cpython/issues/86296).
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import structlog
from psycopg import sql
from psycopg_pool import AsyncConnectionPool
from saq import Job
from saq.queue.postgres import ENQUEUE, ListenMultiplexer, PostgresQueue
from typing_extensions import override

from clientflow_core.ending import end
from clientflow_core.jobs.wake_queue import QUEUE_NAME, WakeQueue
from clientflow_core.persistence.connections import LASTING

_PAUSE_AFTER_ERROR_SECONDS: Final = 1.0
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
    async def listen(self, *channels: str, timeout: float | None = None) -> AsyncGenerator[Any]:
        queue = await self.subscribe(*channels)
        try:
            while True:
                async with asyncio.timeout(timeout or None):
                    told = await queue.get()
                yield told
        finally:
            await self.unsubscribe(queue)

    @override
    async def unsubscribe(self, queue: Any) -> None:
        for channel in self._queues.pop(queue, []):
            self._subscriptions[channel].remove(queue)

    @override
    async def close(self) -> None:
        task = self._daemon_task
        await super().close()
        if task is not None:
            await end(task)


class PostgresWakeQueue(WakeQueue, PostgresQueue):
    """SAQ's queue in PostgreSQL, on tables that are there already."""

    def __init__(self, conninfo: str) -> None:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            conninfo,
            open=False,
            check=AsyncConnectionPool.check_connection,
            timeout=_CONNECTION_SECONDS,
            # Longer, and its pauses would double until it is away for minutes after an outage.
            reconnect_timeout=_PAUSE_AFTER_ERROR_SECONDS,
            kwargs=dict(LASTING),
        )
        super().__init__(pool, name=QUEUE_NAME, min_size=1, max_size=4, manage_pool_lifecycle=True)
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

    @override
    async def forget(self) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(
                "DELETE FROM saq_jobs WHERE queue = %s AND status = 'queued'", [self.name]
            )

    @override
    async def check(self) -> Mapping[str, str]:
        return {}

    @override
    async def carrier(self) -> str:
        return "postgresql"
