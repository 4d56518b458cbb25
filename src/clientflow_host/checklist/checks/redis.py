"""Redis or Valkey, which carries wake-ups and limits, and may lose all that it holds."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.secret import Secret
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext
from clientflow_host.settings import is_this_machine

if TYPE_CHECKING:
    from redis.asyncio import Redis

_OLDEST: Final = 7
_SLOW_SECONDS: Final = 0.25
_NO_REDIS: Final = "REDIS_URL is not set"
_NOT_NEEDED: Final = "PostgreSQL carries the wake-ups; set REDIS_URL to take them off it."
_UNREACHABLE: Final = (
    "Look at REDIS_URL, whether Redis runs, and whether this machine may reach it. Until then the"
    " workers find jobs by their own look, about once a second."
)


async def check_address(context: HostCheckContext) -> CheckResult:
    """Reach Redis as the service does."""
    expected = f"Redis {_OLDEST} or newer answers, over TLS (rediss://) unless on this machine"
    if context.settings.redis_url is None:
        return skipped(_NO_REDIS, expected=expected, hint=_NOT_NEEDED)
    parts = urlsplit(context.settings.redis_url.reveal())
    is_here = parts.scheme == "unix" or is_this_machine(parts.hostname)
    if parts.scheme == "redis" and not is_here:
        hint = "Let REDIS_URL begin with rediss://; the password goes over the wire otherwise."
        return failed(f"redis:// to {parts.hostname}", expected=expected, hint=hint)
    return await _with_server(context, expected, _judge_version)


async def check_server(context: HostCheckContext) -> CheckResult:
    """Measure a round trip, and look whether it takes what is written."""
    expected = f"a PING within {_SLOW_SECONDS * 1000:.0f} ms, from a master"
    if context.settings.redis_url is None:
        return skipped(_NO_REDIS, expected=expected, hint=_NOT_NEEDED)
    return await _with_server(context, expected, _judge_role)


async def check_persistence(context: HostCheckContext) -> CheckResult:
    """Look whether it writes to disk, and whether that works."""
    expected = "persistence works where it is on; nothing that is kept there needs it"
    if context.settings.redis_url is None:
        return skipped(_NO_REDIS, expected=expected, hint=_NOT_NEEDED)
    return await _with_server(context, expected, _judge_persistence)


async def check_memory(context: HostCheckContext) -> CheckResult:
    """Look whether what it may take of the machine's memory is bounded."""
    expected = "maxmemory above 0; evicting is harmless, since a sweep finds every job"
    if context.settings.redis_url is None:
        return skipped(_NO_REDIS, expected=expected, hint=_NOT_NEEDED)
    return await _with_server(context, expected, _judge_memory)


async def _judge_version(info: Mapping[str, Any], _: float, expected: str) -> CheckResult:
    # Valkey calls itself Redis 7.2 there, and says beside it what it is.
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version", "unknown"))
    found = f"{name} {version}"
    major = str(info.get("redis_version", "0")).partition(".")[0]
    if not major.isdigit() or int(major) < _OLDEST:
        return failed(found, expected=expected, hint=f"Upgrade it to Redis {_OLDEST} or newer.")
    return passed(found, expected=expected)


async def _judge_role(info: Mapping[str, Any], took: float, expected: str) -> CheckResult:
    role = str(info.get("role", "unknown"))
    found = f"{took * 1000:.1f} ms, {role}"
    if role != "master":
        hint = "Let REDIS_URL lead to the master: a replica takes nothing that is written."
        return failed(found, expected=expected, hint=hint)
    if took > _SLOW_SECONDS:
        hint = "Run Redis in the region of the service, or take wake-ups back to PostgreSQL."
        return failed(found, expected=expected, hint=hint)
    return passed(found, expected=expected)


async def _judge_persistence(info: Mapping[str, Any], _: float, expected: str) -> CheckResult:
    if "rdb_last_bgsave_status" not in info:
        hint = "Read it in the provider's console, and sign it off."
        return skipped("it does not tell", expected=expected, hint=hint)
    if "err" in {info["rdb_last_bgsave_status"], info.get("aof_last_write_status")}:
        hint = "Make room on its disk, or turn it off (CONFIG SET save ''): it refuses writes now."
        return failed("the last save has failed", expected=expected, hint=hint)
    if info.get("aof_enabled"):
        return passed("append-only file", expected=expected)
    if info.get("rdb_last_save_time") and info.get("rdb_saves", 0):
        return passed("snapshots", expected=expected)
    hint = "Every job is a row of the database: an emptied Redis loses none. Sign it off if asked."
    return skipped("nothing was saved yet, or it is off", expected=expected, hint=hint)


async def _judge_memory(info: Mapping[str, Any], _: float, expected: str) -> CheckResult:
    most = int(info.get("maxmemory", 0))
    policy = info.get("maxmemory_policy", "unknown")
    if most <= 0:
        hint = "Set maxmemory (CONFIG SET maxmemory 256mb, and in redis.conf); 64 MB are plenty."
        return failed(f"no limit, {policy}", expected=expected, hint=hint)
    used = int(info.get("used_memory", 0))
    return passed(f"{used / 1e6:.0f} of {most / 1e6:.0f} MB, {policy}", expected=expected)


async def _with_server(context: HostCheckContext, expected: str, judge: Any) -> CheckResult:
    """Ask the server about itself, and have that judged."""
    url = context.settings.redis_url
    assert url is not None  # noqa: S101 - every caller has looked
    try:
        async with _connected(url) as redis:
            await redis.ping()
            began = time.monotonic()
            await redis.ping()
            took = time.monotonic() - began
            info = await redis.info()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        found = f"it does not answer: {type(error).__name__}"
        return failed(found, expected=expected, hint=_UNREACHABLE)
    result: CheckResult = await judge(info, took, expected)
    return result


@asynccontextmanager
async def _connected(url: Secret) -> "AsyncIterator[Redis]":
    # Only where it is set: it brings the client, whose import takes a tenth of a second.
    from clientflow_core.jobs.redis_queue import open_redis  # noqa: PLC0415

    redis = open_redis(url)
    try:
        yield redis
    finally:
        await redis.aclose(close_connection_pool=True)


CHECKS: Final = (
    HostCheck(id="EA2", run=check_address),
    HostCheck(id="DR1", run=check_server),
    HostCheck(id="DR2", run=check_persistence),
    HostCheck(id="DR3", run=check_memory),
)
