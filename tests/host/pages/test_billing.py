"""A plan is bought, lived by, and not paid for any longer; with the ledger, which is nobody."""

import re
from typing import Any

import pytest

from clientflow_core.domain.roles import Role
from clientflow_core.secret import Secret
from clientflow_plugins.ledger.webhooks import sign_change
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.conftest import Host, until
from tests.host.pages.conftest import Browser

LEDGER = {"LEDGER_WEBHOOK_SECRET": "a secret of the tests alone"}
with_ledger = pytest.mark.parametrize("values", [LEDGER], indirect=True)


async def plans(host: Host) -> list[Any]:
    """Wait for the plans, which the worker asks for as it starts."""

    async def look() -> Any:
        return (await host.get("/plans"))["data"]

    found: list[Any] = await until(look)
    return found


async def status(host: Host, wanted: str) -> Any:
    """Wait until the subscription is in a state."""

    async def look() -> Any:
        found = (await host.get("/subscription"))["subscription"]
        return found if found and found["status"] == wanted else None

    return await until(look)


async def buy(browser: Browser, plan: str = "starter") -> None:
    """Choose a plan on our page, and pay on the ledger's."""
    code, goal = await browser.send("/billing/checkout", plan=plan, provider="ledger")
    assert (code, goal.partition("=")[0]) == (303, "/x/ledger/books?checkout")
    _, page = await browser.open(goal)
    assert "<button>Pay</button>" in page
    assert "19.00 USD a month" in page
    for _ in range(2):
        # Whoever presses the button twice has bought it once.
        code, page = await browser.send(goal)
        assert (code, "It is paid." in page) == (200, True)


@with_ledger
async def test_plan_is_bought_used_and_not_paid_for_any_longer(
    host: Host, worker: None, sandbox: TwilioSandbox, browser: Browser
) -> None:
    assert [(one["key"], one["provider"]) for one in await plans(host)] == [
        ("starter", "ledger"),
        ("team", "ledger"),
    ]
    _, page = await browser.open("/billing")
    assert "Choose Starter" in page
    await buy(browser)
    subscription = await status(host, "active")
    assert (subscription["provider"], subscription["plan_key"]) == ("ledger", "starter")
    _, page = await browser.open("/billing")
    assert re.search(r"Starter.*19\.00 USD a month.*active", page, re.DOTALL)

    conversation = await host.conversation()
    sent = await host.post(f"/conversations/{conversation['id']}/messages", {"body": "Yes."})
    await host.message_in("delivered", sent.body["id"])
    await host.quiet()
    assert (await host.get("/usage"))["data"] == [{"meter": "texts_sent", "quantity": 1}]
    assert host.rows("SELECT count(reported_at) FROM usage_events") == [(1,)]
    assert host.rows("SELECT value ->> 'meter' FROM records WHERE collection = 'usage'") == [
        ("texts_sent",)
    ]
    (invoice,) = (await host.get("/invoices"))["data"]
    assert (invoice["total"], invoice["status"]) == ({"minor": 1900, "currency": "USD"}, "paid")

    assert await browser.send("/billing/portal") == (303, "/x/ledger/books")
    _, page = await browser.open("/x/ledger/books")
    missed = re.search(r'href="(/x/ledger/books\?subscription=\w+&amp;act=missed)"', page)
    assert missed
    code, page = await browser.send(missed[1].replace("&amp;", "&"))
    assert (code, "past due" in page) == (200, True)
    await status(host, "past_due")


@with_ledger
async def test_who_has_a_subscription_buys_no_second_one(
    host: Host, worker: None, browser: Browser
) -> None:
    await buy(browser)
    await status(host, "active")
    answer = await host.post("/billing/checkout", {"plan_key": "team"})
    assert (answer.status, answer.code) == (409, "conflict")
    named = await host.post("/billing/checkout", {"plan_key": "team", "provider": "nobody"})
    assert (named.status, named.code) == (409, "conflict")


@with_ledger
async def test_same_idempotency_key_leads_to_the_same_page(host: Host) -> None:
    pages = [
        (await host.post("/billing/checkout", {"plan_key": "team"}, key=key)).body["url"]
        for key in ("one", "one", "other")
    ]
    assert pages[0] == pages[1] != pages[2]
    unknown = await host.post("/billing/checkout", {"plan_key": "nothing"})
    assert (unknown.status, unknown.code) == (422, "provider_rejected_input")


@with_ledger
async def test_what_becomes_of_a_sale_is_written_down_on_the_page_of_the_ledger(
    host: Host, worker: None, browser: Browser
) -> None:
    await buy(browser)
    sold = (await status(host, "active"))["period_end"]
    _, page = await browser.open("/x/ledger/books")
    links = re.findall(r'href="(/x/ledger/books\?subscription=[^"]*)"', page)
    paid, missed, end = (link.replace("&amp;", "&") for link in links)
    _, page = await browser.open(paid)
    assert "<button>Payment received</button>" in page
    assert (await browser.send(paid))[0] == 200
    await until(lambda: renewed(host, sold))
    assert (await browser.send(end))[0] == 200
    await until(lambda: is_over(host))
    for act in (paid, missed):
        # It is over, and nobody pays for it any more.
        assert (await browser.send(act))[0] == 409
    for nothing in (f"{paid}x", "/x/ledger/books?subscription=x", "/x/ledger/books?checkout=x"):
        assert (await browser.open(nothing))[0] == 404


async def renewed(host: Host, before: str) -> bool:
    return bool((await host.get("/subscription"))["subscription"]["period_end"] > before)


async def is_over(host: Host) -> bool:
    return (await host.get("/subscription"))["subscription"] is None


@with_ledger
async def test_page_of_another_organization_is_not_found(host: Host, browser: Browser) -> None:
    theirs = host.add_organization()
    page = await host.post("/billing/checkout", {"plan_key": "team"}, by=theirs)
    path = page.body["url"].removeprefix(host.assembly.settings.url)
    assert (await browser.open(path))[0] == 404
    assert (await browser.send(path))[0] == 404


@with_ledger
async def test_event_about_a_stranger_is_kept_and_ignored(host: Host, worker: None) -> None:
    body, headers = sign_change(
        event_id="levt_1",
        customer="lcus_stranger",
        subscription="lsub_stranger",
        secret=Secret(LEDGER["LEDGER_WEBHOOK_SECRET"]),
        now=host.assembly.clock.now(),
    )
    forged = {**headers, "Ledger-Signature": f"t=1,v1={'0' * 64}"}
    assert (await host.bare("POST", "/webhooks/ledger", data=body, headers=forged)).status == 403
    assert (await host.bare("POST", "/webhooks/ledger", data=body, headers=headers)).status == 200
    await host.quiet()
    assert host.rows("SELECT state, reason FROM inbound_events") == [
        ("ignored", "nobody here is the customer lcus_stranger of ledger")
    ]


async def test_without_a_billing_provider_nothing_is_sold(host: Host, browser: Browser) -> None:
    _, page = await browser.open("/billing")
    assert "Nothing is on sale" in page
    answer = await host.post("/billing/checkout", {"plan_key": "team"})
    assert (answer.status, answer.code) == (409, "conflict")
    assert (await host.post("/billing/portal", None)).status == 404
    assert await host.get("/invoices") == {"data": []}


@with_ledger
async def test_who_may_only_look_sees_no_way_to_pay(host: Host) -> None:
    viewer = host.add_key(Role.VIEWER)
    assert (await host.get("/usage", by=viewer))["data"] == []
    answer = await host.call("POST", "/api/v1/billing/portal", by=viewer)
    assert answer.status == 403
