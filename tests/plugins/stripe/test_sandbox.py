"""The stand-in refuses what Stripe refuses, in its words; asked by hand and by the SDK."""

from typing import Any

import aiohttp
import attrs
import pytest
import stripe

from clientflow_plugins.stripe.http_client import SharedSessionClient
from clientflow_plugins.stripe.provider import StripeBilling
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.stripe.sandbox.parameters import read_form
from clientflow_plugins.stripe.sandbox.refusals import Refusal
from clientflow_plugins.stripe.settings import API_VERSION
from tests.plugins.stripe.conftest import (
    checkout_of,
    happen,
    new_customer,
    new_key,
    subscribe,
)


@attrs.define
class Api:
    """The sandbox's API, asked without the SDK."""

    http: aiohttp.ClientSession
    sandbox: StripeSandbox
    headers: dict[str, str]

    async def ask(self, method: str, path: str, data: str = "", **headers: str) -> tuple[int, Any]:
        url = f"{self.sandbox.base_url}{path}"
        sent = self.headers | headers
        async with self.http.request(
            method, url, data=data.encode() if data else None, headers=sent
        ) as answer:
            assert answer.headers["Request-Id"].startswith("req_")
            return answer.status, await answer.json()

    async def refused(self, method: str, path: str, data: str = "", **headers: str) -> Any:
        status, answer = await self.ask(method, path, data, **headers)
        assert status >= 400, answer
        assert set(answer) == {"error"}
        return answer["error"] | {"status": status}


@pytest.fixture
def api(http: aiohttp.ClientSession, sandbox: StripeSandbox) -> Api:
    key = sandbox.credentials["STRIPE_SECRET_KEY"]
    form = "application/x-www-form-urlencoded"
    return Api(http, sandbox, {"Authorization": f"Bearer {key}", "Content-Type": form})


@pytest.fixture
def client(http: aiohttp.ClientSession, sandbox: StripeSandbox) -> stripe.StripeClient:
    url = sandbox.base_url
    return stripe.StripeClient(
        sandbox.credentials["STRIPE_SECRET_KEY"],
        base_addresses={"api": url, "connect": url, "files": url, "meter_events": url},
        http_client=SharedSessionClient(http),
        max_network_retries=0,
    )


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "did not provide"),
        ("Bearer sk_test_wrong1234", "Invalid API Key provided: ********1234"),
        ("Basic c2tfdGVzdA==", "Invalid API Key"),
        ("Bearer \xff", "Invalid API Key"),
    ],
)
async def test_key_that_is_not_the_account_s_is_refused(api: Api, header: str, words: str) -> None:
    error = await api.refused("GET", "/v1/account", Authorization=header)
    assert (error["status"], error["type"]) == (401, "invalid_request_error")
    assert words in error["message"]
    assert "sk_test_wrong" not in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "data", "code", "param"),
    [
        ("GET", "/v1/prices?limit=0", "", "parameter_invalid_integer", "limit"),
        ("GET", "/v1/prices?limit=101", "", "parameter_invalid_integer", "limit"),
        ("GET", "/v1/prices?limit=ten", "", "parameter_invalid_integer", "limit"),
        ("GET", "/v1/prices?active=yes", "", None, "active"),
        ("GET", "/v1/prices?lookup_key=pro", "", "parameter_unknown", "lookup_key"),
        ("GET", "/v1/prices?lookup_keys=pro", "", None, "lookup_keys"),
        ("GET", "/v1/prices?type[]=x", "", None, "type"),
        ("GET", "/v1/prices?type=", "", "parameter_invalid_empty", "type"),
        ("GET", "/v1/prices?recurring=month", "", None, "recurring"),
        ("GET", "/v1/prices?recurring[span]=1", "", "parameter_unknown", "recurring[span]"),
        ("GET", "/v1/prices?expand[]=data.tax", "", None, "expand"),
        ("GET", "/v1/prices?expand[]=data.currency", "", None, "expand"),
        ("GET", "/v1/prices?starting_after=no", "", "resource_missing", "starting_after"),
        ("GET", "/v1/prices?%ff=1", "", None, None),
        ("GET", "/v1/prices?a[b=1", "", "parameter_unknown", "a[b"),
        ("GET", "/v1/subscriptions?customer=no", "", "resource_missing", "customer"),
        ("GET", "/v1/subscriptions?status=on", "", None, "status"),
        ("POST", "/v1/customers", "metadata=x", None, "metadata"),
        ("POST", "/v1/customers", "metadata[a]=", "parameter_invalid_empty", "metadata[a]"),
        ("POST", "/v1/customers", "name=x&name[a]=y", None, "name[a]"),
        ("POST", "/v1/checkout/sessions", "customer=x", "parameter_missing", "mode"),
        ("POST", "/v1/billing_portal/sessions", "", "parameter_missing", "customer"),
        (
            "POST",
            "/v1/billing_portal/sessions",
            "customer=x&return_url=javascript:x",
            "url_invalid",
            "return_url",
        ),
    ],
)
async def test_parameter_that_is_not_right_is_refused(
    api: Api, method: str, path: str, data: str, code: str | None, param: str | None
) -> None:
    error = await api.refused(method, path, data)
    assert error["status"] == 400
    assert (error.get("code"), error.get("param")) == (code, param)


