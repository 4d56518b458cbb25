"""R5: Redis, which only carries the wake-ups, is emptied, killed and frozen."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Final

from redis.exceptions import RedisError

from tests.redis_server import RedisServer, running_redis
from tests.torture.evidence import judge
from tests.torture.load import Driver
from tests.torture.offers import Offers
from tests.torture.postgres import Postgres
from tests.torture.report import Options, Result, say
from tests.torture.system import System, running_system

_FROZEN_SECONDS: Final = 3.0
_AWAY_SECONDS: Final = 1.0
_LEAST_TROUBLES: Final = 4
_LOOKS: Final = 500


async def run(options: Options) -> Result:
    """Post ``n`` webhooks; every ``seconds`` Redis is emptied, now and then killed or frozen."""
    result = Result.begin("redis", "R5", options)
    with Postgres.room() as folder, running_redis(folder) as redis:
        async with running_system(result, REDIS_URL=redis.url.reveal()) as system:
            offers = await Offers.made(system, chance=options.chance("offers"))
            driver = Driver(system, options.chance("driver"))
            trouble = asyncio.create_task(
                _trouble(redis, options, result, lambda: _is_at_work(system, driver))
            )
            # Few of them last until each kind of trouble has come, too.
            rate = options.n / (_LEAST_TROUBLES * options.seconds)
            await driver.post_all(offers.mixed(options.n), rate=rate)
            await driver.post_all(offers.closing())
            result.figures["seconds until all was done"] = round(await system.quiet(), 1)
            await _ended(trouble)
            await judge(system, result)
    return result


async def _ended(trouble: "asyncio.Task[None]") -> None:
    trouble.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await trouble


def _is_at_work(system: System, driver: Driver) -> bool:
    is_posting = driver.under_way.total() > 0
    return is_posting or system.count("SELECT count(*) FROM jobs") > 0


async def _trouble(
    redis: RedisServer, options: Options, result: Result, is_at_work: Callable[[], bool]
) -> None:
    chance: random.Random = options.chance("trouble")
    # Each comes at least once, however short the session is.
    ways = ["emptied", "killed", "frozen"]
    while True:
        await asyncio.sleep(options.seconds)
        way = ways.pop(0) if ways else chance.choices(["emptied", "killed", "frozen"], [8, 1, 1])[0]
        if await _is_soon_at_work(is_at_work):
            result.count(f"times Redis was {way} with work under way")
        say(f"Redis is {way}")
        if way == "emptied":
            _empty(redis)
        elif way == "killed":
            redis.kill()
            await asyncio.sleep(_AWAY_SECONDS)
            await asyncio.to_thread(redis.start)
        else:
            redis.freeze()
            await asyncio.sleep(_FROZEN_SECONDS)
            redis.thaw()


async def _is_soon_at_work(is_at_work: Callable[[], bool]) -> bool:
    """Wait for a moment at which something is under way: of few webhooks, most of the time none."""
    for _ in range(_LOOKS):
        if is_at_work():
            return True
        await asyncio.sleep(0.002)
    return False


def _empty(redis: RedisServer) -> None:
    try:
        with redis.client() as client:
            client.flushall()
    except RedisError as error:
        say(f"it could not be emptied: {type(error).__name__}")
