"""What the checklist tells of the account, asked of the sandbox and of a host."""

from typing import Any

import pytest

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckResult
from clientflow_core.errors import ClientFlowError
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_host.checklist.plugin_checks import plugin_checks
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.stripe.settings import API_VERSION, StripeSettings
from clientflow_plugins.stripe.webhooks import EVENT_TYPES
from tests.checked import checked
from tests.plugins.stripe.conftest import Host

ALL = ("ES1", "ES2", "ES3", "ES4", "ES5", "ES6", "BS1", "BS2", "BS3", "BS6")


async def told(host: Host, sandbox: StripeSandbox, **changed: str) -> dict[str, CheckResult]:
    values = {name: text for name, text in (sandbox.settings() | changed).items() if text}
    async with ProviderRegistry.from_values(values, names=["stripe"]) as registry:
        return await checked(registry, public_url=host.url)


async def mended(host: Host, sandbox: StripeSandbox, name: str, **changed: str) -> str:
    """Let the fix of a check be done, and give what it says."""
    values = sandbox.settings() | changed
    async with ProviderRegistry.from_values(values, names=["stripe"]) as registry:
        checks = plugin_checks(registry, public_url=host.url, clock=SystemClock())
        (one,) = [check for check in checks if check.id == name]
        return await one.fix()


def states(items: dict[str, CheckResult]) -> dict[str, str]:
    return {name: item.status.value for name, item in items.items()}


@pytest.fixture(autouse=True)
def running(host: Host, settings: StripeSettings) -> None:
    """The host has the settings of the sandbox."""


async def test_account_as_it_should_be_passes(host: Host, sandbox: StripeSandbox) -> None:
    items = await told(host, sandbox)
    assert states(items) == dict.fromkeys(ALL, "passed") | {"BS4": "skipped"}
    assert items["ES1"].found == "the account ClientFlow sandbox answers, in test mode"
    assert items["ES4"].found == "plans: free, pro, scale"
    assert (
        items["ES5"].found
        == f"{host.url}/webhooks/stripe, enabled, with the API version {API_VERSION}"
    )
    # The host was asked, and has kept nothing.
    assert len(host.refused) == 1
    assert host.verified == []


async def test_wrong_key_fails_and_is_not_shown(host: Host, sandbox: StripeSandbox) -> None:
    items = await told(host, sandbox, STRIPE_SECRET_KEY="sk_test_wrongwrongwrong")
    without = {"ES2", "ES3", "BS4"}
    assert {name for name, state in states(items).items() if state != "failed"} == without
    assert "STRIPE_SECRET_KEY" in items["ES1"].hint
    assert "HTTP 401" in items["ES5"].found
    assert "wrongwrong" not in str(items)


async def test_secret_that_the_host_does_not_know_fails(host: Host, sandbox: StripeSandbox) -> None:
    good = sandbox.credentials["STRIPE_WEBHOOK_SECRET"]
    item = (await told(host, sandbox, STRIPE_WEBHOOK_SECRET=f"{good},whsec_other"))["ES2"]
    assert (item.status.value, item.found) == ("failed", "the host refuses the signature")
    assert "whsec_other" not in str(item)


async def test_host_that_does_not_answer_as_one_is_skipped(
    host: Host, sandbox: StripeSandbox
) -> None:
    host.is_down = True
    item = (await told(host, sandbox))["ES2"]
    assert (item.status.value, item.found) == ("skipped", "HTTP 503")
    host.url = "http://127.0.0.1:9"
    item = (await told(host, sandbox))["ES2"]
    assert (item.status.value, item.found) == ("skipped", "no answer")


async def test_publishable_key_may_be_missing(host: Host, sandbox: StripeSandbox) -> None:
    item = (await told(host, sandbox, STRIPE_PUBLISHABLE_KEY=""))["ES3"]
    assert item.status.value == "skipped"
    assert "STRIPE_PUBLISHABLE_KEY" in item.hint


async def test_account_that_sells_nothing_fails(host: Host, sandbox: StripeSandbox) -> None:
    for price in sandbox.books.prices.values():
        price["lookup_key"] = None
    item = (await told(host, sandbox))["ES4"]
    assert (item.status.value, item.found) == ("failed", "no price is a plan")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"status": "disabled"}, "disabled, with the API version"),
        ({"api_version": "2024-06-20"}, "enabled, with the API version 2024-06-20"),
        ({"api_version": None}, "enabled, with the API version of the account"),
    ],
)
async def test_endpoint_that_is_not_as_it_should_be_fails(
    host: Host, sandbox: StripeSandbox, changes: dict[str, Any], found: str
) -> None:
    sandbox.books.endpoint |= changes
    item = (await told(host, sandbox))["ES5"]
    assert item.status.value == "failed"
    assert found in item.found
    assert item.hint


