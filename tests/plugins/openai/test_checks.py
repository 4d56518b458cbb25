"""What the checklist tells of the account, asked of the sandbox."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.contributions.checks import CheckResult
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_plugins.openai.sandbox import OpenAISandbox
from tests.checked import checked


async def told(sandbox: OpenAISandbox, **changed: str) -> dict[str, CheckResult]:
    values = sandbox.settings() | changed
    async with ProviderRegistry.from_values(values, names=["openai"]) as registry:
        return await checked(registry, public_url="https://a.example")


def states(items: dict[str, CheckResult]) -> dict[str, str]:
    return {name: item.status.value for name, item in items.items()}


async def test_an_account_as_it_should_be_passes(sandbox: OpenAISandbox) -> None:
    items = await told(sandbox)
    assert states(items) == {"EA8": "passed", "openai-price": "passed"}
    assert items["EA8"].found == (
        "clientflow-sandbox answers, and has both; no organization has a budget:"
        " set OPENAI_MONTHLY_BUDGET"
    )
    assert not sandbox.state()["requests"]


async def test_a_budget_is_told(sandbox: OpenAISandbox) -> None:
    item = (await told(sandbox, OPENAI_MONTHLY_BUDGET="20"))["EA8"]
    assert "each organization may spend 20 US dollars a month" in item.found


async def test_a_wrong_key_fails_and_is_not_shown(sandbox: OpenAISandbox) -> None:
    items = await told(sandbox, OPENAI_API_KEY="sk-wrong-key")
    assert states(items)["EA8"] == "failed"
    assert "OPENAI_API_KEY" in items["EA8"].hint
    assert "sk-wrong-key" not in str(items)


@pytest.mark.parametrize("name", ["OPENAI_MODEL", "OPENAI_EMBEDDING_MODEL"])
async def test_a_model_that_is_not_there_fails(sandbox: OpenAISandbox, name: str) -> None:
    item = (await told(sandbox, **{name: "org/gone"}))["EA8"]
    assert (item.status.value, item.found) == ("failed", "clientflow-sandbox has no model org/gone")
    assert name in item.hint


async def test_a_model_without_a_price_is_told(sandbox: OpenAISandbox) -> None:
    items = await told(sandbox, OPENAI_MODEL="gpt-4.1-mini")
    assert states(items) == {"EA8": "passed", "openai-price": "skipped"}


async def test_a_server_that_is_not_there_is_told(sandbox: OpenAISandbox) -> None:
    items = await told(sandbox, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert states(items)["EA8"] == "failed"
    assert "connection" in items["EA8"].found


@pytest.mark.parametrize("is_cut", [True, False])
async def test_a_model_that_cannot_be_looked_up_fails(
    sandbox: OpenAISandbox,
    is_cut: bool,
) -> None:
    async def list_models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": []})

    async def get_model(request: web.Request) -> web.Response:
        if is_cut and request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    app = web.Application()
    app.add_routes([web.get("/models", list_models), web.get("/models/{model}", get_model)])
    async with TestServer(app) as server:
        item = (await told(sandbox, OPENAI_BASE_URL=str(server.make_url("/"))))["EA8"]
    assert item.status.value == "failed"
    assert "did not tell of the model" in item.found
