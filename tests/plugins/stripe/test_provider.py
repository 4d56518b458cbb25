"""What the provider does with Stripe, seen from both ends."""

import datetime as dt
import json
import logging
import sys
import uuid
from typing import Any

import aiohttp
import attrs
import pytest

from clientflow_core.domain.billing import (
    BilledOrganization,
    BillingInterval,
    InvoiceStatus,
    Plan,
    SubscriptionStatus,
    UsageReport,
)
from clientflow_core.domain.changes import SubscriptionChanged
from clientflow_core.domain.money import Money
from clientflow_core.errors import OutcomeUnknown, PluginError, ProviderRefused, RejectedInput
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_plugins.stripe.answers import (
    read_account_name,
    read_invoice,
    read_money,
    read_page,
    read_plans,
    read_subscription,
    write_amount,
)
from clientflow_plugins.stripe.provider import StripeBilling
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.stripe.settings import StripeSettings
from clientflow_plugins.stripe.spec import STRIPE
from clientflow_plugins.stripe.webhooks import OWN_ACCOUNT, WEBHOOK
from tests.missed import all_missed
from tests.plugins.stripe.conftest import (
    Host,
    Recorder,
    checkout_of,
    happen,
    new_customer,
    new_key,
    subscribe,
    trigger,
    until,
)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def test_plans_are_the_prices_with_a_lookup_key(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    assert await billing.list_plans() == [
        Plan(
            key=key,
            title=key.capitalize(),
            price=Money(minor=minor, currency="USD"),
            interval=BillingInterval.MONTH,
        )
        for key, minor in (("pro", 4900), ("scale", 14900), ("free", 0))
    ]


async def test_more_plans_than_a_page_holds_are_all_there(
    billing: StripeBilling, sandbox: StripeSandbox, recorder: Recorder
) -> None:
    for number in range(101):
        happen(sandbox, "price.created", key=f"plan-{number}")
    assert len(await billing.list_plans()) == 104
    assert len(recorder.sent("GET", "/v1/prices")) == 2


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("lookup_key", None),
        ("unit_amount", None),
        ("billing_scheme", "tiered"),
        ("recurring", {"interval": "month", "interval_count": 3, "usage_type": "licensed"}),
        ("recurring", {"interval": "month", "interval_count": 1, "usage_type": "metered"}),
        ("product", {"active": False, "name": "Pro"}),
    ],
)
def test_price_that_is_no_plan_of_ours_is_left_out(place: str, value: object) -> None:
    price: dict[str, Any] = {
        "lookup_key": "pro",
        "unit_amount": 4900,
        "currency": "usd",
        "billing_scheme": "per_unit",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        "product": {"active": True, "name": "Pro"},
    }
    assert [plan.key for plan in read_plans([price])] == ["pro"]
    assert read_plans([price | {place: value}]) == []


@pytest.mark.parametrize(
    ("amount", "currency", "money"),
    [
        (1999, "usd", Money(minor=1999, currency="USD")),
        (500, "jpy", Money(minor=500, currency="JPY")),
        (1990, "kwd", Money(minor=1990, currency="KWD")),
        # Without hundredths of its own, and yet counted in them.
        (500, "isk", Money(minor=5, currency="ISK")),
        (-700, "ugx", Money(minor=-7, currency="UGX")),
    ],
)
def test_amount_is_read_and_written_to_the_unit(amount: int, currency: str, money: Money) -> None:
    assert read_money(amount, currency) == money
    assert write_amount(money) == amount


def test_amount_that_is_none_of_its_currency_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="hundredths"):
        read_money(550, "isk")


