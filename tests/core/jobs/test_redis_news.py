"""Processes tell each other over Redis which providers fail."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clientflow_core.errors import ProviderUnavailable
from clientflow_core.jobs.redis_news import carrying_news
from clientflow_core.registry.failure_news import Failing
from clientflow_core.registry.lifecycle import FAILURES_IN_A_ROW
from clientflow_core.registry.registry import ProviderRegistry
from tests.core.services.conftest import plugin_of
from tests.core.services.pigeons import Pigeons, pigeon_spec
from tests.redis_server import RedisServer, running_redis

TOPIC = "clientflow:failing"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as running:
        yield running


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(2500):
        if holds():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it never came to be")


def listeners(redis: RedisServer) -> int:
    with redis.client() as client:
        [(_, count)] = client.pubsub_numsub(TOPIC)
    return int(count)


def unheard(_: Failing) -> None:
    """Leave the news alone."""


def failing(rest_seconds: float) -> Failing:
    return Failing(instance="acme", rest_seconds=rest_seconds)


async def test_all_hear_but_the_one_who_tells(redis: RedisServer) -> None:
    mine: list[Failing] = []
    theirs: list[Failing] = []
    async with (
        carrying_news(redis.url, mine.append) as news,
        carrying_news(redis.url, theirs.append) as other,
    ):
        await until(lambda: listeners(redis) == 2)
        news.tell(failing(15))
        await until(lambda: theirs == [failing(15)])
        other.tell(failing(30))
        await until(lambda: mine == [failing(30)])
    assert theirs == [failing(15)]
    assert listeners(redis) == 0


async def test_what_is_no_news_is_left_out(redis: RedisServer) -> None:
    heard: list[Failing] = []
    async with carrying_news(redis.url, heard.append), carrying_news(redis.url, unheard) as news:
        await until(lambda: listeners(redis) == 2)
        with redis.client() as client:
            client.publish(TOPIC, b"\xff{")
        await until(lambda: listeners(redis) == 0)
        await until(lambda: listeners(redis) == 2)
        news.tell(failing(1))
        await until(lambda: heard == [failing(1)])


async def test_redis_that_was_away_carries_again(redis: RedisServer) -> None:
    heard: list[Failing] = []
    async with carrying_news(redis.url, heard.append), carrying_news(redis.url, unheard) as news:
        await until(lambda: listeners(redis) == 2)
        redis.kill()
        for number in range(200):
            news.tell(failing(number))
        redis.start()
        await until(lambda: listeners(redis) == 2)
        news.tell(failing(1000))
        await until(lambda: failing(1000) in heard)


async def test_provider_that_fails_in_one_process_is_left_alone_in_the_other(
    redis: RedisServer,
) -> None:
    async with (
        ProviderRegistry([plugin_of(pigeon_spec(Pigeons()))], {}) as mine,
        ProviderRegistry([plugin_of(pigeon_spec(Pigeons()))], {}) as theirs,
        carrying_news(redis.url, mine.hear) as news,
        carrying_news(redis.url, theirs.hear),
    ):
        mine.share_failures(news)
        await until(lambda: listeners(redis) == 2)
        for _ in range(FAILURES_IN_A_ROW):
            mine.lifecycle("twilio").fail()
        await until(lambda: not theirs.lifecycle("twilio").is_fit)
        with pytest.raises(ProviderUnavailable):
            theirs.require_fit("twilio")
