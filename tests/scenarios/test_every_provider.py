"""One `clientflow up` with no keys: every provider of ours works in it, by what is triggered."""

import http.cookiejar
import json
import os
import signal
import subprocess
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import pytest
from playwright.async_api import Browser, expect

from tests.commands import Up, ask, child_of
from tests.host.cli.conftest import call  # noqa: F401 - the fixture
from tests.scenarios.browsers import PHONE, serious_problems

SANDBOXED: Final = {
    "caldav": "CalDAV",
    "google_calendar": "Google Calendar",
    "openai": "OpenAI",
    "opentelemetry": "OpenTelemetry",
    "sendgrid": "SendGrid e-mail",
    "sentry": "Sentry",
    "smtp": "E-mail by SMTP",
    "stripe": "Stripe",
    "supabase": "Supabase Auth",
    "twilio": "Twilio SMS",
}
LOCAL: Final = {"ledger", "local_assistant"}

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Trigger = Callable[..., None]


@pytest.fixture
def cli(call: Cli, running_up: Up) -> Cli:  # noqa: F811 - the fixture
    """Run a command on what runs, in this process."""
    return lambda *arguments: call(*arguments, "--state-dir", str(running_up.state))


@pytest.fixture
def trigger(cli: Cli) -> Trigger:
    """Let something happen at a provider, as a newcomer types it."""

    def let_happen(event: str, **fields: str) -> None:
        said = [f"--set={name}={value}" for name, value in fields.items()]
        result = cli("trigger", event, *said)
        assert result.returncode == 0, result.stderr

    return let_happen


def post(up: Up, path: str, body: Any = None) -> Any:
    """Post to the API as the demo organization; it must be taken."""
    headers = {"Authorization": f"Bearer {up.note['api_key']}"}
    status, answer = ask(f"{up.note['url']}/api/v1{path}", headers=headers, body=body or {})
    assert status in {HTTPStatus.OK, HTTPStatus.ACCEPTED}, answer
    return answer


def words() -> str:
    """Give words that nobody has said before."""
    return f"Is {uuid.uuid4().hex[:8]} free?"


def conversation_with(up: Up, body: str) -> Any:
    """Wait for the conversation that *body* was said in last."""

    def look() -> Any:
        found = up.get("/api/v1/conversations?limit=100")["data"]
        return next((one for one in found if one["last_body"] == body), None)

    return up.command.until(look)


def draft_of(up: Up, conversation: Any) -> Any:
    """Ask for a draft of the next answer, and wait for it."""
    asked = post(up, f"/conversations/{conversation['id']}/drafts")

    def look() -> Any:
        draft = up.get(f"/api/v1/drafts/{asked['id']}")
        return draft if draft["state"] != "asked" else None

    return up.command.until(look)


def wait_for_event(up: Up, provider: str, title: str) -> None:
    """Wait until *title* stands in our copy of a calendar of *provider*."""
    calendars = [one["id"] for one in calendars_of(up, provider)]

    def look() -> bool:
        pages = [up.get(f"/api/v1/calendars/{one}/events?limit=100") for one in calendars]
        return title in {event["title"] for page in pages for event in page["data"]}

    up.command.until(look)


def calendars_of(up: Up, provider: str) -> list[Any]:
    """Wait until calendars of *provider* are followed, and give them."""

    def look() -> list[Any]:
        found = up.get("/api/v1/calendars")["data"]
        return [c for c in found if c["provider"] == provider and c["last_synced_at"]]

    return up.command.until(look)


def wait_for_subscription(up: Up, provider: str | None) -> Any:
    """Wait until the organization subscribes at *provider*, or nowhere any more."""

    def look() -> Any:
        held = up.get("/api/v1/subscription")["subscription"]
        return [held] if (held and held["provider"]) == provider else None

    return up.command.until(look)[0]


def test_every_provider_is_there_without_a_key(cli: Cli) -> None:
    rows = json.loads(cli("plugins", "--json").stdout)
    states = {row["name"]: row["state"] for row in rows}
    assert states == dict.fromkeys(SANDBOXED, "sandbox") | dict.fromkeys(LOCAL, "local")
    assert {row["reason"] for row in rows} == {None}
    assert {row["tier"] for row in rows} <= {"silver", "gold", "platinum"}


def test_text_comes_in_and_its_answer_is_drafted(running_up: Up, trigger: Trigger) -> None:
    body = words()
    trigger("twilio.inbound-sms", body=body)
    draft = draft_of(running_up, conversation_with(running_up, body))
    assert (draft["state"], draft["provider"]) == ("drafted", "openai")
    assert body in draft["text"]


def test_draft_without_money_fails_and_says_so(running_up: Up, trigger: Trigger) -> None:
    body = words()
    trigger("twilio.inbound-sms", body=body)
    conversation = conversation_with(running_up, body)
    trigger("openai.quota-used")
    try:
        draft = draft_of(running_up, conversation)
    finally:
        ask(f"{running_up.note['sandbox_url']}/openai/_control/reset", body={})
    assert (draft["state"], draft["text"]) == ("failed", None)
    assert draft["error_detail"]