async def test_form_with_nested_names_is_read_as_stripe_reads_it() -> None:
    text = "items[0][price]=p&items[0][id]=i&expand[]=a&expand[]=b&metadata[1]=x&metadata[k]=é"
    assert read_form(text) == {
        "items": [{"price": "p", "id": "i"}],
        "expand": ["a", "b"],
        "metadata": {"1": "x", "k": "é"},
    }
    assert read_form("") == {}
    with pytest.raises(Refusal):
        read_form("a&b")


async def test_other_body_or_version_or_address_is_refused(api: Api) -> None:
    error = await api.refused("POST", "/v1/customers", "{}", **{"Content-Type": "application/json"})
    assert "x-www-form-urlencoded" in error["message"]
    error = await api.refused("GET", "/v1/account", **{"Stripe-Version": "2020-08-27"})
    assert error["message"] == "Invalid Stripe API version: 2020-08-27"
    error = await api.refused("GET", "/v1/charges")
    assert (error["status"], error["message"][:26]) == (404, "Unrecognized request URL (")
    assert (await api.ask("GET", "/v1/account", **{"Stripe-Version": API_VERSION}))[0] == 200


async def test_body_that_is_no_text_is_refused(api: Api, http: aiohttp.ClientSession) -> None:
    url = f"{api.sandbox.base_url}/v1/customers"
    async with http.post(url, data=b"name=\xff", headers=api.headers) as answer:
        assert (await answer.json())["error"]["message"] == "Invalid UTF-8 in the request."


async def test_price_that_is_none_cannot_be_sold(api: Api, billing: StripeBilling) -> None:
    customer = await new_customer(billing)
    form = f"mode=subscription&customer={customer}&success_url=https://a.example/"
    line = "line_items[0][price]=price_no&line_items[0][quantity]=1"
    error = await api.refused("POST", "/v1/checkout/sessions", f"{form}&{line}")
    assert (error["code"], error["param"]) == ("resource_missing", "line_items[0][price]")


async def test_portal_shows_what_is_over_without_a_button(
    billing: StripeBilling, sandbox: StripeSandbox, http: aiohttp.ClientSession
) -> None:
    one = await subscribe(billing, sandbox)
    await billing.cancel(one.provider_subscription_id, is_at_once=True, key=new_key())
    portal = await billing.open_portal(one.provider_customer_id, return_url="https://a.example/")
    async with http.get(portal.url) as answer:
        text = await answer.text()
    assert "canceled" in text
    assert "<button>" not in text


async def test_key_is_for_one_request(api: Api, sandbox: StripeSandbox) -> None:
    once = {"Idempotency-Key": "k1"}
    first = await api.ask("POST", "/v1/customers", "name=Ada", **once)
    assert await api.ask("POST", "/v1/customers", "name=Ada", **once) == first
    assert len(sandbox.books.customers) == 1
    for path, data in (
        ("/v1/customers", "name=Bob"),
        ("/v1/billing_portal/sessions", "customer=x"),
    ):
        error = await api.refused("POST", path, data, **once)
        assert (error["status"], error["type"]) == (400, "idempotency_error")
    error = await api.refused("POST", "/v1/customers", "", **{"Idempotency-Key": "k" * 256})
    assert "255" in error["message"]


