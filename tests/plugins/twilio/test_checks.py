"""What the checklist tells of the account, asked of the sandbox."""

from typing import Final

import attrs
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckContext, CheckResult
from clientflow_core.errors import ClientFlowError, ProviderUnavailable
from clientflow_core.registry.bound import plugin_context
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.secret import Secret
from clientflow_host.checklist.plugin_checks import plugin_checks
from clientflow_plugins.twilio.checks import CHECKS
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from clientflow_plugins.twilio.settings import TwilioSettings
from tests.checked import checked
from tests.plugins.twilio.conftest import SERVICE, Host

SID: Final = "AC" + "0" * 32


async def told(host: Host, sandbox: TwilioSandbox, **changed: str) -> dict[str, CheckResult]:
    values = {name: text for name, text in (sandbox.settings() | changed).items() if text}
    async with ProviderRegistry.from_values(values, names=["twilio"]) as registry:
        return await checked(registry, public_url=host.url)


def states(items: dict[str, CheckResult]) -> dict[str, str]:
    return {name: item.status.value for name, item in items.items()}


@pytest.fixture(autouse=True)
def running(host: Host, settings: TwilioSettings) -> None:
    """The host has the settings of the sandbox."""


async def mended(host: Host, sandbox: TwilioSandbox, **changed: str) -> str:
    """Let the fix of ET6 be done, and give what it says."""
    values = {name: text for name, text in (sandbox.settings() | changed).items() if text}
    async with ProviderRegistry.from_values(values, names=["twilio"]) as registry:
        checks = plugin_checks(registry, public_url=host.url, clock=SystemClock())
        (one,) = [check for check in checks if check.id == "ET6"]
        return await one.fix()


async def test_account_as_it_should_be_passes(host: Host, sandbox: TwilioSandbox) -> None:
    items = await told(host, sandbox)
    good = dict.fromkeys(("ET1", "ET2", "ET3", "ET6"), "passed")
    assert states(items) == good | {"ET4": "skipped", "ET5": "skipped"}
    assert items["ET1"].found == "the account ClientFlow sandbox is active"
    assert items["ET4"].hint == "nobody else can reach this machine by that name"
    assert items["ET5"].found == "no messaging service is set"
    assert items["ET6"].found == f"{host.url}/webhooks/twilio"
    # The host was asked, and has kept nothing.
    assert [one.code for one in host.refused] == ["bad_payload"]
    assert host.verified == []


async def test_wrong_token_fails_and_is_not_shown(host: Host, sandbox: TwilioSandbox) -> None:
    items = await told(host, sandbox, TWILIO_AUTH_TOKEN="wrong-token")
    failed = {name for name, state in states(items).items() if state == "failed"}
    assert failed == {"ET1", "ET2", "ET3", "ET6"}
    assert "TWILIO_AUTH_TOKEN" in items["ET1"].hint
    assert "API keys & tokens" in items["ET2"].hint
    assert "HTTP 401" in items["ET3"].found
    assert "wrong-token" not in str(items)


async def test_token_that_the_host_does_not_know_fails(host: Host, sandbox: TwilioSandbox) -> None:
    assert host.settings
    host.settings = attrs.evolve(host.settings, auth_token=Secret("another"))
    item = (await told(host, sandbox))["ET2"]
    assert (item.status.value, item.found) == ("failed", "the host refuses the signature")
    assert "restart the host" in item.hint


async def test_host_that_does_not_answer_cannot_be_told_of(
    host: Host, sandbox: TwilioSandbox
) -> None:
    host.url = "http://127.0.0.1:9"
    item = (await told(host, sandbox))["ET2"]
    assert (item.status.value, item.found) == ("skipped", "no answer")
    assert host.url in item.hint


async def test_number_of_somebody_else_fails(host: Host, sandbox: TwilioSandbox) -> None:
    items = await told(host, sandbox, TWILIO_PHONE_NUMBER="+15550100199")
    assert (states(items)["ET3"], states(items)["ET6"]) == ("failed", "skipped")
    assert items["ET3"].found == "the account has no number +15550100199"
    said = await failing_fix(host, sandbox, TWILIO_PHONE_NUMBER="+15550100199")
    assert "+15550100199 is not ours" in said


async def failing_fix(host: Host, sandbox: TwilioSandbox, **changed: str) -> str:
    with pytest.raises(ClientFlowError) as failed:
        await mended(host, sandbox, **changed)
    return str(failed.value)


