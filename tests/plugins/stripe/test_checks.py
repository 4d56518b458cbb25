"""What the checklist tells of the account, asked of the sandbox and of a host."""

from typing import Any

import pytest

from clientflow_core.registry.registry import ProviderRegistry
from clientflow_host.checklist.running import CheckedItem, Chosen, run_checks
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.stripe.settings import API_VERSION, StripeSettings
from clientflow_plugins.stripe.webhooks import EVENT_TYPES
from tests.plugins.stripe.conftest import Host

ALL = ("ES1", "ES2", "ES3", "ES4", "ES5", "ES6")


async def told(host: Host, sandbox: StripeSandbox, **changed: str) -> dict[str, CheckedItem]:
    values = {name: text for name, text in (sandbox.settings() | changed).items() if text}
    async with ProviderRegistry.from_values(values, names=["stripe"]) as registry:
        items = await run_checks(registry, public_url=host.url, chosen=Chosen())
    return {item.id: item for item in items}


def states(items: dict[str, CheckedItem]) -> dict[str, str]:
    return {name: item.status.value for name, item in items.items()}


@pytest.fixture(autouse=True)
def running(host: Host, settings: StripeSettings) -> None:
    """The host has the settings of the sandbox."""


async def test_account_as_it_should_be_passes(host: Host, sandbox: StripeSandbox) -> None:
    items = await told(host, sandbox)
    assert states(items) == dict.fromkeys(ALL, "passed")
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
    assert {name for name, state in states(items).items() if state == "failed"} == {
        "ES1",
        "ES4",
        "ES5",
        "ES6",
    }
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
