"""The calendar: a change at a provider shows on the page, told of or asked for."""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import expect

from clientflow_core.domain.roles import Role
from clientflow_core.sandbox import ProviderSandbox, build_sandbox_app
from clientflow_host.demo_organization import Login, follow_everything
from clientflow_plugins.caldav.sandbox import CaldavSandbox
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from tests.host.calendars import add_calendar
from tests.host.conftest import Host, until
from tests.host.pages.conftest import EMAIL, PASSWORD, Browser, add_user
from tests.host.threads import to_uuid
from tests.scenarios.browsers import PHONE, open_chromium, serious_problems

FIRST, LAST = "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"
APPOINTMENTS = "/caldav/calendars/bookings/appointments/"
SANDBOXES: tuple[type[ProviderSandbox], ...] = (CaldavSandbox, GoogleCalendarSandbox)


@pytest.fixture
def boxes(values: dict[str, str]) -> list[ProviderSandbox]:
    """Two providers of calendars; their settings are among those of the host."""
    origin = f"http://127.0.0.1:{values['CLIENTFLOW_SANDBOX_PORT']}"
    made = [
        kind(
            base_url=f"{origin}/{kind.name}",
            host_url=values["CLIENTFLOW_PUBLIC_URL"],
            credentials=kind.new_credentials(),
        )
        for kind in SANDBOXES
    ]
    for box in made:
        values |= box.settings()
    return made


@pytest.fixture
async def providers(boxes: list[ProviderSandbox], values: dict[str, str]) -> AsyncIterator[None]:
    """Both of them, served."""
    port = int(values["CLIENTFLOW_SANDBOX_PORT"])
    async with TestServer(build_sandbox_app(boxes), port=port):
        yield


async def happen(host: Host, provider: str, event: str, **fields: str) -> None:
    """Let something happen at a provider."""
    url = f"http://127.0.0.1:{host.assembly.settings.sandbox_port}/{provider}/_control/inbound"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, json={"event": event, **fields}) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def shown(browser: Browser, words: str) -> bool:
    """Tell whether the page shows *words*."""
    return words in (await browser.open("/calendar"))[1]


async def test_without_a_calendar_the_page_says_how_one_is_followed(browser: Browser) -> None:
    status, page = await browser.open("/calendar")
    assert status == 200
    assert "No calendar is followed yet" in page
    assert "Nothing is coming" in page


async def test_a_calendar_is_followed_and_an_appointment_put_by_the_api(
    boxes: list[ProviderSandbox], providers: None, host: Host, worker: None
) -> None:
    wrong = {"provider": "caldav", "provider_calendar_id": "/nothing/"}
    answer = await host.post("/calendars", wrong)
    assert (answer.status, answer.code) == (404, "not_found")
    assert APPOINTMENTS in answer.body["detail"]
    answer = await host.post(
        "/calendars", {"provider": "caldav", "provider_calendar_id": APPOINTMENTS}
    )
    assert (answer.status, answer.body["title"]) == (201, "Appointments")
    calendar = answer.body["id"]

    asked = {
        "title": "Haircut <b>Ada</b>",
        "starts_at": "2027-01-05T09:00:00+01:00",
        "ends_at": "2027-01-05T10:00:00+01:00",
        "attendees": ["eva@example.com"],
    }
    for _ in range(2):
        answer = await host.post(f"/calendars/{calendar}/events", asked, key="k")
        assert (answer.status, answer.body["is_at_provider"]) == (202, False)

    async def there() -> Any:
        path = f"/calendars/{calendar}/events"
        listed = await host.get(path, starts_at=FIRST, ends_at=LAST)
        found = listed["data"]
        return found if found and found[0]["is_at_provider"] else None

    (event,) = await until(there)
    assert event["id"] == answer.body["id"]
    assert event["time_zone"] == "Europe/Berlin"
    (kept,) = boxes[0].state()["calendars"]["appointments"]["events"].values()
    assert "eva@example.com" in kept


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"ends_at": "2027-01-05T08:00:00Z"}, "/ends_at"),
        ({"ends_at": "9999-12-31T23:59:59-12:00"}, "/ends_at"),
        ({"time_zone": "Europe/Nowhere"}, "/time_zone"),
        ({"attendees": ["eva@example.com", "eva"]}, "/attendees/1"),
    ],
)
async def test_an_appointment_that_cannot_be_says_what_is_wrong(
    host: Host, changed: dict[str, object], pointer: str
) -> None:
    calendar = add_calendar(host, host.ours)
    asked = {
        "title": "Haircut",
        "starts_at": "2027-01-05T09:00:00Z",
        "ends_at": "2027-01-05T10:00:00Z",
    }
    answer = await host.post(f"/calendars/{calendar}/events", asked | changed)
    assert (answer.status, answer.pointers) == (422, [pointer])


