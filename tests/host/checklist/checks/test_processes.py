"""What runs, of which release, set alike, and whether work is done."""

import datetime as dt
from pathlib import Path
from typing import Any

import attrs
import pytest

from clientflow_core.contributions.checks import CheckResult, CheckStatus
from clientflow_core.errors import DatabaseUnfit
from clientflow_core.jobs.redis_queue import RedisWakeQueue
from clientflow_core.jobs.schedules import tick
from clientflow_core.release import release
from clientflow_core.secret import Secret
from clientflow_host.checklist.checks import load_checks
from clientflow_host.checklist.host_checks import HostCheckContext
from clientflow_host.self_description import describe_process
from clientflow_host.worker import worker_schedules
from tests.host.checklist.conftest import Context, ask
from tests.host.checklist.seen import show, show_both
from tests.host.conftest import Host
from tests.redis_server import running_redis

PASSED, FAILED, SKIPPED = CheckStatus.PASSED, CheckStatus.FAILED, CheckStatus.SKIPPED
IDS = ("EK1", "EK2", "EK3", "DK1", "DK2", "DK3", "DK4", "DK5", "MS2", "MS5")


def failed(result: CheckResult, *words: str) -> None:
    """Make sure that a fault was found, and that what it says names *words*."""
    assert result.status is FAILED, result
    assert result.hint
    for word in words:
        assert word in f"{result.found} {result.hint}"


async def test_healthy_service_gives_no_alarm(host: Host, worker: None, context: Context) -> None:
    await show_both(host.assembly)
    for item in ("DK1", "DK3", "DK4", "DK5", "MS5"):
        assert (await ask(item, context())).status is PASSED, item
    for item in ("EK1", "DK2"):
        found = await ask(item, context())
        assert (found.status, found.found) == (
            SKIPPED,
            "REDIS_URL is not set: the wake-ups go over PostgreSQL",
        )


@pytest.mark.parametrize("item", [one for one in IDS if one not in {"DK5", "MS2", "MS5"}])
async def test_stopped_worker_is_found(host: Host, context: Context, item: str) -> None:
    await show(host.assembly, "serve")
    result = await ask(item, context())
    if item == "DK3":
        failed(result, "nobody works on inbound", "clientflow worker")
    else:
        failed(result, "no worker was seen for a day", "clientflow worker")


async def test_heartbeat_that_has_stopped_is_found(host: Host, context: Context) -> None:
    await show_both(host.assembly)
    host.rows("UPDATE heartbeats SET seen_at = now() - interval '5 min' WHERE kind = 'worker'")
    failed(await ask("DK1", context()), "no worker is there: the last was seen 30")


async def test_two_releases_at_once_are_found(host: Host, context: Context) -> None:
    await show_both(host.assembly)
    await show(host.assembly, "worker", of="0.0.9", name="old")
    failed(await ask("DK1", context()), "worker@old:1 is of 0.0.9", "Restart")
    failed(await ask("MS5", context()), "several: 0.0.9")


async def test_release_without_a_commit_is_found(host: Host, context: Context) -> None:
    await show_both(host.assembly, of="0.1.0")
    failed(await ask("MS5", context()), "without a commit", "nox -s build")


async def test_setting_that_differs_is_named_without_its_value(
    host: Host, context: Context
) -> None:
    await show(host.assembly, "serve")
    other = attrs.evolve(
        host.assembly, settings=attrs.evolve(host.assembly.settings, public_url="https://x.example")
    )
    marks = (await describe_process(other))["settings"]
    await show(host.assembly, "worker", settings=marks)
    result = await ask("DK1", context())
    failed(result, "differ in CLIENTFLOW_PUBLIC_URL", "and restart")
    assert "x.example" not in result.found


async def test_settings_are_marked_and_never_told(host: Host) -> None:
    said = str(await describe_process(host.assembly))
    settings = host.assembly.settings
    secrets = [settings.database_url, settings.encryption_key, Secret(settings.url)]
    for secret in secrets:
        assert secret is not None
        assert secret.reveal() not in said
    marks = (await describe_process(host.assembly))["settings"]
    assert {"TWILIO_AUTH_TOKEN", "CLIENTFLOW_ENCRYPTION_KEY"} <= set(marks)


async def test_secrets_have_no_mark_where_there_is_no_key_for_it(host: Host) -> None:
    url = Secret("postgresql://clientflow_app@db.example/clientflow")
    settings = attrs.evolve(host.assembly.settings, encryption_key=None, database_url=url)
    said = await describe_process(attrs.evolve(host.assembly, settings=settings))
    assert "TWILIO_AUTH_TOKEN" not in said["settings"]
    assert "TWILIO_ACCOUNT_SID" in said["settings"]


async def test_lane_that_nobody_works_on_is_found(host: Host, context: Context) -> None:
    await show(host.assembly, "worker", lanes=["inbound", "upkeep"])
    failed(await ask("DK3", context()), "nobody works on outbound", "clientflow worker")


