"""The checks of where the service is, and how it is there."""

import pytest

from clientflow_core.contributions.checks import CheckStatus
from clientflow_host.checklist.checks import reached
from clientflow_host.serving import SERVING
from tests.host.checklist.checks.impostors import answering
from tests.host.checklist.conftest import Context, ask
from tests.host.conftest import Host


async def test_service_that_runs_passes(context: Context, worker: None) -> None:
    found = await ask("DA2", context())
    assert found.status is CheckStatus.PASSED, found
    found = await ask("DA3", context())
    assert found.status is CheckStatus.PASSED, found


async def test_service_that_is_too_slow_is_found(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reached, "_HEALTH_SECONDS", -1.0)
    found = await ask("DA2", context())
    assert (found.status, "busy" in found.hint) == (CheckStatus.FAILED, True)


async def test_service_that_stops_is_found(context: Context, host: Host) -> None:
    host.app[SERVING].draining.set()
    found = await ask("DA3", context())
    host.app[SERVING].draining.clear()
    assert found.status is CheckStatus.FAILED
    assert "process: stopping" in found.found


async def test_what_is_missing_behind_it_is_told_though_it_serves(context: Context) -> None:
    found = await ask("DA3", context())
    assert found.status is CheckStatus.PASSED
    assert "workers: none" in found.found
    assert "missing" in found.hint


async def test_something_else_at_the_address_is_found(context: Context) -> None:
    async with answering("<h1>Welcome to nginx") as url:
        found = await ask("DA3", context(url=url))
    assert found.status is CheckStatus.FAILED


async def test_domain_is_asked_for_beyond_this_machine(context: Context) -> None:
    assert (await ask("DA5", context())).status is CheckStatus.SKIPPED


async def test_address_that_is_not_the_public_one_is_found(context: Context) -> None:
    found = await ask("DA5", context(url="https://clientflow.example.com"))
    assert found.status is CheckStatus.FAILED
    assert "CLIENTFLOW_PUBLIC_URL=https://clientflow.example.com" in found.hint


async def test_name_that_leads_nowhere_is_found(context: Context) -> None:
    url = "https://clientflow.invalid"
    found = await ask("DA5", context(url=url, public_url=url))
    assert found.status is CheckStatus.FAILED
    assert "record for clientflow.invalid" in found.hint


async def test_name_that_leads_somewhere_passes(context: Context) -> None:
    # Short for 127.0.0.1, which needs no DNS.
    url = "http://127.1:8080"
    found = await ask("DA5", context(url=url, public_url=url))
    assert (found.status, "127.0.0.1" in found.found) == (CheckStatus.PASSED, True), found
