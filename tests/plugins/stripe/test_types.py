"""Both sides held against the SDK's own types: what the sandbox says, and what we ask."""

import copy
import datetime as dt
import json
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import aiohttp
import pytest
import stripe
from stripe.params import (
    AccountRetrieveCurrentParams,
    CustomerCreateParams,
    CustomerListParams,
    EventListParams,
    InvoiceListParams,
    PriceCreateParams,
    PriceListParams,
    SubscriptionCancelParams,
    SubscriptionListParams,
    SubscriptionRetrieveParams,
    SubscriptionUpdateParams,
    WebhookEndpointCreateParams,
    WebhookEndpointListParams,
    WebhookEndpointUpdateParams,
)
from stripe.params.billing import MeterEventCreateParams
from stripe.params.billing_portal import ConfigurationListParams
from stripe.params.billing_portal import SessionCreateParams as PortalCreateParams
from stripe.params.checkout import SessionCreateParams as CheckoutCreateParams

from clientflow_core.domain.billing import UsageReport
from clientflow_plugins.stripe.provider import StripeBilling
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.stripe.settings import API_VERSION
from clientflow_plugins.stripe.webhooks import EVENT_TYPES
from tests.plugins.stripe.conftest import Host, Recorder, checkout_of, new_key, subscribe, trigger
from tests.plugins.stripe.sdk_types import problems
from tests.plugins.stripe.test_checks import mended, told
from tests.plugins.stripe.test_plan_checks import plan

ASKED: Final[Mapping[tuple[str, str], Any]] = MappingProxyType(
    {
        ("GET", "/v1/account"): AccountRetrieveCurrentParams,
        ("GET", "/v1/prices"): PriceListParams,
        ("GET", "/v1/customers"): CustomerListParams,
        ("POST", "/v1/customers"): CustomerCreateParams,
        ("POST", "/v1/checkout/sessions"): CheckoutCreateParams,
        ("POST", "/v1/billing_portal/sessions"): PortalCreateParams,
        ("GET", "/v1/subscriptions"): SubscriptionListParams,
        ("GET", "/v1/subscriptions/x"): SubscriptionRetrieveParams,
        ("POST", "/v1/subscriptions/x"): SubscriptionUpdateParams,
        ("DELETE", "/v1/subscriptions/x"): SubscriptionCancelParams,
        ("POST", "/v1/billing/meter_events"): MeterEventCreateParams,
        ("GET", "/v1/invoices"): InvoiceListParams,
        ("GET", "/v1/events"): EventListParams,
    }
)
# By the checks of the checklist, and what mends what they find.
CHECKED: Final[Mapping[tuple[str, str], Any]] = MappingProxyType(
    {
        ("GET", "/v1/prices"): PriceListParams,
        ("POST", "/v1/prices"): PriceCreateParams,
        ("GET", "/v1/billing_portal/configurations"): ConfigurationListParams,
        ("GET", "/v1/webhook_endpoints"): WebhookEndpointListParams,
        ("POST", "/v1/webhook_endpoints"): WebhookEndpointCreateParams,
        ("POST", "/v1/webhook_endpoints/x"): WebhookEndpointUpdateParams,
    }
)
ANSWERED: Final[Mapping[str, type]] = MappingProxyType(
    {
        "account": stripe.Account,
        "price": stripe.Price,
        "product": stripe.Product,
        "customer": stripe.Customer,
        "checkout.session": stripe.checkout.Session,
        "billing_portal.session": stripe.billing_portal.Session,
        "billing_portal.configuration": stripe.billing_portal.Configuration,
        "subscription": stripe.Subscription,
        "billing.meter_event": stripe.billing.MeterEvent,
        "invoice": stripe.Invoice,
        "event": stripe.Event,
        "webhook_endpoint": stripe.WebhookEndpoint,
        "dispute": stripe.Dispute,
    }
)
# What Stripe's examples of 2026-08-21 have, and its types of today have not.
GONE: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"invoice": frozenset({"subscription"})}
)


