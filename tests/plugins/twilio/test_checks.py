"""What the checklist tells of the account, asked of the sandbox."""

from typing import Final

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckContext, CheckResult
from clientflow_core.errors import ProviderUnavailable
from clientflow_core.registry.bound import plugin_context
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_host.checklist.running import CheckedItem, Chosen, run_checks
from clientflow_plugins.twilio.checks import CHECKS
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.plugins.twilio.conftest import SERVICE, Host

SID: Final = "AC" + "0" * 32


async def told(host: Host, sandbox: TwilioSandbox, **changed: str) -> dict[str, CheckedItem]:
    values = {name: text for name, text in (sandbox.settings() | changed).items() if text}
    async with ProviderRegistry.from_values(values, names=["twilio"]) as registry:
        items = await run_checks(registry, public_url=host.url, chosen=Chosen())
    return {item.id: item for item in items}


def states(items: dict[str, CheckedItem]) -> dict[str, str]:
    return {name: item.status.value for name, item in items.items()}


async def test_account_as_it_should_be_passes(host: Host, sandbox: TwilioSandbox) -> None:
    items = await told(host, sandbox)
    assert states(items) == {"ET1": "passed", "ET3": "passed", "ET6": "passed"}
    assert items["ET1"].found == "the account ClientFlow sandbox is active"
    assert items["ET6"].found == f"{host.url}/webhooks/twilio"


async def test_wrong_token_fails_and_is_not_shown(host: Host, sandbox: TwilioSandbox) -> None:
    items = await told(host, sandbox, TWILIO_AUTH_TOKEN="wrong-token")
    assert states(items) == {"ET1": "failed", "ET3": "failed", "ET6": "failed"}
    assert "TWILIO_AUTH_TOKEN" in items["ET1"].hint
    assert "HTTP 401" in items["ET3"].found
    assert "wrong-token" not in str(items)


async def test_number_of_somebody_else_fails(host: Host, sandbox: TwilioSandbox) -> None:
    items = await told(host, sandbox, TWILIO_PHONE_NUMBER="+15550100199")
    assert states(items) == {"ET1": "passed", "ET3": "failed", "ET6": "skipped"}
    assert items["ET3"].found == "the account has no number +15550100199"


async def test_webhook_that_leads_elsewhere_fails(host: Host, sandbox: TwilioSandbox) -> None:
    sandbox.host_url = "https://elsewhere.example"
    item = (await told(host, sandbox))["ET6"]
    assert (item.status.value, item.found) == (
        "failed",
        "https://elsewhere.example/webhooks/twilio",
    )
    assert item.expected == f"{host.url}/webhooks/twilio"
    assert item.hint


class TestMessagingService:
    @pytest.fixture
    def credentials(self) -> dict[str, str]:
        return TwilioSandbox.new_credentials() | {"TWILIO_MESSAGING_SERVICE_SID": SERVICE}

    async def test_is_asked_where_it_posts_texts(self, host: Host, sandbox: TwilioSandbox) -> None:
        items = await told(host, sandbox, TWILIO_PHONE_NUMBER="")
        assert states(items) == {"ET1": "passed", "ET3": "skipped", "ET6": "passed"}
        assert items["ET3"].hint
        sandbox.host_url = "https://elsewhere.example"
        item = (await told(host, sandbox))["ET6"]
        assert item.status.value == "failed"
        assert "at the messaging service" in item.hint

    async def test_that_the_account_has_not_fails(self, host: Host, sandbox: TwilioSandbox) -> None:
        other = "MG" + "0" * 32
        item = (await told(host, sandbox, TWILIO_MESSAGING_SERVICE_SID=other))["ET6"]
        assert item.status.value == "failed"
        assert "did not show the messaging service" in item.found

    @pytest.mark.parametrize(("number", "status"), [("+15550100100", "passed"), (None, "skipped")])
    async def test_may_leave_it_to_its_numbers(self, number: str | None, status: str) -> None:
        url = "https://a.example/webhooks/twilio"
        answer = {
            "use_inbound_webhook_on_number": True,
            "incoming_phone_numbers": [{"phone_number": number, "sms_url": url}],
        }
        result = await asked(answer, check="ET6", number=number, service=SERVICE)
        assert result.status.value == status


def _context(registry: ProviderRegistry, http: ClientSession) -> CheckContext:
    (plugin,) = registry.plugins
    plain = plugin_context(plugin, providers=registry, clock=SystemClock())
    return CheckContext(
        plugin=plain.plugin,
        providers=plain.providers,
        clock=plain.clock,
        log=plain.log,
        own_settings=plain.own_settings,
        http=http,
        public_url="https://a.example",
    )


async def asked(
    answered: object,
    *,
    check: str = "ET3",
    number: str | None = "+15550100100",
    service: str | None = None,
) -> CheckResult:
    """Let a check meet an API that answers with *answered*."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(answered)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server, ClientSession() as http:
        values = {
            "TWILIO_ACCOUNT_SID": SID,
            "TWILIO_AUTH_TOKEN": "token",
            "TWILIO_API_BASE_URL": str(server.make_url("")).rstrip("/"),
        }
        values |= {"TWILIO_PHONE_NUMBER": number} if number else {}
        values |= {"TWILIO_MESSAGING_SERVICE_SID": service} if service else {}
        async with ProviderRegistry.from_values(values, names=["twilio"]) as registry:
            spec = next(one for one in CHECKS if one.id == check)
            return await spec.run(_context(registry, http))


async def test_number_that_carries_no_texts_fails() -> None:
    numbers = [{"phone_number": "+15550100100", "capabilities": {"sms": False}}]
    result = await asked({"incoming_phone_numbers": numbers})
    assert (result.status.value, result.found) == ("failed", "+15550100100 carries no texts")


@pytest.mark.parametrize("answer", [{}, [], {"incoming_phone_numbers": [None]}])
async def test_answer_that_is_no_list_is_told_as_one_that_is_missing(answer: object) -> None:
    with pytest.raises(ProviderUnavailable, match="did not list the numbers"):
        await asked(answer)
