"""Wake-ups over Redis, which is emptied, frozen, killed: none of it lasts, none of it hurts."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from clientflow_core.jobs.carrier import SaqCarrier
from clientflow_core.jobs.redis_queue import open_redis
from clientflow_core.secret import Secret
from tests.core.jobs.carried import Ends, Way, open_ends
from tests.core.jobs.conftest import until
from tests.databases import Addresses
from tests.redis_server import RedisServer, running_redis

# Seven are needed; a wake-up that is heard late may be looked for once more.
_ROUND_TRIPS = 9


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as running:
        yield running


@pytest.fixture
def way(addresses: Addresses, redis: RedisServer) -> Way:
    return Way(addresses, redis)


@pytest.fixture
async def ends(way: Way) -> AsyncIterator[Ends]:
    async with open_ends(way) as opened:
        yield opened


@pytest.mark.proves("TP3")
async def test_a_wake_up_takes_few_round_trips(ends: Ends, redis: RedisServer) -> None:
    with redis.client() as client:
        before = client.info("stats")["total_reads_processed"]
        for number in range(20):
            await ends.is_heard(f"lane-{number}")
        took = client.info("stats")["total_reads_processed"] - before
    # Of both ends: it is put there, taken, looked at and done with.
    assert took <= 20 * _ROUND_TRIPS


@pytest.mark.proves("DR4")
async def test_emptied_redis_loses_what_it_held_and_carries_the_next(
    ends: Ends, redis: RedisServer
) -> None:
    with redis.client() as client, capture_logs() as logs:
        for number in range(10):
            client.flushall()
            await ends.is_heard(f"after {number}")

    assert logs == []


@pytest.mark.timeout(180)
async def test_frozen_redis_is_in_nobodys_way(ends: Ends, redis: RedisServer) -> None:
    with capture_logs() as logs:
        redis.freeze()
        began = time.monotonic()
        ends.carrier.wake(["a"])
        assert time.monotonic() - began < 0.5
        await until(lambda: ends.carrier.failures)
        await asyncio.sleep(5)
        redis.thaw()
        await ends.is_heard_again("b")

    events = [entry["event"] for entry in logs]
    assert events.count("wake_up_not_sent") == 1
    assert set(events) <= {"wake_up_not_sent", "wake_ups_not_heard"}
    # What was cut off in the middle of an answer has left nobody with the answer of another.
    for number in range(20):
        await ends.is_heard(f"lane-{number}")


@pytest.mark.timeout(180)
async def test_killed_redis_is_told_of_once_at_each_end_and_found_again(
    ends: Ends, redis: RedisServer
) -> None:
    with capture_logs() as logs:
        redis.kill()
        for _ in range(20):
            ends.carrier.wake(["lost"])
            await asyncio.sleep(0.1)
        redis.start()
        await ends.is_heard_again("after")

    events = sorted(entry["event"] for entry in logs)
    assert events == ["wake_up_not_sent", "wake_ups_not_heard"]
    await ends.is_heard("at once")
    assert ends.carrier.failures == 0


async def test_carrier_ends_while_redis_is_frozen(way: Way, redis: RedisServer) -> None:
    queue = way.queue()
    await queue.connect()
    carrier = SaqCarrier(queue)
    redis.freeze()
    carrier.wake(["a", "b", "c"])
    began = time.monotonic()
    await carrier.close()
    await queue.disconnect()

    assert time.monotonic() - began < 5
    redis.thaw()


async def test_many_wake_ups_are_forgotten_in_a_moment(way: Way, redis: RedisServer) -> None:
    queue = way.queue()
    await queue.connect()
    with redis.client() as client:
        ids = [f"saq:job:clientflow:{number}" for number in range(20_000)]
        client.mset(dict.fromkeys(ids, "{}"))
        client.rpush("saq:clientflow:queued", *ids)
        client.zadd("saq:clientflow:incomplete", dict.fromkeys(ids, 0))

    await queue.forget()

    assert way.left() == 0
    await queue.disconnect()


async def test_check_says_how_redis_is(way: Way, redis: RedisServer) -> None:
    queue = way.queue()
    assert await queue.check() == {"redis": "ok"}
    redis.freeze()
    assert await queue.check() == {"redis": "does not answer: TimeoutError"}
    redis.thaw()
    redis.kill()
    assert await queue.check() == {"redis": "does not answer: ConnectionError"}
    redis.start()
    assert await queue.check() == {"redis": "ok"}
    await queue.disconnect()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "127.0.0.1:6379",
        "redis://:pass/word@127.0.0.1",
        "redis://127.0.0.1:99999/0",
        "redis://127.0.0.1/0?flavor=sweet",
        "redis://127.0.0.1/0?socket_timeout=soon",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^it is not an address of Redis$"):
        _ = open_redis(Secret(url))


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        "rediss://user:pass%2Fword@redis.example.com:6380/2",
        "unix:///run/r.sock",
    ],
)
def test_addresses_of_redis_are_taken(url: str) -> None:
    assert open_redis(Secret(url)).connection_pool.connection_kwargs["socket_timeout"] == 4