def found_in(answer: Mapping[str, Any]) -> list[str]:
    """Give what is wrong with an answer, be it one object or a list."""
    kind = answer["object"]
    if kind == "list":
        return [one for item in answer["data"] for one in found_in(item)]
    return list(problems(answer, ANSWERED[kind], kind))


async def do_everything(billing: StripeBilling, sandbox: StripeSandbox) -> str:
    """Call every method, and give the customer."""
    await billing.verify()
    await billing.list_plans()
    one = await subscribe(billing, sandbox, trial_days=7)
    customer, name = one.provider_customer_id, one.provider_subscription_id
    await billing.open_portal(customer, return_url="https://business.example/")
    await billing.get_subscription(name)
    await billing.change_plan(name, plan_key="scale", key=new_key())
    await billing.cancel(name, is_at_once=False, key=new_key())
    await billing.report_usage(
        UsageReport(
            id=uuid.uuid4(),
            provider_customer_id=customer,
            meter="texts_sent",
            quantity=3,
            occurred_at=dt.datetime.now(dt.UTC),
        )
    )
    await billing.list_invoices(customer)
    await billing.list_missed(since=dt.datetime.now(dt.UTC) - dt.timedelta(days=3), cursor=None)
    await billing.cancel(name, is_at_once=True, key=new_key())
    return customer


async def test_what_we_ask_fits_the_types_of_the_sdk(
    billing: StripeBilling, sandbox: StripeSandbox, recorder: Recorder
) -> None:
    await do_everything(billing, sandbox)
    seen = set()
    for one in recorder.exchanges:
        place = (one.method, re.sub(r"/sub_\w+", "/x", one.path))
        seen.add(place)
        assert list(problems(one.params, ASKED[place], str(place), is_form=True)) == []
    assert seen == set(ASKED)


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    file = tmp_path / "plans.toml"
    file.write_text(plan("solo"), "utf-8")
    return str(file)


async def check_everything(host: Host, sandbox: StripeSandbox, catalogue: str) -> None:
    """Run every check, and every fix on what is wrong."""
    await told(host, sandbox, STRIPE_CATALOGUE=catalogue)
    await mended(host, sandbox, "ES4", STRIPE_CATALOGUE=catalogue)
    await mended(host, sandbox, "ES5")
    await mended(host, sandbox, "ES6")
    sandbox.host_url = "https://elsewhere.example"
    await mended(host, sandbox, "ES5")


@pytest.mark.usefixtures("settings")
async def test_what_checks_and_fixes_ask_and_are_answered_fits_the_types_of_the_sdk(
    host: Host, sandbox: StripeSandbox, recorder: Recorder, catalogue: str
) -> None:
    await check_everything(host, sandbox, catalogue)
    seen = set()
    for one in recorder.exchanges:
        place = (one.method, re.sub(r"/we_\w+", "/x", one.path))
        seen.add(place)
        kind = CHECKED.get(place) or ASKED[place]
        assert list(problems(one.params, kind, str(place), is_form=True)) == []
        assert found_in(json.loads(one.answer)) == [], one.path
    assert seen >= set(CHECKED)


async def test_what_the_sandbox_answers_fits_the_types_of_the_sdk(
    billing: StripeBilling, sandbox: StripeSandbox, recorder: Recorder
) -> None:
    await do_everything(billing, sandbox)
    for one in recorder.exchanges:
        assert found_in(json.loads(one.answer)) == [], one.path
    for kept in (sandbox.books.products, sandbox.books.subscriptions):
        assert all(found_in(one) == [] for one in kept.values())


async def test_each_webhook_fits_the_types_of_the_sdk(
    billing: StripeBilling, sandbox: StripeSandbox, http: aiohttp.ClientSession, host: Host
) -> None:
    for days in (0, 7):
        for event in sandbox.events():
            await subscribe(billing, sandbox, trial_days=days)
            if event.name.startswith("checkout."):
                customer = next(iter(sandbox.books.customers))
                await billing.check_out(checkout_of(customer), key=new_key())
            if event.name == "customer.subscription.resumed":
                await trigger(sandbox, http, event="customer.subscription.paused")
            if days or event.name != "customer.subscription.trial_will_end":
                await trigger(sandbox, http, event=event.name)
    assert host.refused == []
    told = [json.loads(body) for body in host.bodies]
    assert {one["type"] for one in told} == set(EVENT_TYPES)
    for one in told:
        assert one["api_version"] == API_VERSION
        assert found_in(one) == []
        assert found_in(one["data"]["object"]) == []


