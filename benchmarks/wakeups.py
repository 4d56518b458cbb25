"""What a wake-up costs over Redis, beside a PING of the same connection.

It runs a Redis of its own on this machine, so what a network adds is not in it.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from saq import Job

from benchmarks.report import BenchRefused, Goal, Options, judge, print_table, spread, write_json
from clientflow_core.jobs.redis_queue import RedisWakeQueue

GOALS: Final = (Goal(name="p95 of a wake-up / p95 of a PING", bound=6, is_most=True),)
_TIMES: Final = 2_000
_SHORT_TIMES: Final = 100
_AT_ONCE: Final = 20
_PING: Final = "PING, p95 ms"
_WAKE: Final = "wake-up, p95 ms"
_RATE: Final = "wake-ups a second, 20 at once"

Call = Callable[[], Awaitable[object]]


def run(options: Options) -> bool:
    """Measure; tell whether the goals were reached."""
    times = _TIMES if options.is_judged else _SHORT_TIMES
    rounds = asyncio.run(_rounds(options.rounds, times))
    rows = [{"what": name, "median": spread([one[name] for one in rounds])} for name in rounds[0]]
    print_table("Wake-ups over Redis", rows)
    ratios = {GOALS[0].name: [one[_WAKE] / one[_PING] for one in rounds]}
    is_reached = judge(ratios, GOALS)
    result = {"rounds": rounds, "ratios": ratios, "is_reached": is_reached}
    write_json("wakeups", result, folder=options.folder)
    return is_reached or not options.is_judged


async def _rounds(count: int, times: int) -> list[dict[str, float]]:
    try:
        from tests.redis_server import running_redis  # noqa: PLC0415 - brings pytest
    except ImportError as error:
        raise BenchRefused("run it from the checkout, with what its tests need") from error
    with TemporaryDirectory() as folder, running_redis(Path(folder)) as server:
        queue = RedisWakeQueue(server.url)
        await queue.connect()
        try:
            return [await _round(queue, times) for _ in range(count)]
        finally:
            await queue.disconnect()


async def _round(queue: RedisWakeQueue, times: int) -> dict[str, float]:
    figures = {
        _PING: await _p95(queue.redis.ping, times),
        _WAKE: await _p95(lambda: queue.enqueue(_wake_up()), times),
        _RATE: await _rate(lambda: queue.enqueue(_wake_up()), times),
    }
    await queue.forget()
    return figures


def _wake_up() -> Job:
    return Job("wake", kwargs={"lane": "bench"}, ttl=-1, retries=1, timeout=5)


async def _p95(call: Call, times: int) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        took.append(time.perf_counter() - began)
    return statistics.quantiles(took, n=20)[-1] * 1000


async def _rate(call: Call, times: int) -> float:
    began = time.perf_counter()
    for _ in range(times // _AT_ONCE):
        await asyncio.gather(*(call() for _ in range(_AT_ONCE)))
    return times / (time.perf_counter() - began)
