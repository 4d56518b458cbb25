"""SAQ's queue in Redis or Valkey, which may be emptied, frozen or away at any moment.

Measured with saq 0.26.4 on redis 8.1.0, though saq asks for less than 8.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from saq import Job
from saq.queue.redis import RedisQueue
from typing_extensions import override

from clientflow_core.jobs.wake_queue import QUEUE_NAME, WakeQueue
from clientflow_core.secret import Secret

_CONNECT_SECONDS: Final = 1.0
_CHECK_SECONDS: Final = 1.0
# A read without an end would hang for hours on a connection that was cut unseen.
_LISTEN_SECONDS: Final = 2.0
_READ_SECONDS: Final = 2 * _LISTEN_SECONDS
_PAUSE_AFTER_ERROR_SECONDS: Final = 1.0

_FORGET: Final = """
local ids = redis.call('LRANGE', KEYS[1], 0, -1)
for _, id in ipairs(ids) do
    redis.call('DEL', id)
    redis.call('ZREM', KEYS[2], id)
end
redis.call('DEL', KEYS[1])
"""

log = structlog.get_logger(__name__)


class RedisWakeQueue(WakeQueue, RedisQueue):
    """SAQ's queue in Redis, with a deadline on whatever it waits for.

    Args:
        url: such as ``redis://:password@host:6379/0``; nothing is connected yet.

    Raises:
        ValueError: *url* is no such address.
    """

    def __init__(self, url: Secret) -> None:
        super().__init__(open_redis(url), name=QUEUE_NAME)
        self._failures = 0

    @override
    async def dequeue(self, timeout: float = 0.0, poll_interval: float = 0.0) -> Job | None:
        try:
            job = await super().dequeue(_LISTEN_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sweep makes up for it
            self._failures += 1
            if self._failures == 1:
                log.warning("wake_ups_not_heard", error=type(error).__name__)
            # saq's worker would ask again at once, and take a whole processor for it.
            await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
            return None
        self._failures = 0
        return job

    @override
    async def disconnect(self) -> None:
        # Not as saq does, which connects once more to leave a subscription that we never have.
        await self.redis.aclose(close_connection_pool=True)

    @override
    async def forget(self) -> None:
        async with asyncio.timeout(_READ_SECONDS):
            await self.redis.eval(_FORGET, 2, self._queued, self._incomplete)

    @override
    async def check(self) -> Mapping[str, str]:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self.redis.ping()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to who asks
            return {"redis": f"does not answer: {type(error).__name__}"}
        return {"redis": "ok"}

    @override
    async def carrier(self) -> str:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                told = await self.redis.info("server")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to who asks
            return f"redis: does not answer ({type(error).__name__})"
        return f"redis:{told.get('run_id', 'unknown')}"


def open_redis(url: Secret) -> Redis:
    """Give a client of the Redis at *url*, which is not connected yet.

    Raises:
        ValueError: *url* is no such address; the message holds nothing of it.
    """
    try:
        client = Redis.from_url(
            url.reveal(),
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_timeout=_READ_SECONDS,
            # Once more, at once: of the connections in the pool, all may have been cut meanwhile.
            retry=Retry(NoBackoff(), 1),
            # A command of Redis Enterprise, which every other server refuses at each connection.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        # What follows the question mark is looked at only here.
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError) as error:
        raise ValueError("it is not an address of Redis") from error
    return client