@pytest.mark.parametrize(
    ("public_url", "webhook_url", "status", "found"),
    [
        ("https://a.example", "https://a.example/webhooks/twilio", "passed", "https://a.example"),
        ("https://a.example", "", "passed", "(TWILIO_WEBHOOK_URL is not set, and need not be)"),
        ("https://a.example", "https://b.example/webhooks/twilio", "failed", "https://b.example"),
        ("http://a.example", "http://a.example/webhooks/twilio", "failed", "http://a.example"),
    ],
)
async def test_address_that_twilio_signs_is_ours_by_https(
    sandbox: TwilioSandbox, public_url: str, webhook_url: str, status: str, found: str
) -> None:
    item = (await told(Host(url=public_url), sandbox, TWILIO_WEBHOOK_URL=webhook_url))["ET4"]
    assert item.status.value == status
    assert found in item.found
    assert bool(item.hint) == (status == "failed")


async def test_webhook_that_leads_elsewhere_fails_until_it_is_mended(
    host: Host, sandbox: TwilioSandbox
) -> None:
    sandbox.host_url = "https://elsewhere.example"
    item = (await told(host, sandbox, TWILIO_WEBHOOK_URL=""))["ET6"]
    assert (item.status.value, item.found) == (
        "failed",
        "https://elsewhere.example/webhooks/twilio",
    )
    assert item.expected == f"{host.url}/webhooks/twilio"
    assert "A message comes in" in item.hint
    said = await mended(host, sandbox, TWILIO_WEBHOOK_URL="")
    assert said.endswith(f"are posted to {host.url}/webhooks/twilio.")
    assert (await told(host, sandbox, TWILIO_WEBHOOK_URL=""))["ET6"].status.value == "passed"
    assert await mended(host, sandbox, TWILIO_WEBHOOK_URL="") == said


class TestMessagingService:
    @pytest.fixture
    def credentials(self) -> dict[str, str]:
        return TwilioSandbox.new_credentials() | {"TWILIO_MESSAGING_SERVICE_SID": SERVICE}

    async def test_is_asked_where_it_posts_texts(self, host: Host, sandbox: TwilioSandbox) -> None:
        alone = {"TWILIO_PHONE_NUMBER": "", "TWILIO_WEBHOOK_URL": ""}
        items = await told(host, sandbox, **alone)
        assert states(items) == dict.fromkeys(("ET1", "ET2", "ET5", "ET6"), "passed") | {
            "ET3": "skipped",
            "ET4": "skipped",
        }
        assert items["ET3"].hint
        sandbox.host_url = "https://elsewhere.example"
        item = (await told(host, sandbox, **alone))["ET6"]
        assert item.status.value == "failed"
        assert "at the messaging service" in item.hint
        assert "the messaging service are posted" in await mended(host, sandbox, **alone)
        assert (await told(host, sandbox, **alone))["ET6"].status.value == "passed"

    @pytest.mark.parametrize(
        ("campaign", "status", "found"),
        [
            ("VERIFIED", "passed", "has 1 numbers; A2P: VERIFIED"),
            ("PENDING", "passed", "A2P: PENDING"),
            ("", "passed", "A2P: not registered"),
            ("FAILED", "failed", "A2P: FAILED"),
        ],
    )
    async def test_shows_how_far_its_registration_is(
        self, host: Host, sandbox: TwilioSandbox, campaign: str, status: str, found: str
    ) -> None:
        sandbox._account.campaign = campaign
        item = (await told(host, sandbox))["ET5"]
        assert item.status.value == status
        assert found in item.found
        assert ("A2P 10DLC" in item.hint) == (campaign in {"", "FAILED"})

    async def test_without_our_number_fails(self, host: Host, sandbox: TwilioSandbox) -> None:
        number = sandbox.credentials["TWILIO_PHONE_NUMBER"]
        sandbox._account.outside = {number}
        item = (await told(host, sandbox))["ET5"]
        assert item.found == f"ClientFlow sandbox has not {number}"
        assert "Sender Pool" in item.hint

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


async def test_number_that_an_application_answers_fails() -> None:
    one = {"phone_number": "+15550100100", "sms_application_sid": "AP1", "sms_url": None}
    result = await asked({"incoming_phone_numbers": [one]}, check="ET6")
    assert (result.status.value, result.found) == ("failed", "the application AP1")
    assert "instead of the TwiML App" in result.hint


async def test_number_that_posts_by_get_fails() -> None:
    url = "https://a.example/webhooks/twilio"
    one = {"phone_number": "+15550100100", "sms_url": url, "sms_method": "GET"}
    result = await asked({"incoming_phone_numbers": [one]}, check="ET6")
    assert (result.status.value, result.found) == ("failed", f"{url}, by GET")


async def test_number_that_carries_no_texts_fails() -> None:
    numbers = [{"phone_number": "+15550100100", "capabilities": {"sms": False}}]
    result = await asked({"incoming_phone_numbers": numbers})
    assert (result.status.value, result.found) == ("failed", "+15550100100 carries no texts")


@pytest.mark.parametrize("answer", [{}, [], {"incoming_phone_numbers": [None]}])
async def test_answer_that_is_no_list_is_told_as_one_that_is_missing(answer: object) -> None:
    with pytest.raises(ProviderUnavailable, match="did not list the numbers"):
        await asked(answer)
