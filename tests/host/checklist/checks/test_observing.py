"""Whether somebody who watches would see what goes wrong."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.contributions.checks import CheckResult, CheckStatus
from clientflow_host.checklist.checks import observing
from clientflow_host.checklist.host_checks import HostCheckContext
from clientflow_host.metrics import SCRAPES
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.checklist.conftest import Context, ask
from tests.host.checklist.seen import LOG, show, show_both
from tests.host.conftest import Host
from tests.redis_server import RedisServer, running_redis

PASSED, FAILED, SKIPPED = CheckStatus.PASSED, CheckStatus.FAILED, CheckStatus.SKIPPED
WORLD = "https://clientflow.example.com"


@pytest.fixture(autouse=True)
def never_scraped() -> Iterator[None]:
    """Other tests take the metrics in this process, too."""
    SCRAPES.last_at = None
    yield
    SCRAPES.last_at = None


def failed(result: CheckResult, *words: str) -> None:
    """Make sure that a fault was found, and that what it says names *words*."""
    assert result.status is FAILED, result
    assert result.hint
    for word in words:
        assert word in f"{result.found} {result.hint}"


async def test_healthy_service_gives_no_alarm(
    host: Host, sandbox: TwilioSandbox, worker: None, context: Context
) -> None:
    await show_both(host.assembly)
    for item in ("MH3", "MH5", "ML1", "ML3", "ML4", "ML5", "FO5"):
        found = await ask(item, context())
        assert found.status is PASSED, (item, found)
    assert "twilio (calls: " in (await ask("MH5", context())).found
    for item in ("MH4", "FO4"):
        assert (await ask(item, context())).status is SKIPPED, item


async def test_database_that_is_said_to_be_away_is_found(
    host: Host, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr("clientflow_host.gauges._look", nothing)
    failed(await ask("MH3", context()), "the gauge is 0.0, /ready says ok", "the database runs")


async def test_metrics_that_the_proxy_keeps_are_asked_for_past_it(context: Context) -> None:
    elsewhere = context(url=f"{context().url}/nowhere")
    found = await ask("MH3", elsewhere)
    assert (found.status, found.found) == (SKIPPED, "/metrics answers 404")
    assert "--url" in found.hint


@pytest.fixture
def redis(values: dict[str, str], tmp_path: Path) -> Iterator[RedisServer]:
    """The Redis of the host."""
    with running_redis(tmp_path) as server:
        values["REDIS_URL"] = server.url.reveal()
        yield server


async def test_redis_that_is_away_is_found(
    redis: RedisServer, host: Host, context: Context
) -> None:
    assert (await ask("MH4", context())).status is PASSED
    redis.kill()
    failed(await ask("MH4", context()), "the gauge is 0.0", "does not answer", "the redis runs")


async def test_provider_that_refuses_our_credentials_is_found(
    host: Host, sandbox: TwilioSandbox, context: Context
) -> None:
    await show(host.assembly, "worker", providers={"twilio": "failing"})
    failed(await ask("MH5", context()), "twilio is failing in worker@one:1", "plugin verify")
    await show(host.assembly, "worker")
    # As after the token was changed in Twilio's console.
    sandbox.credentials = {**sandbox.credentials, "TWILIO_AUTH_TOKEN": "0" * 32}
    failed(await ask("MH5", context()), "twilio: ", "Correct the credentials")


async def test_log_that_is_no_json_is_found(host: Host, context: Context) -> None:
    await show_both(host.assembly, log={**LOG, "format": "lines"})
    assert (await ask("ML1", context())).status is SKIPPED
    failed(await ask("ML1", _public(context)), "not JSON: serve@one:1", "standard error")


def _public(context: Context) -> HostCheckContext:
    """Give the context of a service that the world reaches, of which only the name is asked."""
    return attrs.evolve(context(), url=context().url.replace("127.0.0.1", "0.0.0.0"))


async def test_id_that_is_lost_on_the_way_is_found(context: Context) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    proxy = web.Application()
    proxy.router.add_get("/health", answer)
    async with TestServer(proxy) as server:
        url = str(server.make_url("")).rstrip("/")
        failed(await ask("ML1", context(url=url)), "the answer is named none", "X-Request-Id")


async def test_row_that_should_be_gone_is_found(host: Host, context: Context) -> None:
    await show_both(host.assembly)
    assert "inbound_events 90" in (await ask("ML3", context())).found
    host.rows(
        "INSERT INTO runs (id, kind, release, started_at, finished_at, is_good, report) VALUES"
        " (gen_random_uuid(), 'smoke', '1', now(), now() - interval '402 days', true, '{}')"
    )
    failed(await ask("ML3", context()), "kept for too long: runs", "purge_expired")


async def test_redaction_that_does_nothing_is_found(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "redacted", dict)
    failed(await ask("ML4", context()), "something of it is written")


async def test_debug_logging_is_found(host: Host, context: Context) -> None:
    await show(host.assembly, "serve")
    await show(host.assembly, "worker", log={**LOG, "level": "debug"})
    failed(await ask("ML5", context()), "worker@one:1: debug", "CLIENTFLOW_LOG_LEVEL")
    await show(host.assembly, "worker", log={**LOG, "tells_statements": True})
    failed(await ask("ML5", context()), "SQL is told", "sqlalchemy.engine")


async def test_metrics_that_nobody_takes_are_found(host: Host, context: Context) -> None:
    await show_both(host.assembly)
    failed(await ask("FO4", _public(context)), "serve@one:1: never", "deploy/monitoring")

    assert (await host.bare("GET", "/metrics")).status == 200
    await show_both(host.assembly)
    assert (await ask("FO4", _public(context))).status is PASSED
    assert SCRAPES.last_at is not None
    SCRAPES.last_at -= dt.timedelta(minutes=6)
    await show_both(host.assembly)
    failed(await ask("FO4", _public(context)), "36")


async def test_checklist_is_not_taken_for_somebody_who_watches(context: Context) -> None:
    assert (await ask("MH3", context())).status is PASSED
    assert SCRAPES.last_at is None


@pytest.mark.parametrize(
    ("recent", "status"),
    [
        ({"requests": 100, "server_errors": 4}, PASSED),
        ({"requests": 1000, "server_errors": 5}, PASSED),
        ({"requests": 100, "server_errors": 5}, FAILED),
        ({"jobs": 100, "failed_jobs": 5}, PASSED),
        ({"jobs": 100, "failed_jobs": 6}, FAILED),
        ({}, PASSED),
    ],
)
async def test_too_many_failures_are_found(
    host: Host, context: Context, recent: dict[str, int], status: CheckStatus
) -> None:
    await show(host.assembly, "serve", recent=recent)
    assert (await ask("FO5", context())).status is status


@pytest.mark.parametrize("item", ["ML1", "ML3", "ML5", "FO4", "FO5"])
async def test_without_any_process_that_is_told(context: Context, item: str) -> None:
    failed(await ask(item, context()), "clientflow worker")


@pytest.mark.parametrize(
    "values", [{"CLIENTFLOW_PLUGINS": "ledger", "LEDGER_WEBHOOK_SECRET": "s" * 64}], indirect=True
)
async def test_without_an_outside_provider_nobody_is_asked(context: Context) -> None:
    found = await ask("MH5", context())
    assert (found.status, found.found) == (SKIPPED, "no outside provider is enabled")
