"""The checks of what stands around everything that is served."""

from typing import Any

import pytest

from clientflow_core.contributions.checks import CheckStatus
from clientflow_core.secret import Secret
from clientflow_host.edge_settings import EdgeSettings
from tests.host.checklist.checks.impostors import answering
from tests.host.checklist.conftest import Context, ask

APP = "https://app.example.com"


@pytest.mark.parametrize("values", [{"CLIENTFLOW_CORS_ORIGINS": APP}], indirect=True)
async def test_service_that_is_guarded_passes(context: Context) -> None:
    for item in ("DA6", "DA7", "SI1", "SI3", "UA2"):
        found = await ask(item, context())
        assert found.status is CheckStatus.PASSED, (item, found)


async def test_probe_may_be_repeated(context: Context) -> None:
    for _ in range(3):
        found = await ask("DA6", context())
        assert (found.status, found.found[:16]) == (CheckStatus.PASSED, "429 at request 4")


@pytest.mark.parametrize("values", [{"CLIENTFLOW_RATE_LIMIT": "0"}], indirect=True)
async def test_service_without_limits_is_found(context: Context) -> None:
    found = await ask("DA6", context())
    assert (found.status, found.found) == (CheckStatus.FAILED, "requests are not counted")
    assert "CLIENTFLOW_RATE_LIMIT" in found.hint


async def test_limits_that_are_not_shared_are_found(context: Context) -> None:
    found = await ask("DA6", context(redis_url=Secret("redis://redis.example.com")))
    assert found.status is CheckStatus.FAILED
    assert "Redis does not answer" in found.hint


async def test_limits_that_something_in_front_undoes_are_found(context: Context) -> None:
    counted = {"RateLimit-Policy": '"requests";q=3;w=60'}
    async with answering(headers=counted) as url:
        found = await ask("DA6", context(url=url))
    assert (found.status, "none refused" in found.found) == (CheckStatus.FAILED, True)


async def test_api_that_lets_every_site_in_is_found(context: Context) -> None:
    async with answering(headers={"Access-Control-Allow-Origin": "*"}) as url:
        found = await ask("DA7", context(url=url))
    assert found.status is CheckStatus.FAILED
    assert "https://foreign.invalid: *" in found.found
    assert "no CORS headers of its own" in found.hint


async def test_site_that_was_listed_and_not_let_in_yet_is_found(context: Context) -> None:
    found = await ask("DA7", context(edge=EdgeSettings(cors_origins=(APP,))))
    assert (found.status, f"{APP}: refused" in found.found) == (CheckStatus.FAILED, True)
    assert "start serve again" in found.hint


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"edge": EdgeSettings(trusted_proxies=("0.0.0.0/0",))}, "anyone could lie"),
        ({"public_url": "https://clientflow.example.com"}, "the proxy that ends TLS"),
    ],
)
async def test_wrong_trust_in_proxies_is_found(
    context: Context, more: dict[str, Any], words: str
) -> None:
    found = await ask("SI1", context(**more))
    assert (found.status, words in found.hint) == (CheckStatus.FAILED, True), found


async def test_headers_that_something_in_front_takes_away_are_found(context: Context) -> None:
    async with answering(headers={"Content-Security-Policy": "script-src * 'unsafe-eval'"}) as url:
        found = await ask("SI3", context(url=url))
    assert found.status is CheckStatus.FAILED
    for words in ("lets any script run", "X-Content-Type-Options", "Referrer-Policy"):
        assert words in found.found


async def test_documentation_made_of_files_of_others_is_found(context: Context) -> None:
    page = '<script src="https://cdn.example.com/swagger-ui.js"></script>'
    async with answering(page) as url:
        found = await ask("UA2", context(url=url))
    assert (found.status, "cdn.example.com" in found.found) == (CheckStatus.FAILED, True)


async def test_documentation_whose_files_are_gone_is_found(context: Context) -> None:
    async with answering("<h1>Not found") as url:
        found = await ask("UA2", context(url=url))
    assert found.status is CheckStatus.FAILED
