"""The smoke test, over a real host, worker and stand-in; and with each of them broken."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.domain.roles import Role
from clientflow_core.persistence.repositories.runs import RunKind, last_run
from clientflow_core.release import release
from clientflow_core.secret import Secret
from clientflow_host.smoke import running
from clientflow_host.smoke.results import Report, StepResult
from clientflow_host.smoke.running import keep_report, run_smoke
from clientflow_host.smoke.steps import STEPS, Smoke, Step
from clientflow_host.smoke.target import Stage, Target
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.conftest import Host
from tests.host.pages.conftest import EMAIL, PASSWORD, add_user
from tests.texts import NUMBER


@pytest.fixture
def target(host: Host, values: Mapping[str, str], sandbox: TwilioSandbox) -> Target:
    """The host of the test, as `up` would tell of it."""
    add_user(host)
    return Target(
        url=values["CLIENTFLOW_PUBLIC_URL"],
        api_key=host.ours.api_key,
        email=EMAIL,
        password=Secret(PASSWORD),
        stage=Stage(control_url=f"{values['TWILIO_API_BASE_URL']}/_control", number=NUMBER),
    )


def by_name(report: Report) -> dict[str, StepResult]:
    return {step.name: step for step in report.steps}


def steps(*names: str) -> list[Step]:
    return [step for step in STEPS if step.name in names]


async def test_service_that_works_passes(target: Target, worker: None) -> None:
    told: list[StepResult | str] = []
    report = await run_smoke(target, tell=told.append)
    statuses = {name: step.status.value for name, step in by_name(report).items()}
    assert statuses == dict.fromkeys((step.name for step in STEPS), "passed") | {
        "sign up, second factor": "missing",
        "delete the contact": "missing",
        "manage a deal": "missing",
    }, report
    assert report.is_good
    assert report.release == release()
    assert [one for one in told if not isinstance(one, str)] == list(report.steps)
    assert {step.item for step in report.steps} == {f"TS{number}" for number in range(1, 7)}
    assert target.api_key
    for secret in (PASSWORD, target.api_key.reveal()):
        assert secret not in str(report.as_json())
    assert (await run_smoke(target)).is_good, "it may be run again"


async def test_report_is_kept_for_the_release(target: Target, host: Host) -> None:
    report = await run_smoke(target, steps=steps("health"))
    async with host.assembly.database.system() as transaction:
        await keep_report(transaction, report)
        kept = await last_run(transaction, RunKind.SMOKE, release=release())
    assert kept is not None
    assert kept.is_good
    assert kept.report["steps"][0]["found"] == f"release {release()}"


async def test_who_knows_nobody_skips_and_says_what_to_set(host: Host) -> None:
    report = await run_smoke(Target(url=host.assembly.settings.url))
    found = by_name(report)
    assert report.is_good
    assert found["webhook, forged"].status == "passed"
    assert "CLIENTFLOW_SMOKE_API_KEY" in found["create a contact"].hint
    assert "CLIENTFLOW_SMOKE_EMAIL" in found["sign in"].hint
    assert "clientflow up" in found["webhook, signed"].hint


async def test_worker_that_is_stopped_is_found(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_STEP_SECONDS", 0.5)
    found = by_name(await run_smoke(target))
    assert "workers: none" in found["readiness"].found
    assert found["webhook, signed"].status == "failed"
    assert "worker" in found["webhook, signed"].hint
    assert found["send a message"].status == "skipped"


async def test_wrong_secret_of_a_webhook_is_found(
    target: Target, sandbox: TwilioSandbox, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotated = {**sandbox.credentials, "TWILIO_AUTH_TOKEN": "0" * 32}
    monkeypatch.setattr(sandbox, "credentials", rotated)
    found = by_name(await run_smoke(target))
    assert (found["webhook, signed"].status, found["webhook, signed"].found) == (
        "failed",
        "it was answered 403",
    )
    assert found["webhook, once more"].status == "skipped"


async def test_wrong_password_and_wrong_key_are_found(target: Target) -> None:
    wrong = attrs.evolve(target, password=Secret("x"), api_key=Secret("cf_live_x"))
    report = await run_smoke(wrong, steps=steps("sign in", "create a contact", "read the contact"))
    found = by_name(report)
    assert not report.is_good
    assert "password" in found["sign in"].hint
    assert "answered 401" in found["create a contact"].found
    assert found["read the contact"].status == "skipped"


async def test_key_that_may_only_read_is_found(target: Target, host: Host) -> None:
    viewer = attrs.evolve(target, api_key=host.add_key(Role.VIEWER).api_key)
    found = by_name(await run_smoke(viewer, steps=steps("create a contact")))
    assert "403" in found["create a contact"].found
    assert "role member" in found["create a contact"].hint


@pytest.fixture
async def impostor() -> AsyncIterator[str]:
    """A server that takes everything, and is no ClientFlow."""

    async def take(request: web.Request) -> web.Response:
        if request.path == "/api/openapi.json":
            return web.json_response({"paths": {"/webhooks/any": {}}})
        return web.Response(text="fine")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_service_that_takes_what_nobody_has_signed_is_found(impostor: str) -> None:
    key = Secret("cf_live_x")
    found = by_name(await run_smoke(Target(url=impostor, api_key=key)))
    assert "answered 200" in found["webhook, forged"].found
    assert "disable" in found["webhook, forged"].hint
    assert found["create a contact"].status == "failed"


async def test_nobody_there_is_found(unused_tcp_port: int) -> None:
    report = await run_smoke(Target(url=f"http://127.0.0.1:{unused_tcp_port}"))
    assert by_name(report)["health"].status == "failed"
    assert "cannot be reached" in by_name(report)["health"].found
    assert report.release == ""


async def test_step_that_hangs_fails_alone_and_all_of_them_end(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: Smoke) -> str:
        await asyncio.Event().wait()
        return ""

    async def fine(_: Smoke) -> str:
        return "fine"

    monkeypatch.setattr(running, "_STEP_SECONDS", 0.05)
    report = await run_smoke(target, steps=[Step("one", "TS1", hang), Step("two", "TS1", fine)])
    assert [step.status.value for step in report.steps] == ["failed", "passed"]
    monkeypatch.setattr(running, "_ALL_SECONDS", 0.0)
    report = await run_smoke(target, steps=[Step("one", "TS1", hang)])
    assert report.steps[0].milliseconds < 5000
