"""``/health``, ``/ready`` and ``/metrics``, as those who watch over the service ask them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_host.serving import SERVING
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.conftest import Host, database_away
from tests.redis_server import RedisServer, running_redis


async def ready(host: Host) -> tuple[int, Any]:
    """Ask whether the host is ready."""
    answer = await host.bare("GET", "/ready")
    return answer.status, answer.body


async def test_host_that_runs_is_healthy(host: Host) -> None:
    answer = await host.bare("GET", "/health")
    assert (answer.status, answer.body) == (200, {"status": "ok"})


async def test_host_with_everything_is_ready(host: Host, worker: None) -> None:
    status, body = await ready(host)
    assert (status, body["status"]) == (200, "ok")
    assert set(body["checks"].values()) == {"ok"}
    assert body["plugins"] == {"twilio": "not opened"}


async def test_host_without_a_worker_is_degraded_and_serves(host: Host) -> None:
    status, body = await ready(host)
    assert (status, body["status"]) == (200, "degraded")
    assert "clientflow worker" in body["checks"].pop("workers")
    assert set(body["checks"].values()) == {"ok"}


async def test_provider_that_cannot_be_used_degrades_and_is_told(host: Host, worker: None) -> None:
    lifecycle = host.assembly.registry.lifecycles()["twilio"]
    lifecycle.wait()
    status, body = await ready(host)
    assert (status, body["status"]) == (200, "degraded")
    assert body["plugins"]["twilio"].startswith("waiting: it did not answer; tried again in ")
    lifecycle.succeed()
    assert (await ready(host))[1]["status"] == "ok"
    lifecycle.refuse("s3cret words of the provider")
    status, body = await ready(host)
    assert (status, body["status"]) == (200, "degraded")
    assert body["plugins"] == {
        "twilio": "auth failed: correct its credentials in the settings and restart"
    }


@pytest.mark.parametrize("values", [{"CLIENTFLOW_OPTIONAL_PLUGINS": "owl"}], indirect=True)
async def test_plugin_that_is_quarantined_degrades_and_is_told(host: Host) -> None:
    status, body = await ready(host)
    assert (status, body["status"]) == (200, "degraded")
    assert body["plugins"] == {"owl": "quarantined: it is not installed"}


@pytest.fixture
def redis(values: dict[str, str], tmp_path: Path) -> Iterator[RedisServer]:
    """The Redis that carries the wake-ups of the host and of the worker."""
    with running_redis(tmp_path) as server:
        values["REDIS_URL"] = server.url.reveal()
        yield server


async def test_redis_that_is_away_degrades_and_holds_up_nothing(
    redis: RedisServer, host: Host, worker: None
) -> None:
    assert (await ready(host))[1]["checks"]["redis"] == "ok"
    redis.freeze()
    await host.conversation("Are you there?")
    redis.kill()
    await host.conversation("And now?")

    status, body = await ready(host)
    assert (status, body["status"]) == (200, "degraded")
    assert body["checks"].pop("redis") == "does not answer: ConnectionError"
    assert set(body["checks"].values()) == {"ok"}

    redis.start()
    assert (await ready(host))[1]["status"] == "ok"


@pytest.fixture
def revision(host: Host) -> Any:
    """The revision of the schema, which is put back at the end."""
    [(before,)] = host.rows("SELECT version_num FROM alembic_version")
    yield before
    host.rows("UPDATE alembic_version SET version_num = %s", before)


async def test_schema_behind_the_code_is_not_ready(host: Host, revision: str) -> None:
    host.rows("UPDATE alembic_version SET version_num = '0000'")
    status, body = await ready(host)
    assert (status, body["status"]) == (503, "unavailable")
    assert "0000" in body["checks"]["schema"]
    assert revision in body["checks"]["schema"]
    assert "clientflow migrate" in body["checks"]["schema"]


async def test_schema_before_the_code_is_ready(host: Host, revision: str) -> None:
    host.rows("UPDATE alembic_version SET version_num = '9999'")
    status, body = await ready(host)
    assert (status, body["checks"]["schema"]) == (200, "ok")


async def test_missing_schema_is_not_ready(host: Host) -> None:
    host.rows("ALTER TABLE alembic_version RENAME TO away")
    status, body = await ready(host)
    host.rows("ALTER TABLE away RENAME TO alembic_version")
    assert (status, body["status"]) == (503, "unavailable")
    assert body["checks"]["schema"] == "missing: run clientflow migrate"
    assert body["checks"]["workers"] == "unknown"


async def test_host_without_its_database_is_healthy_and_not_ready(
    host: Host, server: EmbeddedPostgres
) -> None:
    with database_away(server, host.addresses):
        status, body = await ready(host)
        assert (status, body["status"]) == (503, "unavailable")
        assert body["checks"]["database"].startswith("does not answer")
        assert body["checks"]["schema"] == "unknown"
        assert (await host.bare("GET", "/health")).status == 200
    assert (await ready(host))[0] == 200


async def test_host_that_is_stopping_is_not_ready(host: Host) -> None:
    host.app[SERVING].draining.set()
    status, body = await ready(host)
    assert (status, body["status"]) == (503, "unavailable")
    assert body["checks"] == {"process": "stopping"}, "it is told at once, with nothing looked at"
    assert (await host.bare("GET", "/health")).status == 200


async def test_calls_to_providers_are_counted_and_timed(
    host: Host, worker: None, sandbox: TwilioSandbox
) -> None:
    conversation = await host.conversation("Are you there?")
    queued = await host.post(f"/conversations/{conversation['id']}/messages", {"body": "Yes."})
    await host.message_in("delivered", queued.body["id"])
    lines = (await host.bare("GET", "/metrics")).body.splitlines()
    [call] = [line for line in lines if 'operation="send",outcome="ok",provider="twilio"' in line
              and line.startswith("clientflow_provider_calls_total")]  # fmt: skip
    assert float(call.split()[-1]) >= 1
    timed = 'clientflow_provider_call_seconds_count{operation="send",provider="twilio"} '
    assert any(line.startswith(timed) for line in lines)
    assert any('operation="verify_webhook",outcome="ok"' in line for line in lines)


async def test_metrics_are_as_prometheus_reads_them(host: Host) -> None:
    answer = await host.bare("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name for family in text_string_to_metric_families(answer.body)}
    assert "clientflow_webhooks" in families


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/", "/api/openapi.json"])
async def test_head_is_answered_as_get_without_the_body(host: Host, path: str) -> None:
    got, asked = await host.bare("GET", path), await host.bare("HEAD", path)
    assert (asked.status, asked.body) == (got.status, "")
    assert asked.headers["Content-Type"] == got.headers["Content-Type"]


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/", "/api/openapi.json"])
async def test_what_is_only_read_is_not_posted_to(host: Host, path: str) -> None:
    answer = await host.bare("POST", path)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET,HEAD"
