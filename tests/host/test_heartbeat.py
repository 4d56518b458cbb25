"""What a process says of itself now and then."""

import asyncio
import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from clientflow_core.clock import SystemClock
from clientflow_core.persistence.database_clock import DatabaseClock
from clientflow_core.release import release
from clientflow_core.testing import StillClock
from clientflow_host.app import serve
from clientflow_host.heartbeat import beating
from clientflow_host.metrics import PrometheusJobMeter, PrometheusMeter
from clientflow_host.self_description import describe_process
from tests.host.conftest import Host, until


async def last(host: Host, kind: str) -> Any:
    """Wait for the heartbeat of a process, and give its release and details."""

    async def look() -> Any:
        return host.rows("SELECT release, details FROM heartbeats WHERE kind = %s", kind)

    [found] = await until(look)
    return found


async def test_process_says_what_it_is_and_what_it_works_on(host: Host) -> None:
    async def describe() -> Any:
        return await describe_process(host.assembly, lanes=["inbound"])

    async with beating(
        host.assembly.database, kind="worker", describe=describe, clock=host.assembly.clock
    ):
        of, said = await last(host, "worker")
    assert of == release()
    assert said["lanes"] == ["inbound"]
    assert said["plugins"] == ["twilio"]
    assert said["providers"] == {"twilio": "not_opened"}
    assert said["carrier"] == "postgresql/clientflow"
    assert said["observers"] == {}
    assert said["kept_days"]["inbound_events"] == 90


async def test_database_that_is_away_for_a_moment_ends_no_heart(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clientflow_host.heartbeat._EVERY_SECONDS", 0.01)
    told = 0

    async def describe() -> Any:
        nonlocal told
        told += 1
        if told < 3:
            raise sa.exc.OperationalError("SELECT 1", {}, Exception("away"))
        return {"told": told}

    async with beating(
        host.assembly.database, kind="serve", describe=describe, clock=host.assembly.clock
    ):
        _, said = await last(host, "serve")
    assert said["told"] >= 3


async def test_each_beat_sets_the_clock_by_the_database(host: Host) -> None:
    now = SystemClock().now()
    clock = DatabaseClock(StillClock(now - dt.timedelta(hours=1)))

    async def describe() -> Any:
        return {}

    async with beating(host.assembly.database, kind="serve", describe=describe, clock=clock):
        await last(host, "serve")
    assert clock.now() >= now


@pytest.mark.parametrize(
    "values",
    [{"SENTRY_DSN": f"https://{'a' * 32}@o1.ingest.example/7"}],
    indirect=True,
)
async def test_serve_says_where_its_errors_go_by_a_mark_alone(
    values: dict[str, str], host: Host
) -> None:
    said = await describe_process(host.assembly)
    assert set(said["observers"]) == {"sentry"}
    assert "aaaa" not in str(said)
    assert "ingest" not in str(said)


async def test_last_calls_of_each_provider_are_said(host: Host) -> None:
    for outcome in ("ok", "timeout"):
        PrometheusMeter().record_call("twilio", "send", outcome, 0.1)
    said = (await describe_process(host.assembly))["last_calls"]["twilio"]
    assert set(said) == {"ok", "failed"}
    assert all(dt.datetime.fromisoformat(moment).tzinfo for moment in said.values())


async def test_runs_of_jobs_of_the_last_minutes_are_said(host: Host) -> None:
    before = (await describe_process(host.assembly))["recent"]
    for outcome in ("done", "failed", "dead", "later"):
        PrometheusJobMeter().record_job("of_a_test", outcome)
    after = (await describe_process(host.assembly))["recent"]
    assert after["jobs"] - before["jobs"] == 3
    assert after["failed_jobs"] - before["failed_jobs"] == 1


async def test_running_host_is_seen(values: dict[str, str], emptied: Any) -> None:
    serving = asyncio.create_task(serve(values))

    async def look() -> Any:
        with emptied.connect() as connection:
            query = "SELECT details ->> 'plugins' FROM heartbeats WHERE kind = 'serve'"
            return connection.execute(query).fetchall()

    assert await until(look) == [('["twilio"]',)]
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
