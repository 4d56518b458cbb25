"""What the checklist tells of the project, asked of the sandbox."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core import release as release_module
from clientflow_core.contributions.checks import CheckResult
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.sandbox import Answer, CallFault
from clientflow_plugins.sentry.sandbox import SentrySandbox
from tests.checked import checked


async def told(sandbox: SentrySandbox, **changed: str) -> dict[str, CheckResult]:
    values = {name: text for name, text in (sandbox.settings() | changed).items() if text}
    async with ProviderRegistry.from_values(values, names=["sentry"]) as registry:
        return await checked(registry, public_url="https://a.example")


async def test_project_as_it_should_be_passes(sandbox: SentrySandbox) -> None:
    items = await told(sandbox)
    states = {name: item.status.value for name, item in items.items()}
    assert states == dict.fromkeys(["EA7", "MS1", "MS3", "MS4", "MS5"], "passed")
    assert items["MS5"].found == "clientflow@sandbox+0000000"


@pytest.mark.parametrize(
    ("env", "value", "item", "status"),
    [
        ("SENTRY_TRACES_SAMPLE_RATE", "0", "MS4", "failed"),
        ("SENTRY_AUTH_TOKEN", "", "MS3", "skipped"),
        ("SENTRY_AUTH_TOKEN", "wrong", "MS3", "failed"),
    ],
)
async def test_what_is_missing_is_told_with_a_hint(
    sandbox: SentrySandbox, env: str, value: str, item: str, status: str
) -> None:
    found = (await told(sandbox, **{env: value}))[item]
    assert found.status.value == status
    assert found.hint


async def test_release_without_a_commit_is_found(
    sandbox: SentrySandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await told(sandbox, SENTRY_RELEASE=""))["MS5"].status.value == "passed"
    monkeypatch.setattr(release_module, "_PACKAGE", tmp_path)
    release_module.commit.cache_clear()
    found = (await told(sandbox, SENTRY_RELEASE=""))["MS5"]
    release_module.commit.cache_clear()
    assert (found.status.value, "SENTRY_RELEASE" in found.hint) == ("failed", True)


@pytest.mark.parametrize(
    ("host", "status"), [("sentry.invalid", "failed"), ("localhost:1", "passed")]
)
async def test_dsn_in_the_clear_fails_but_on_this_machine(
    sandbox: SentrySandbox, host: str, status: str
) -> None:
    found = await told(sandbox, SENTRY_DSN=f"http://{'a' * 32}@{host}/1")
    assert found["EA7"].status.value == status
    assert "a" * 32 not in str(found)


async def test_wrong_key_fails_with_where_to_look(sandbox: SentrySandbox) -> None:
    dsn = sandbox.settings()["SENTRY_DSN"]
    found = (await told(sandbox, SENTRY_DSN=dsn.replace(dsn[7:39], "b" * 32)))["MS1"]
    assert (found.status.value, "Client Keys" in found.hint) == ("failed", True)


@pytest.mark.parametrize("answer", [Answer.BAD_JSON, Answer.HTML, Answer.CUT_BEFORE])
async def test_list_that_cannot_be_read_is_told(sandbox: SentrySandbox, answer: Answer) -> None:
    sandbox.faults.call = CallFault(calls=10, answer=answer)
    assert "did not list" in (await told(sandbox))["MS3"].found


@pytest.mark.parametrize(("rules", "found"), [([], "no alert rule"), ({}, "HTTP 200")])
async def test_project_without_rules_fails(
    sandbox: SentrySandbox, rules: object, found: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(rules)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        item = (await told(sandbox, SENTRY_URL=str(server.make_url("/"))))["MS3"]
    assert item.status.value == "failed"
    assert found in item.found