async def test_events_stand_under_their_days_with_what_is_special(
    browser: Browser, host: Host
) -> None:
    calendar = to_uuid(add_calendar(host, host.ours, time_zone="Pacific/Kiritimati"))
    day = "(date_trunc('day', now() AT TIME ZONE 'Pacific/Kiritimati') + interval '3 days')"
    moment = f"({day} + interval '9 hours') AT TIME ZONE 'Pacific/Kiritimati'"
    for title, name, status, error, hours in (
        ("Haircut", "'a'", "confirmed", None, 1),
        ("Canceled one", "'b'", "canceled", None, 1),
        ("Perhaps", "'c'", "tentative", None, 30),
        ("Going there", "NULL", "confirmed", None, 1),
        ("Refused", "NULL", "confirmed", "no room", 1),
    ):
        host.rows(
            "INSERT INTO calendar_events (organization_id, id, calendar_id, provider_event_id,"
            " title, description, location, attendees, starts_at, ends_at, time_zone, status,"
            f" is_busy, put_error) SELECT %s, gen_random_uuid(), %s, {name}, %s, '', '', '{{}}',"
            f" {moment}, {moment} + make_interval(hours => %s), 'UTC', %s, true, %s RETURNING 1",
            *(host.ours.id, calendar, title, hours, status, error),
        )
    host.rows(
        "INSERT INTO calendar_events (organization_id, id, calendar_id, provider_event_id, title,"
        " description, location, attendees, first_day, last_day, status, is_busy)"
        f" SELECT %s, gen_random_uuid(), %s, 'd', '', '', '', '{{}}', {day}::date,"
        f" {day}::date + 1, 'confirmed', true RETURNING 1",
        *(host.ours.id, calendar),
    )
    _, page = await browser.open("/calendar")
    assert page.count("<h3>") == 1
    assert page.index("All day until") < page.index("09:00 to 10:00")
    for words in (
        "Without a title", "<s>Canceled one</s>", "not certain yet", "on its way into",
        "not in the calendar: no room", "not synced yet",
    ):  # fmt: skip
        assert words in page


async def test_who_may_only_read_sees_no_button(browser: Browser, host: Host) -> None:
    add_calendar(host, host.ours)
    host.rows("UPDATE calendars SET last_error = 'it was away'")
    _, page = await browser.open("/calendar")
    assert "Sync now" in page
    host.rows("UPDATE memberships SET role = %s", Role.VIEWER.value)
    _, page = await browser.open("/calendar")
    assert "it was away" in page
    assert "Sync now" not in page


@pytest.mark.timeout(120)
async def test_a_change_at_a_provider_shows_on_an_open_page(
    boxes: list[ProviderSandbox], providers: None, host: Host, worker: None
) -> None:
    add_user(host)
    login = Login(email="", password="", api_key="", organization_id=f"org_{host.ours.id.hex}")
    await follow_everything(host.assembly.database, login, registry=host.assembly.registry)

    async def watched() -> bool:
        followed = (await host.get("/calendars"))["data"]
        is_told = [one["is_watched"] for one in followed if one["provider"] == "google_calendar"]
        return len(followed) > 3 and all(is_told) and all(one["last_synced_at"] for one in followed)

    await until(watched)
    async with open_chromium() as chromium:
        page = await chromium.new_page(viewport=PHONE)
        await page.goto(f"{host.assembly.settings.url}/calendar")
        await page.get_by_label("E-mail").fill(EMAIL)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Calendar", exact=True)).to_be_visible()
        # Google tells us of it.
        await happen(host, "google_calendar", "event.created", title="Told of by Google")
        await expect(page.get_by_text("Told of by Google")).to_be_visible()
        # A CalDAV server is asked, here by the keyboard alone.
        await happen(host, "caldav", "event.created", title="Asked for by the button")
        await page.get_by_role("button", name="Sync Appointments now").press("Enter")
        await expect(page.get_by_text("Asked for by the button")).to_be_visible()
        assert await serious_problems(page) == []
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
        await page.get_by_role("button", name="Feed of Appointments").press("Enter")
        await page.get_by_role("button", name="Make an address").press("Enter")
        await expect(page.get_by_label("Copy it now")).to_have_value(re.compile(r"\.ics$"))
        assert await serious_problems(page) == []
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
