"""Buckets of tokens, in this process and in a real Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from clientflow_core.jobs.redis_queue import open_redis
from clientflow_host.middleware import shared_buckets
from clientflow_host.middleware.buckets import Buckets, LocalBuckets, Rule
from clientflow_host.middleware.shared_buckets import SharedBuckets
from tests.redis_server import RedisServer, running_redis

RULE = Rule("tests", 3, 60.0)


class Hands:
    """A clock whose hands are set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def admitted(there: Buckets, *, whose: str = "ada", times: int = 5) -> list[bool]:
    return [not (await there.take(RULE, whose)).is_refused for _ in range(times)]


async def test_bucket_gives_what_it_holds_and_no_more() -> None:
    there = LocalBuckets(clock=Hands())
    assert await admitted(there) == [True, True, True, False, False]
    assert await admitted(there, whose="zoe", times=1) == [True]


async def test_it_says_how_much_is_left_and_how_long_to_wait() -> None:
    there = LocalBuckets(clock=Hands())
    assert [(await there.take(RULE, "ada")).left for _ in range(3)] == [2, 1, 0]
    refused = await there.take(RULE, "ada")
    assert (refused.left, refused.wait_seconds) == (0, 20.0)


async def test_after_the_wait_there_is_one_token_and_no_more() -> None:
    hands = Hands()
    there = LocalBuckets(clock=hands)
    await admitted(there)
    hands.now += 20.0
    assert await admitted(there, times=2) == [True, False]


async def test_filled_bucket_gives_all_again() -> None:
    there = LocalBuckets(clock=Hands())
    await admitted(there)
    await there.fill(RULE, "ada")
    assert await admitted(there) == [True, True, True, False, False]


async def test_however_many_ask_only_so_many_buckets_are_kept() -> None:
    there = LocalBuckets(clock=Hands(), most=100)
    for number in range(1000):
        await there.take(RULE, str(number))
    assert len(there._full_at) <= 100
    assert not (await there.take(RULE, "999")).is_refused


@settings(max_examples=50)
@given(
    amount=st.integers(1, 50),
    seconds=st.floats(1, 600),
    pauses=st.lists(st.floats(0, 30), max_size=60),
)
async def test_over_any_time_no_more_is_given_than_a_full_bucket_and_what_flows_in(
    amount: int, seconds: float, pauses: list[float]
) -> None:
    hands, rule = Hands(), Rule("tests", amount, seconds)
    there, given_out = LocalBuckets(clock=hands), 0
    for pause in pauses:
        hands.now += pause
        given_out += not (await there.take(rule, "ada")).is_refused
        assert given_out <= amount + (hands.now - 1000.0) / rule.every + 0.1


class TestInRedis:
    @pytest.fixture
    def redis(self, tmp_path: Path) -> Iterator[RedisServer]:
        with running_redis(tmp_path) as running:
            yield running

    async def test_processes_share_a_bucket(self, redis: RedisServer) -> None:
        one, other = (SharedBuckets(open_redis(redis.url)) for _ in range(2))
        try:
            assert await admitted(one, times=2) == [True, True]
            assert await admitted(other, times=2) == [True, False]
            assert other.name == "redis"
            await one.fill(RULE, "ada")
            assert await admitted(other, times=1) == [True]
        finally:
            await one.close()
            await other.close()

    async def test_nothing_stays_for_longer_than_it_means_something(
        self, redis: RedisServer
    ) -> None:
        there = SharedBuckets(open_redis(redis.url))
        await admitted(there)
        await there.close()
        with redis.client() as client:
            [key] = client.keys("*")
            assert 0 < client.pttl(key) <= 60_000

    async def test_without_redis_each_process_counts_alone_and_says_so_once(
        self, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shared_buckets, "_AGAIN_SECONDS", 0.0)
        there = SharedBuckets(open_redis(redis.url))
        with capture_logs() as logs:
            redis.kill()
            assert await admitted(there) == [True, True, True, False, False]
            assert there.name == "memory"
            redis.start()
            assert await admitted(there, times=1) == [True]
        await there.close()
        assert [line["event"] for line in logs] == ["rate_limits_local", "rate_limits_shared"]

    async def test_frozen_redis_holds_up_one_request_and_no_other(
        self, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = 0
        there = SharedBuckets(open_redis(redis.url))
        await admitted(there, times=1)
        script = there._script

        async def counted(**more: object) -> object:
            nonlocal asked
            asked += 1
            return await script(**more)

        monkeypatch.setattr(there, "_script", counted)
        # Not before it has been asked for the first time, which takes a busy machine longer.
        monkeypatch.setattr(shared_buckets, "_REDIS_SECONDS", 0.05)
        redis.freeze()
        try:
            assert await admitted(there, whose="zoe") == [True, True, True, False, False]
        finally:
            redis.thaw()
        assert asked == 1
        await there.close()
