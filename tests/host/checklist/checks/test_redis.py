"""The checks of Redis, over one that really runs."""

from collections.abc import Iterator
from typing import Any

import pytest

from clientflow_core.contributions.checks import CheckResult, CheckStatus
from clientflow_core.secret import Secret
from tests.host.checklist.conftest import Context, ask
from tests.redis_server import RedisServer, running_redis

ITEMS = ("EA2", "DR1", "DR2", "DR3")


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[Any]:
    """A client of it, whose changes are undone."""
    with redis_server.client() as client:
        client.config_set("maxmemory", "64mb")
        yield client
        client.execute_command("REPLICAOF", "NO", "ONE")
        client.config_set("appendonly", "no")


async def fault(item: str, context: Any) -> CheckResult:
    result = await ask(item, context)
    assert result.status is CheckStatus.FAILED, result
    assert result.hint
    return result


async def test_a_service_without_redis_needs_none(context: Context) -> None:
    found = [await ask(item, context()) for item in ITEMS]
    assert {one.status for one in found} == {CheckStatus.SKIPPED}
    assert all("PostgreSQL carries" in one.hint for one in found)


async def test_a_healthy_one_is_found_healthy(
    redis: Any, redis_server: RedisServer, context: Context
) -> None:
    redis.config_set("appendonly", "yes")
    found = {item: await ask(item, context(redis_url=redis_server.url)) for item in ITEMS}
    assert {one.status for one in found.values()} == {CheckStatus.PASSED}, found
    assert found["DR3"].found.endswith("of 67 MB, noeviction")


async def test_nothing_has_to_be_kept_on_disk(
    redis: Any, redis_server: RedisServer, context: Context
) -> None:
    assert redis.ping()
    found = await ask("DR2", context(redis_url=redis_server.url))
    assert (found.status, "loses none" in found.hint) == (CheckStatus.SKIPPED, True)


async def test_one_that_may_take_all_memory_is_found(
    redis: Any, redis_server: RedisServer, context: Context
) -> None:
    redis.config_set("maxmemory", "0")
    assert "CONFIG SET maxmemory" in (await fault("DR3", context(redis_url=redis_server.url))).hint


async def test_a_replica_is_found(redis: Any, redis_server: RedisServer, context: Context) -> None:
    redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    found = await fault("DR1", context(redis_url=redis_server.url))
    assert found.found.endswith("slave")


async def test_one_that_is_not_there_is_found_by_each(context: Context) -> None:
    for item in ITEMS:
        found = await fault(item, context(redis_url=Secret("redis://:pass-word@127.0.0.1:1/0")))
        assert "does not answer" in found.found
        assert "pass-word" not in str(found)


async def test_another_machine_without_encryption_is_found(context: Context) -> None:
    url = Secret("redis://:pass-word@redis.example.com:6379/0")
    found = await fault("EA2", context(redis_url=url))
    assert (found.found, "rediss://" in found.hint) == ("redis:// to redis.example.com", True)