async def test_endpoint_that_leads_elsewhere_fails(host: Host, sandbox: StripeSandbox) -> None:
    sandbox.host_url = "https://elsewhere.example"
    items = await told(host, sandbox)
    assert (items["ES5"].status.value, items["ES6"].status.value) == ("failed", "skipped")
    assert items["ES5"].found == "https://elsewhere.example/webhooks/stripe"


async def test_events_that_are_not_sent_are_named(host: Host, sandbox: StripeSandbox) -> None:
    sandbox.books.endpoint["enabled_events"] = list(EVENT_TYPES[2:])
    item = (await told(host, sandbox))["ES6"]
    assert item.status.value == "failed"
    assert item.found == f"not sent: {', '.join(EVENT_TYPES[:2])}"
    sandbox.books.endpoint["enabled_events"] = ["*"]
    assert (await told(host, sandbox))["ES6"].status.value == "passed"


@pytest.mark.parametrize("answer", [{}, {"id": "we_1"}])
async def test_list_that_is_none_is_told_as_one_that_is_missing(
    host: Host, sandbox: StripeSandbox, answer: dict[str, Any]
) -> None:
    sandbox.books.endpoint.clear()
    sandbox.books.endpoint |= answer
    item = (await told(host, sandbox))["ES6"]
    assert item.status.value == "failed"
    assert "did not list the webhook endpoints: KeyError" in item.found


async def test_endpoint_that_is_missing_is_made_and_its_secret_told_nowhere(
    host: Host, sandbox: StripeSandbox
) -> None:
    sandbox.host_url = "https://elsewhere.example"
    said = await mended(host, sandbox, "ES5")
    assert said.startswith(f"Made {host.url}/webhooks/stripe. Now reveal its signing secret")
    assert "whsec_" not in said
    items = await told(host, sandbox)
    assert (items["ES5"].status.value, items["ES6"].status.value) == ("passed", "passed")
    await mended(host, sandbox, "ES5")
    assert len(sandbox.books.more_endpoints) == 1


async def test_endpoint_that_is_off_is_switched_on(host: Host, sandbox: StripeSandbox) -> None:
    sandbox.books.endpoint["status"] = "disabled"
    assert await mended(host, sandbox, "ES5") == f"{host.url}/webhooks/stripe is enabled."
    assert (await told(host, sandbox))["ES5"].status.value == "passed"


async def test_endpoint_of_another_version_is_left_to_people(
    host: Host, sandbox: StripeSandbox
) -> None:
    sandbox.books.endpoint["api_version"] = "2024-06-20"
    with pytest.raises(ClientFlowError, match="make it anew"):
        await mended(host, sandbox, "ES5")
    assert sandbox.books.more_endpoints == {}


async def test_events_that_are_missing_are_added_to_the_others(
    host: Host, sandbox: StripeSandbox
) -> None:
    sandbox.books.endpoint["enabled_events"] = [*EVENT_TYPES[4:], EVENT_TYPES[0]]
    said = await mended(host, sandbox, "ES6")
    assert said == f"{host.url}/webhooks/stripe is sent {len(EVENT_TYPES)} events."
    assert (await told(host, sandbox))["ES6"].status.value == "passed"
    sandbox.host_url = "https://elsewhere.example"
    with pytest.raises(ClientFlowError, match="there is no such endpoint"):
        await mended(host, sandbox, "ES6")


@pytest.mark.parametrize(
    ("feature", "change", "found"),
    [
        ("subscription_cancel", {"enabled": False}, "payers may end it"),
        ("subscription_cancel", {"mode": "immediately"}, "it ends with its period"),
        ("subscription_update", {"enabled": False}, "payers may change the plan"),
        ("subscription_update", {"default_allowed_updates": []}, "payers may change the plan"),
        ("subscription_update", {"proration_behavior": "none"}, "an upgrade is charged at once"),
        (
            "subscription_update",
            {"schedule_at_period_end": {"conditions": []}},
            "a downgrade waits for the period's end",
        ),
    ],
)
async def test_portal_that_does_not_let_payers_do_it_fails(
    host: Host, sandbox: StripeSandbox, feature: str, change: dict[str, Any], found: str
) -> None:
    sandbox.books.portal_configuration["features"][feature] |= change
    item = (await told(host, sandbox))["BS6"]
    assert (item.status.value, item.found) == ("failed", f"not so: {found}")
    assert "settings/billing/portal" in item.hint


async def test_portal_that_was_never_saved_fails(host: Host, sandbox: StripeSandbox) -> None:
    sandbox.books.portal_configuration.clear()
    item = (await told(host, sandbox))["BS6"]
    assert (item.status.value, item.found) == ("failed", "the portal has no settings")