async def test_refusal_uses_up_no_key(api: Api, sandbox: StripeSandbox) -> None:
    once = {"Idempotency-Key": "k1"}
    await api.refused("POST", "/v1/customers", "called=Ada", **once)
    assert (await api.ask("POST", "/v1/customers", "name=Ada", **once))[0] == 200


async def test_answer_of_a_key_stays_what_it_was(
    api: Api, billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    one = await subscribe(billing, sandbox)
    path = f"/v1/subscriptions/{one.provider_subscription_id}"
    _, first = await api.ask("POST", path, "metadata[a]=1", **{"Idempotency-Key": "k1"})
    await billing.cancel(one.provider_subscription_id, is_at_once=True, key=new_key())
    _, again = await api.ask("POST", path, "metadata[a]=1", **{"Idempotency-Key": "k1"})
    assert again == first
    assert again["status"] == "active"


async def test_list_comes_in_pages_the_newest_first(
    client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    made = [await client.v1.customers.create_async({"name": str(n)}) for n in range(5)]
    ids = [one.id for one in reversed(made)]
    page = await client.v1.customers.list_async({"limit": 2})
    assert [one.id for one in page.data] == ids[:2]
    assert [one.id async for one in page.auto_paging_iter()] == ids
    back = await client.v1.customers.list_async({"limit": 2, "ending_before": ids[4]})
    assert [one.id for one in back.data] == ids[2:4]
    assert back.has_more
    assert [one.id async for one in back.auto_paging_iter()] == ids[3::-1]


async def test_expanded_object_stands_in_place_of_its_id(
    client: stripe.StripeClient, billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    one = await subscribe(billing, sandbox)
    found = await client.v1.subscriptions.retrieve_async(
        one.provider_subscription_id,
        {"expand": ["customer", "items.data.price.product", "latest_invoice.customer"]},
    )
    told = found.to_dict()
    assert told["customer"]["name"] == "Ada & Söhne"
    assert told["items"]["data"][0]["price"]["product"]["name"] == "Pro"
    assert told["latest_invoice"]["customer"]["id"] == told["customer"]["id"]
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        await client.v1.subscriptions.retrieve_async(
            one.provider_subscription_id, {"expand": ["a.b.c.d.e"]}
        )


async def test_lists_are_narrowed_by_what_is_asked(
    client: stripe.StripeClient, billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    happen(sandbox, "price.created", key="yearly", interval="year")
    prices = await client.v1.prices.list_async({"recurring": {"interval": "year"}})
    assert [one.lookup_key for one in prices.data] == ["yearly"]
    one = await subscribe(billing, sandbox)
    await billing.cancel(one.provider_subscription_id, is_at_once=True, key=new_key())
    counts = {
        status: len((await client.v1.subscriptions.list_async({"status": status})).data)
        for status in ("all", "canceled", "ended", "active")
    }
    assert counts == {"all": 1, "canceled": 1, "ended": 1, "active": 0}
    assert (await client.v1.subscriptions.list_async()).data == []
    invoices = client.v1.invoices
    name = one.provider_subscription_id
    assert len((await invoices.list_async({"subscription": name, "status": "paid"})).data) == 1
    assert (await invoices.list_async({"subscription": "sub_other"})).data == []
    events = client.v1.events
    begun = await events.list_async({"type": "customer.subscription.created"})
    assert len(begun.data) == 1
    at = begun.data[0].created
    assert (await events.list_async({"created": {"gt": at + 60}})).data == []
    assert (await events.list_async({"created": {"lt": at}})).data == []


@pytest.mark.parametrize(
    "params",
    [
        {"items": [{"id": "si_no", "price": "price_pro"}]},
        {"items": [{"id": "", "price": "price_no"}]},
    ],
)
async def test_change_of_what_is_not_there_is_refused(
    client: stripe.StripeClient, billing: StripeBilling, sandbox: StripeSandbox, params: Any
) -> None:
    one = await subscribe(billing, sandbox)
    item = sandbox.books.subscriptions[one.provider_subscription_id]["items"]["data"][0]
    params["items"][0]["id"] = params["items"][0]["id"] or item["id"]
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        await client.v1.subscriptions.update_async(one.provider_subscription_id, params)


async def test_what_is_over_cannot_be_ended_again(
    client: stripe.StripeClient, billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    one = await subscribe(billing, sandbox)
    await client.v1.subscriptions.cancel_async(one.provider_subscription_id)
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        await client.v1.subscriptions.cancel_async(one.provider_subscription_id)


async def test_difference_waits_for_the_next_invoice_unless_it_is_asked_for(
    client: stripe.StripeClient, billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    happen(sandbox, "price.created", key="yearly", amount="9900", interval="year")
    one = await subscribe(billing, sandbox)
    price = next(p for p in sandbox.books.prices.values() if p["lookup_key"] == "yearly")
    item = sandbox.books.subscriptions[one.provider_subscription_id]["items"]["data"][0]
    await client.v1.subscriptions.update_async(
        one.provider_subscription_id, {"items": [{"id": item["id"], "price": price["id"]}]}
    )
    now = await billing.get_subscription(one.provider_subscription_id)
    assert (now.plan_key, (now.period_end - now.period_start).days) == ("yearly", 365)
    assert len(sandbox.books.invoices) == 1


async def test_unpaid_difference_leaves_it_past_due_unless_it_is_an_error(
    client: stripe.StripeClient, billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    customer = await new_customer(billing, "declined@example.com")
    one = await subscribe(billing, sandbox, customer=customer)
    item = sandbox.books.subscriptions[one.provider_subscription_id]["items"]["data"][0]
    changed = await client.v1.subscriptions.update_async(
        one.provider_subscription_id, {"items": [{"id": item["id"], "price": "price_scale"}]}
    )
    assert changed.status == "past_due"


async def test_page_is_gone_after_a_day_and_a_stranger_has_none(
    billing: StripeBilling, sandbox: StripeSandbox, http: aiohttp.ClientSession
) -> None:
    page = await billing.check_out(checkout_of(await new_customer(billing)), key=new_key())
    portal = await billing.open_portal(await new_customer(billing), return_url="https://a.example/")
    theirs = await subscribe(billing, sandbox)
    (session, _) = sandbox.books.sessions.values()
    session["expires_at"] = 0
    for url in (
        page.url,
        f"{sandbox.base_url}/portal/no/no",
        f"{portal.url}/{theirs.provider_subscription_id}",
        f"{portal.url}/no",
    ):
        async with http.post(url) as answer:
            assert answer.status == 404, url
    async with http.get(portal.url) as answer:
        assert "There is none" in await answer.text()


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("checkout.session.completed", {"session": "no"}),
        ("invoice.paid", {"subscription": "no"}),
        ("price.created", {"key": " "}),
        ("price.created", {"amount": "1.5"}),
        ("price.created", {"currency": "usd"}),
        ("price.created", {"interval": "decade"}),
    ],
)
async def test_event_that_cannot_be_changes_nothing(
    sandbox: StripeSandbox, http: aiohttp.ClientSession, event: str, fields: dict[str, str]
) -> None:
    before = sandbox.state()
    body = {"event": event} | fields
    async with http.post(f"{sandbox.base_url}/_control/inbound", json=body) as answer:
        assert answer.status == 422
        assert f"/{next(iter(fields))}" in await answer.text()
    assert sandbox.state() == before


async def test_event_that_does_not_fit_the_state_is_refused(
    billing: StripeBilling, sandbox: StripeSandbox, http: aiohttp.ClientSession
) -> None:
    await subscribe(billing, sandbox)
    for event in ("customer.subscription.resumed", "customer.subscription.trial_will_end"):
        async with http.post(
            f"{sandbox.base_url}/_control/inbound", json={"event": event}
        ) as answer:
            assert answer.status == 422
