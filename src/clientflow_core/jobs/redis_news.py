"""Carries over Redis which providers fail, so that each process need not run into it by itself.

Losing it costs little: a process that was not told counts its own failures.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from redis.asyncio import Redis

from clientflow_core.ending import end
from clientflow_core.jobs.redis_queue import open_redis
from clientflow_core.registry.failure_news import Failing
from clientflow_core.secret import Secret

_TOPIC: Final = "clientflow:failing"
_PAUSE_SECONDS: Final = 1.0
_WAIT_SECONDS: Final = 1.0
_MOST_WAITING: Final = 100

log = structlog.get_logger(__name__)


class RedisNews:
    """The news of one process; an async context by :func:`carrying_news`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._sender = uuid.uuid4().hex
        self._waiting: asyncio.Queue[Failing] = asyncio.Queue(maxsize=_MOST_WAITING)

    def tell(self, failing: Failing) -> None:
        """Let the other processes know; with too much on its way already, it is left out."""
        if not self._waiting.full():
            self._waiting.put_nowait(failing)

    async def send(self) -> None:
        """Send what is told, until cancelled."""
        while True:
            failing = await self._waiting.get()
            news = {
                "from": self._sender,
                "instance": failing.instance,
                "rest_seconds": failing.rest_seconds,
            }
            try:
                await self._redis.publish(_TOPIC, json.dumps(news))
            except Exception as error:  # noqa: BLE001 - whatever it is, the news can be lost
                log.info("failure_news_not_sent", error=type(error).__name__)

    async def listen(self, hear: Callable[[Failing], None]) -> None:
        """Pass on what other processes tell, until cancelled."""
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(_TOPIC)
                    while True:
                        message = await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=_WAIT_SECONDS
                        )
                        if message is not None and (failing := self._read(message["data"])):
                            hear(failing)
            except Exception as error:  # noqa: BLE001 - as above
                log.info("failure_news_not_heard", error=type(error).__name__)
                await asyncio.sleep(_PAUSE_SECONDS)

    def _read(self, data: bytes) -> Failing | None:
        news = json.loads(data)
        if news["from"] == self._sender:
            return None
        return Failing(instance=str(news["instance"]), rest_seconds=float(news["rest_seconds"]))


@asynccontextmanager
async def carrying_news(url: Secret, hear: Callable[[Failing], None]) -> AsyncIterator[RedisNews]:
    """Carry news for as long as the block runs.

    Args:
        url: of Redis.
        hear: is called with what other processes tell.
    """
    redis = open_redis(url)
    news = RedisNews(redis)
    tasks = [asyncio.create_task(news.send()), asyncio.create_task(news.listen(hear))]
    try:
        yield news
    finally:
        await end(*tasks)
        await redis.aclose(close_connection_pool=True)