@pytest.mark.parametrize("provider", ["sendgrid", "smtp"])
def test_email_comes_in(provider: str, running_up: Up, trigger: Trigger) -> None:
    body = words()
    trigger(f"{provider}.email.received", body=body, subject="A visit")
    conversation = conversation_with(running_up, body)
    assert conversation["subject"] == "A visit"
    path = f"/api/v1/conversations/{conversation['id']}/messages"
    assert running_up.get(path)["data"][0]["body"] == body


def test_calendar_that_tells_of_changes_is_copied(running_up: Up, trigger: Trigger) -> None:
    running_up.command.until(
        lambda: all(one["is_watched"] for one in calendars_of(running_up, "google_calendar"))
    )
    title = words()
    trigger("google_calendar.event.created", title=title)
    wait_for_event(running_up, "google_calendar", title)


def test_calendar_that_is_asked_is_copied(running_up: Up, trigger: Trigger) -> None:
    title = words()
    calendars = calendars_of(running_up, "caldav")
    trigger("caldav.event.created", title=title)
    for one in calendars:
        post(running_up, f"/calendars/{one['id']}/sync")
    wait_for_event(running_up, "caldav", title)


def test_plan_is_bought_and_ended_at_stripe(running_up: Up, trigger: Trigger) -> None:
    page = post(running_up, "/billing/checkout", {"plan_key": "pro", "provider": "stripe"})
    assert page["url"].startswith(f"{running_up.note['sandbox_url']}/stripe/")
    trigger("stripe.checkout.session.completed")
    held = wait_for_subscription(running_up, "stripe")
    assert (held["plan_key"], held["status"]) == ("pro", "active")
    assert [one["status"] for one in running_up.get("/api/v1/invoices")["data"]] == ["paid"]
    trigger("stripe.customer.subscription.deleted")
    assert wait_for_subscription(running_up, None) is None


def test_plan_is_bought_and_ended_in_the_ledger(running_up: Up) -> None:
    page = post(running_up, "/billing/checkout", {"plan_key": "team", "provider": "ledger"})
    person = signed_in(running_up)
    person(page["url"], {})
    assert wait_for_subscription(running_up, "ledger")["plan_key"] == "team"
    (ends,) = {
        link
        for link in person(page["url"].partition("?")[0]).split('"')
        if link.endswith("act=end")
    }
    person(running_up.note["url"] + ends.replace("&amp;", "&"), {})
    assert wait_for_subscription(running_up, None) is None


def signed_in(up: Up) -> Callable[..., str]:
    """Give what opens pages and sends forms as the owner of the demo organization."""
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    opener = urllib.request.build_opener(jar)

    def open_page(url: str, form: dict[str, str] | None = None) -> str:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(url, data=data, headers={"Origin": up.note["url"]})
        with opener.open(request, timeout=20) as answer:
            return str(answer.read().decode())

    login = {name: str(up.note[name]) for name in ("email", "password")}
    open_page(f"{up.note['url']}/sign-in", login)
    return open_page


def test_what_died_works_again(running_up: Up, trigger: Trigger) -> None:
    plan = {"plan_key": "pro", "provider": "stripe"}
    post(running_up, "/billing/checkout", plan)
    trigger("stripe.checkout.session.completed")
    assert wait_for_subscription(running_up, "stripe")
    died = child_of(running_up.folder, "sandbox")
    assert died is not None
    os.kill(died, signal.SIGKILL)
    # It has forgotten everything, and so have we what was there.
    running_up.command.until(lambda: child_of(running_up.folder, "sandbox") not in {None, died})
    assert wait_for_subscription(running_up, None) is None
    calendars = len(calendars_of(running_up, "google_calendar"))
    running_up.command.until(lambda: watches(running_up) == calendars)
    title = words()
    trigger("google_calendar.event.created", title=title)
    wait_for_event(running_up, "google_calendar", title)
    post(running_up, "/billing/checkout", plan)


def watches(up: Up) -> int:
    """Count the calendars of whose changes the stand-in tells; 0 also while it does not answer."""
    _, state = ask(f"{up.note['sandbox_url']}/google_calendar/_control/state")
    return len(state["channels"]) if state else 0


@pytest.mark.timeout(120)
async def test_console_shows_every_provider_on_a_phone(running_up: Up, chromium: Browser) -> None:
    page = await chromium.new_page(viewport=PHONE)
    await page.goto(running_up.note["sandbox_url"])
    await expect(page.frame_locator("iframe").get_by_label("Password")).to_be_visible()
    faults = page.locator("#faults summary")
    await expect(faults).to_have_text(list(SANDBOXED.values()))
    assert await serious_problems(page) == []
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], "it scrolls sideways"
    changed = page.locator('[id="happening-caldav-event.changed"]')
    await changed.locator("summary").click()
    name = changed.locator("[name=set-id]")
    await name.fill("still being written")
    # Something new is shown meanwhile, and nothing of what somebody does there is lost.
    letters = page.locator("#happenings-smtp .log > li")
    before = await letters.count()
    smtp = f"{running_up.note['sandbox_url']}/smtp/_control/inbound"
    assert ask(smtp, body={"subject": "Meanwhile"})[0] == HTTPStatus.OK
    await expect(letters).to_have_count(before + 1)
    await expect(name).to_have_value("still being written")
    await expect(name).to_be_visible()