async def test_customer_bears_our_id_and_is_found_by_it(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    ours = BilledOrganization(organization_id=uuid.uuid4(), name="Ada", email="a+b@example.com")
    theirs = attrs.evolve(ours, organization_id=uuid.uuid4())
    first = await billing.ensure_customer(ours, key=new_key())
    assert await billing.ensure_customer(theirs, key=new_key()) != first
    assert await billing.ensure_customer(ours, key=new_key()) == first
    made = sandbox.books.customers[first]
    assert made["metadata"] == {"organization_id": str(ours.organization_id)}
    assert (made["email"], made["name"]) == ("a+b@example.com", "Ada")


async def test_key_goes_with_what_makes_something(
    billing: StripeBilling, sandbox: StripeSandbox, recorder: Recorder
) -> None:
    customer = await new_customer(billing)
    await billing.check_out(checkout_of(customer), key="job-7")
    (sent,) = [one for one in recorder.exchanges if one.path == "/v1/checkout/sessions"]
    assert sent.headers["Idempotency-Key"] == "job-7"
    with pytest.raises(ProviderRefused, match="same parameters"):
        await billing.check_out(checkout_of(customer, "scale"), key="job-7")


async def test_checkout_and_portal_are_completed_by_a_person(
    billing: StripeBilling, sandbox: StripeSandbox, host: Host, http: aiohttp.ClientSession
) -> None:
    customer = await new_customer(billing)
    page = await billing.check_out(checkout_of(customer), key=new_key())
    assert page.expires_at is not None
    assert dt.timedelta(hours=23) < page.expires_at - now() <= dt.timedelta(hours=24)
    async with http.get(page.url) as shown:
        assert "Subscribe to pro" in await shown.text()
    async with http.post(page.url, allow_redirects=False) as paid:
        (session,) = sandbox.books.sessions
        assert paid.headers["Location"] == f"https://business.example/paid?session={session}"
    async with http.get(page.url) as shown:
        assert shown.status == 404
    await until(lambda: len(host.events) == 3)
    (one,) = await billing.list_subscriptions(customer)
    assert set(host.events) == {
        SubscriptionChanged(
            provider_customer_id=customer, provider_subscription_id=one.provider_subscription_id
        )
    }
    portal = await billing.open_portal(customer, return_url="https://business.example/'x")
    async with http.get(portal.url) as shown:
        text = await shown.text()
    assert "End it with its period" in text
    assert "&#x27;x" in text
    async with http.post(f"{portal.url}/{one.provider_subscription_id}") as used:
        assert "Keep it" in await used.text()
    assert (await billing.get_subscription(one.provider_subscription_id)).is_ending


async def test_plan_outlives_the_price_that_was_subscribed_to(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    one = await subscribe(billing, sandbox)
    happen(sandbox, "price.created", key="pro", amount="5900")
    assert await billing.get_subscription(one.provider_subscription_id) == one
    later = await billing.cancel(one.provider_subscription_id, is_at_once=False, key=new_key())
    assert later.plan_key == "pro"


async def test_price_whose_product_is_sold_by_the_year_now_is_no_plan(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    one = await subscribe(billing, sandbox)
    happen(sandbox, "price.created", key="pro", amount="49000", interval="year")
    assert (await billing.get_subscription(one.provider_subscription_id)).plan_key is None


async def test_other_plan_is_charged_at_once(
    billing: StripeBilling, sandbox: StripeSandbox, recorder: Recorder
) -> None:
    one = await subscribe(billing, sandbox)
    name, customer = one.provider_subscription_id, one.provider_customer_id
    changed = await billing.change_plan(name, plan_key="scale", key=new_key())
    assert (changed.plan_key, changed.status) == ("scale", SubscriptionStatus.ACTIVE)
    invoices = await billing.list_invoices(customer)
    assert [one.total.minor for one in invoices] == [10_000, 4900]
    (sent,) = recorder.sent("POST", f"/v1/subscriptions/{name}")
    assert sent["proration_behavior"] == "always_invoice"
    assert sent["payment_behavior"] == "error_if_incomplete"


async def test_plan_that_is_none_is_told_by_its_key(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    one = await subscribe(billing, sandbox)
    for call in (
        billing.change_plan(one.provider_subscription_id, plan_key="golden", key=new_key()),
        billing.check_out(checkout_of(one.provider_customer_id, "golden"), key=new_key()),
    ):
        with pytest.raises(RejectedInput, match="lookup key 'golden'"):
            await call


async def test_subscription_that_is_over_takes_no_other_plan(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    one = await subscribe(billing, sandbox)
    name = one.provider_subscription_id
    for is_at_once in (True, True, False):
        over = await billing.cancel(name, is_at_once=is_at_once, key=new_key())
        assert (over.status, over.is_ending) == (SubscriptionStatus.CANCELED, False)
    with pytest.raises(RejectedInput, match="canceled subscription"):
        await billing.change_plan(name, plan_key="scale", key=new_key())


@pytest.mark.parametrize(
    ("changes", "is_ending"),
    [
        ({}, False),
        ({"cancel_at_period_end": True}, True),
        # As the portal says it where the billing mode is flexible.
        ({"cancel_at": 1_796_112_000}, True),
        ({"cancel_at": 1_796_112_001}, False),
        ({"cancel_at_period_end": True, "status": "canceled"}, False),
    ],
)
def test_end_with_the_period_is_seen_however_it_is_said(
    changes: dict[str, Any], is_ending: bool
) -> None:
    assert read_subscription(fields() | changes, plan_key="pro").is_ending is is_ending


def fields() -> dict[str, Any]:
    period = {"current_period_start": 1_793_520_000, "current_period_end": 1_796_112_000}
    return {
        "id": "sub_1",
        "customer": {"id": "cus_1"},
        "status": "active",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "items": {"data": [period]},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "on hold"},
        {"customer": None},
        {"id": " "},
        {"items": {"data": []}},
        {"items": {"data": [{"current_period_start": True, "current_period_end": 1}]}},
    ],
)
def test_subscription_that_nobody_knows_is_not_guessed(changes: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        read_subscription(fields() | changes, plan_key=None)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("incomplete", SubscriptionStatus.INCOMPLETE),
        ("incomplete_expired", SubscriptionStatus.CANCELED),
        ("trialing", SubscriptionStatus.TRIALING),
        ("past_due", SubscriptionStatus.PAST_DUE),
        ("unpaid", SubscriptionStatus.UNPAID),
        ("paused", SubscriptionStatus.PAUSED),
    ],
)
def test_each_word_for_a_state_has_its_meaning(word: str, status: SubscriptionStatus) -> None:
    assert read_subscription(fields() | {"status": word}, plan_key=None).status is status


async def test_each_event_is_followed_by_what_it_says(
    billing: StripeBilling, sandbox: StripeSandbox, http: aiohttp.ClientSession, host: Host
) -> None:
    one = await subscribe(billing, sandbox)
    name = one.provider_subscription_id
    for event, status in (
        ("invoice.payment_failed", SubscriptionStatus.PAST_DUE),
        ("invoice.paid", SubscriptionStatus.ACTIVE),
        ("invoice.payment_action_required", SubscriptionStatus.PAST_DUE),
        ("customer.subscription.paused", SubscriptionStatus.PAUSED),
        ("customer.subscription.resumed", SubscriptionStatus.ACTIVE),
        ("customer.subscription.deleted", SubscriptionStatus.CANCELED),
    ):
        told = await trigger(sandbox, http, event=event, times=2)
        assert set(told["statuses"]) == {200}
        assert told["subscription"] == name
        assert (await billing.get_subscription(name)).status is status
    assert {event.provider_subscription_id for event in host.events} == {name}  # type: ignore[union-attr]
    invoices = await billing.list_invoices(one.provider_customer_id)
    assert [one.status for one in invoices] == [
        InvoiceStatus.OPEN,
        InvoiceStatus.PAID,
        InvoiceStatus.OPEN,
        InvoiceStatus.PAID,
    ]


def usage(customer: str, **changes: Any) -> UsageReport:
    report = UsageReport(
        id=uuid.uuid4(),
        provider_customer_id=customer,
        meter="texts_sent",
        quantity=3,
        occurred_at=now(),
    )
    return attrs.evolve(report, **changes)


async def test_usage_is_told_as_words_with_a_name_of_its_own(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    report = usage(await new_customer(billing))
    await billing.report_usage(report)
    (kept,) = sandbox.state()["meter_events"]
    assert kept["identifier"] == str(report.id)
    assert kept["payload"]["value"] == "3"
    assert kept["timestamp"] == int(report.occurred_at.timestamp())


async def test_usage_that_is_known_is_no_error_when_the_key_is_forgotten(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    report = usage(await new_customer(billing))
    await billing.report_usage(report)
    sandbox._keys.clear()
    await billing.report_usage(report)
    assert len(sandbox.state()["meter_events"]) == 1


async def test_usage_that_nobody_counts_is_rejected(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    customer = await new_customer(billing)
    for report in (
        usage(customer, meter="steps"),
        usage("cus_none"),
        usage(customer, occurred_at=now() - dt.timedelta(days=36)),
        usage(customer, occurred_at=now() + dt.timedelta(minutes=6)),
    ):
        with pytest.raises(RejectedInput):
            await billing.report_usage(report)
    assert sandbox.state()["meter_events"] == []


async def test_events_that_nobody_took_are_given_to_be_handled_again(
    billing: StripeBilling, sandbox: StripeSandbox, http: aiohttp.ClientSession, host: Host
) -> None:
    one = await subscribe(billing, sandbox)
    sandbox.books.events.clear()
    await trigger(sandbox, http, event="invoice.paid")
    host.is_down = True
    await trigger(sandbox, http, event="invoice.payment_failed")
    since = now() - dt.timedelta(hours=1)
    missed = await all_missed(billing, since=since)
    told = [json.loads(one.body) for one in missed]
    assert [one["type"] for one in told] == [
        "customer.subscription.updated",
        "invoice.payment_failed",
    ]
    assert [one["data"]["object"] for one in told] == [
        sandbox.books.events[one["id"]]["data"]["object"] for one in told
    ]
    for webhook, event in zip(missed, told, strict=True):
        assert (webhook.webhook, webhook.account) == (WEBHOOK.name, OWN_ACCOUNT)
        assert webhook.external_id == event["id"]
        assert webhook.occurred_at.timestamp() == event["created"]
        request = WebhookRequest(
            method="POST", url="https://c.example/x", headers=webhook.headers, body=webhook.body
        )
        (changed,) = WEBHOOK.parse(request)
        assert isinstance(changed, SubscriptionChanged)
        assert changed.provider_subscription_id == one.provider_subscription_id
    assert await all_missed(billing, since=now() + dt.timedelta(hours=1)) == []


async def test_events_behind_very_many_are_among_them(
    billing: StripeBilling, sandbox: StripeSandbox, http: aiohttp.ClientSession, host: Host
) -> None:
    await subscribe(billing, sandbox)
    sandbox.books.events.clear()
    host.is_down = True
    while len(sandbox.books.events) <= 200:
        await trigger(sandbox, http, event="invoice.payment_failed")
    missed = await all_missed(billing, since=now() - dt.timedelta(hours=1))
    assert [one.external_id for one in missed] == list(sandbox.books.events)[::-1]


async def test_sdk_that_is_missing_is_told_with_what_installs_it(
    context: ProviderContext, settings: StripeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "clientflow_plugins.stripe.provider", None)
    with pytest.raises(PluginError, match=r"install clientflow\[stripe\]"):
        async with STRIPE.open(context, settings):
            pass


async def test_list_that_has_no_end_is_read_to_a_limit(
    billing: StripeBilling, sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clientflow_plugins.stripe.calls._MOST_ITEMS", 2)
    assert [plan.key for plan in await billing.list_plans()] == ["pro", "scale"]


async def test_page_that_is_not_secure_is_nobody_s(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    sandbox.books.base_url = "x"
    customer = await new_customer(billing)
    billing._api_url = "http://other.example"
    with pytest.raises(OutcomeUnknown):
        await billing.check_out(checkout_of(customer), key=new_key())


@pytest.mark.parametrize("url", ["http://pay.example/", "https:/x", "http://api.example.evil/", ""])
def test_payer_is_led_over_https_alone(url: str) -> None:
    with pytest.raises(ValueError, match=r"not secure|is empty"):
        read_page({"url": url}, api_url="http://api.example")


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ({"settings": {"dashboard": {"display_name": "Ada"}}}, "Ada"),
        ({"business_profile": {"name": "Ada & Sons"}, "settings": None}, "Ada & Sons"),
        ({}, "acct_1"),
    ],
)
def test_account_is_called_what_people_call_it(account: dict[str, Any], name: str) -> None:
    assert read_account_name({"id": "acct_1"} | account) == name


async def test_invoice_is_shown_to_its_payer(
    billing: StripeBilling, sandbox: StripeSandbox, http: aiohttp.ClientSession
) -> None:
    one = await subscribe(billing, sandbox)
    (invoice,) = await billing.list_invoices(one.provider_customer_id)
    assert invoice.url is not None
    async with http.get(invoice.url) as shown:
        assert "4900 USD (smallest unit): paid." in await shown.text()
    async with http.get(f"{sandbox.base_url}/invoices/no") as shown:
        assert shown.status == 404


def test_sdk_logs_no_names_and_addresses() -> None:
    assert logging.getLogger("stripe").level == logging.WARNING


def test_invoice_of_no_subscription_is_one_too() -> None:
    invoice = read_invoice(
        {
            "id": "in_1",
            "customer": "cus_1",
            "parent": None,
            "total": -500,
            "currency": "eur",
            "status": "draft",
            "created": 1_793_520_000,
        }
    )
    assert invoice.provider_subscription_id is None
    assert (invoice.total, invoice.url) == (Money(minor=-500, currency="EUR"), None)


async def test_session_that_is_lent_is_used_and_stays_open(
    billing: StripeBilling, context: ProviderContext
) -> None:
    await billing.verify()
    assert len(context.http.connector._conns) == 1  # type: ignore[union-attr]
    assert not context.http.closed
