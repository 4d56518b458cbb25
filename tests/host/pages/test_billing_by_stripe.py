"""The same story as with the ledger, paid on a page of Stripe's: our pages know neither."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import expect

from clientflow_core.sandbox import build_sandbox_app
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.conftest import Host, until
from tests.host.pages.conftest import EMAIL, PASSWORD, Browser, add_user
from tests.scenarios.browsers import PHONE, open_chromium, serious_problems


@pytest.fixture
async def boxes(stripe: StripeSandbox, values: dict[str, str]) -> AsyncIterator[None]:
    """Both sandboxes, served; the ledger has to prove its webhooks, too."""
    values["LEDGER_WEBHOOK_SECRET"] = "a secret of the tests alone"
    names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER")
    twilio = TwilioSandbox(
        base_url=values["TWILIO_API_BASE_URL"],
        host_url=values["CLIENTFLOW_PUBLIC_URL"],
        credentials={name: values[name] for name in names},
    )
    app = build_sandbox_app([stripe, twilio])
    async with TestServer(app, port=int(values["CLIENTFLOW_SANDBOX_PORT"])):
        yield


async def test_plan_is_bought_at_stripe_and_every_text_is_told_there(
    stripe: StripeSandbox, boxes: None, host: Host, worker: None, browser: Browser
) -> None:
    plans = await until(lambda: listed(host, "stripe"))
    assert plans[0]["provider"] == "stripe"
    assert plans[-1]["provider"] == "ledger"
    status, page = await browser.send("/billing/checkout", plan=plans[0]["key"], provider="")
    assert (status, stripe.base_url in page) == (200, True)
    answer = await host.post("/billing/checkout", {"plan_key": plans[0]["key"]}, key="k")
    url = answer.body["url"]
    assert url.startswith(f"{stripe.base_url}/")
    async with host.http.post(url, allow_redirects=False) as paid:
        assert paid.headers["Location"] == f"{host.assembly.settings.url}/billing"

    found = await until(lambda: subscribed(host))
    assert (found["provider"], found["plan_key"]) == ("stripe", plans[0]["key"])
    conversation = await host.conversation()
    await host.post(f"/conversations/{conversation['id']}/messages", {"body": "Yes."})
    await until(lambda: told(stripe))
    (invoice,) = (await host.get("/invoices"))["data"]
    assert (invoice["total"], invoice["status"]) == (plans[0]["price"], "paid")
    status, page = await browser.send("/billing/portal")
    assert (status, "To your provider" in page) == (200, True)


@pytest.mark.timeout(120)
async def test_person_with_a_telephone_buys_by_the_keyboard_alone(
    stripe: StripeSandbox, boxes: None, host: Host, worker: None
) -> None:
    add_user(host)
    await until(lambda: listed(host, "stripe"))
    async with open_chromium() as chromium:
        page = await chromium.new_page(viewport=PHONE)
        await page.goto(f"{host.assembly.settings.url}/billing")
        await page.get_by_label("E-mail").fill(EMAIL)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Choose a plan")).to_be_visible()
        problems = await serious_problems(page)
        await page.get_by_role("button", name="Choose").first.focus()
        await page.keyboard.press("Enter")
        # By way of a page of ours, since our policy lets no form lead elsewhere.
        await page.wait_for_url(f"{stripe.base_url}/**")
        await page.get_by_role("button", name="Pay").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{host.assembly.settings.url}/billing")
        await until(lambda: subscribed(host))
        await page.reload()
        await expect(page.get_by_text("active")).to_be_visible()
        assert [*problems, *await serious_problems(page)] == []
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]


async def listed(host: Host, provider: str) -> Any:
    plans = (await host.get("/plans"))["data"]
    return plans if any(one["provider"] == provider for one in plans) else None


async def subscribed(host: Host) -> Any:
    found = (await host.get("/subscription"))["subscription"]
    return found if found and found["status"] == "active" else None


async def told(stripe: StripeSandbox) -> bool:
    return [one["event_name"] for one in stripe.state()["meter_events"]] == ["texts_sent"]