def test_version_is_that_of_the_sdk() -> None:
    assert stripe.api_version == API_VERSION


async def test_each_request_names_the_version_and_no_machine(
    billing: StripeBilling, sandbox: StripeSandbox, recorder: Recorder
) -> None:
    await do_everything(billing, sandbox)
    for one in recorder.exchanges:
        assert one.headers["Stripe-Version"] == API_VERSION
        told = json.loads(one.headers["X-Stripe-Client-User-Agent"])
        assert not {"platform", "uname", "telemetry_id"} & set(told)
        assert "X-Stripe-Client-Telemetry" not in one.headers


SPECS = os.environ.get("CLIENTFLOW_SPECS")


@pytest.mark.skipif(SPECS is None, reason="CLIENTFLOW_SPECS names no folder of official schemas")
# Of the portal's settings they lack what the types of today have.
@pytest.mark.parametrize("kind", sorted({*ANSWERED} - {"dispute", "billing_portal.configuration"}))
async def test_sandbox_has_what_stripe_s_own_examples_have(
    billing: StripeBilling, sandbox: StripeSandbox, recorder: Recorder, kind: str
) -> None:
    examples = json.loads((Path(SPECS or "") / "stripe_fixtures3.json").read_text("utf-8"))
    example = examples["resources"][kind]
    gone = GONE.get(kind, frozenset())
    fits = {name: value for name, value in example.items() if name not in gone}
    assert list(problems(fits, ANSWERED[kind], kind)) == []
    await do_everything(billing, sandbox)
    answers = [json.loads(one.answer) for one in recorder.exchanges]
    ours = [one for answer in answers for one in answer.get("data", [answer])]
    ours += [*sandbox.books.products.values(), sandbox.books.endpoint]
    found = [one for one in ours if one["object"] == kind]
    assert found
    # An account has many fields that only a platform is told.
    if kind != "account":
        assert set(fits) - set(found[0]) == set()


class TestThisCheck:
    """That it is strict enough to find something."""

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (("status",), "on hold"),
            (("id",), 7),
            (("created",), "2026-11-29"),
            (("current_period_end",), 1_800_000_000),
            (("items", "has_more"), None),
            (("items", "data", 0, "current_period_end"), None),
            (("items", "data", 0, "price", "unit_amount_decimal"), "much"),
            (("items", "data", 0, "price", "recurring", "interval"), "decade"),
            (("metadata",), {"a": 1}),
            (("customer",), None),
        ],
    )
    async def test_faulty_subscription_is_found(
        self, billing: StripeBilling, sandbox: StripeSandbox, place: tuple[Any, ...], value: object
    ) -> None:
        await subscribe(billing, sandbox)
        (good,) = sandbox.books.subscriptions.values()
        assert found_in(good) == []
        bad = copy.deepcopy(good)
        holder: Any = bad
        for part in place[:-1]:
            holder = holder[part]
        holder[place[-1]] = value
        assert found_in(bad) != []

    @pytest.mark.parametrize(
        "bad",
        [
            {"limit": "ten"},
            {"lookup_key": "pro"},
            {"active": "yes"},
            {"expand": "data.product"},
            {"type": "weekly"},
        ],
    )
    def test_faulty_request_is_found(self, bad: dict[str, Any]) -> None:
        good = {"limit": "10", "lookup_keys": ["pro"], "active": "true", "type": "recurring"}
        assert list(problems(good, PriceListParams, is_form=True)) == []
        assert list(problems(bad, PriceListParams, is_form=True)) != []

    def test_missing_parameter_is_found(self) -> None:
        found = list(problems({"payload": {}}, MeterEventCreateParams, is_form=True))
        assert found == ["/event_name: is missing"]
