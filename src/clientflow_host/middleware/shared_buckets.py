"""Buckets of tokens that all processes share, in Redis.

Imported only where there is one: its client takes a tenth of a second.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from typing_extensions import override

from clientflow_host.middleware.buckets import Buckets, LocalBuckets, Rule, Taken, bucket_key

_PREFIX: Final = "clientflow:bucket:"
# A request waits no longer than this for Redis, and for so long none asks it again.
_REDIS_SECONDS: Final = 0.25
_AGAIN_SECONDS: Final = 5.0
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local every, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + every
local debt = full - now
if debt <= most + 0.001 then
    local lasts = math.ceil(debt * 1000)
    redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', lasts)
end
return tostring(debt)
"""

log = structlog.get_logger(__name__)


class SharedBuckets(Buckets):
    """Those of all processes, in Redis; while it is away, each process has its own.

    Args:
        redis: a client of one's own, which is closed with this.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script: Any = redis.register_script(_TAKE)
        self._local = LocalBuckets()
        self._again_at = 0.0
        self._is_away = False

    @property
    @override
    def name(self) -> str:
        return self._local.name if self._is_away else "redis"

    @override
    async def take(self, rule: Rule, whose: str) -> Taken:
        given = {"keys": [_key(rule, whose)], "args": [rule.every, rule.seconds]}
        debt = await self._ask(lambda: self._script(**given))
        if debt is None:
            return await self._local.take(rule, whose)
        return Taken(rule, float(debt))

    @override
    async def fill(self, rule: Rule, whose: str) -> None:
        await self._ask(lambda: self._redis.delete(_key(rule, whose)))
        await self._local.fill(rule, whose)

    async def _ask(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Give what Redis answers; None while it is away."""
        now = time.monotonic()
        if now < self._again_at:
            return None
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                answer = await ask()
        except (RedisError, OSError, TimeoutError) as error:
            self._again_at = now + _AGAIN_SECONDS
            self._note(is_away=True, reason=type(error).__name__)
            return None
        self._note(is_away=False)
        return answer

    def _note(self, *, is_away: bool, reason: str = "") -> None:
        if is_away and not self._is_away:
            log.warning("rate_limits_local", reason=reason)
        elif self._is_away and not is_away:
            log.info("rate_limits_shared")
        self._is_away = is_away

    @override
    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)


def _key(rule: Rule, whose: str) -> str:
    return f"{_PREFIX}{bucket_key(rule, whose)}"