async def test_worker_that_does_nothing_is_found_and_leaves_no_job_behind(
    host: Host, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    await show_both(host.assembly)
    monkeypatch.setattr("clientflow_host.checklist.checks.processes._ECHO_SECONDS", 0.2)
    failed(await ask("DK3", context()), "no echo", "restart it if it hangs")
    assert host.count("jobs") == 0


async def test_schedule_that_has_not_run_is_found(host: Host, context: Context) -> None:
    await show_both(host.assembly)
    await tick(host.assembly.database, worker_schedules(host.assembly))
    host.rows("UPDATE heartbeats SET started_at = now() - interval '1 day'")
    assert (await ask("DK4", context())).status is PASSED
    await show(host.assembly, "worker", schedules={"purge_expired": 3600, "nightly": 60})
    failed(await ask("DK4", context()), "nightly (never)", "restart")
    later = context(clock=Later(host.assembly.clock.now() + dt.timedelta(hours=3)))
    failed(await ask("DK4", later), "purge_expired (last ")


async def test_worker_that_has_just_started_is_left_a_minute(host: Host, context: Context) -> None:
    await show_both(host.assembly)
    assert (await ask("DK4", context())).status is PASSED


@attrs.frozen
class Later:
    """A clock that stands still."""

    moment: dt.datetime

    def now(self) -> dt.datetime:
        return self.moment


async def test_jobs_that_were_given_up_are_found(host: Host, context: Context) -> None:
    await show_both(host.assembly)
    host.rows(
        "INSERT INTO jobs (lane, kind, args, dead_at) SELECT 'outbound', 'x', '{}', now()"
        " FROM generate_series(1, 3)"
    )
    failed(await ask("DK5", context()), "3 in outbound", "clientflow jobs retry", "discard")


async def test_redis_that_is_not_the_same_is_found(host: Host, context: Context) -> None:
    await show(host.assembly, "serve", carrier="redis:aaa/clientflow")
    await show(host.assembly, "worker", carrier="redis:aaa/clientflow")
    assert (await ask("EK1", context())).status is PASSED
    assert (await ask("DK2", context())).found == "redis:aaa/clientflow"
    await show(host.assembly, "worker", carrier="redis:bbb/clientflow")
    failed(await ask("EK1", context()), "redis:bbb", "same REDIS_URL")
    await show(host.assembly, "worker", carrier="redis: does not answer (TimeoutError)/clientflow")
    failed(await ask("EK1", context()), "does not answer")
    failed(await ask("DK2", context()), "does not answer", "REDIS_URL")


async def test_processes_name_the_run_of_redis_that_they_share(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        one, two = RedisWakeQueue(server.url), RedisWakeQueue(server.url)
        carrier = await one.carrier()
        assert carrier.removeprefix("redis:").isalnum()
        assert await two.carrier() == carrier
        server.kill()
        assert "does not answer" in await one.carrier()
        for queue in (one, two):
            await queue.disconnect()


async def test_assistant_of_the_worker_is_looked_at(host: Host, context: Context) -> None:
    await show(host.assembly, "worker")
    failed(await ask("EK2", context()), "has no openai", "OPENAI_API_KEY")
    await show(host.assembly, "worker", providers={"openai": "auth_failed"})
    failed(await ask("EK2", context()), "openai is auth_failed", "OPENAI_API_KEY")
    await show(host.assembly, "worker", providers={"openai": "ready"})
    assert (await ask("EK2", context())).status is PASSED


async def test_sentry_of_each_process_is_looked_at(host: Host, context: Context) -> None:
    told: dict[str, Any] = {"observers": {"sentry": "mark"}, "providers": {"sentry": "ready"}}
    await show_both(host.assembly, **told)
    for item in ("EK3", "MS2"):
        found = await ask(item, context())
        assert found.status is PASSED, found
        assert release() in found.found

    await show(host.assembly, "worker")
    failed(await ask("MS2", context()), "without Sentry: worker@one:1", "SENTRY_DSN")
    failed(await ask("EK3", context()), "without Sentry: worker@one:1", "SENTRY_DSN")
    await show(host.assembly, "worker", **{**told, "observers": {"sentry": "other"}})
    failed(await ask("MS2", context()), "several projects")
    await show(host.assembly, "worker", **{**told, "providers": {"sentry": "auth_failed"}})
    failed(await ask("EK3", context()), "Sentry is auth_failed")


async def test_without_any_process_everything_is_said_to_be_missing(context: Context) -> None:
    for item in ("MS2", "MS5"):
        failed(await ask(item, context()), "clientflow serve")


def test_every_item_has_its_check() -> None:
    assert set(IDS) <= set(load_checks())


async def test_check_of_a_database_that_is_away_says_so(context: Context, host: Host) -> None:
    away: HostCheckContext = context(opened=DatabaseUnfit("no connection"))
    with pytest.raises(DatabaseUnfit, match="cannot be used"):
        await ask("DK1", away)
