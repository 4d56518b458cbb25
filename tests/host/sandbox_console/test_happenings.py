"""What happens at providers whose clients have no telephones: seen on the page, and made there."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.sandbox import Answer, CallFault, build_sandbox_app
from clientflow_host.sandbox_console.console import add_console
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.twilio.sandbox import TwilioSandbox

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def box() -> GoogleCalendarSandbox:
    secret = {"GOOGLE_CALENDAR_WEBHOOK_SECRET": "0" * 16}
    return GoogleCalendarSandbox(
        base_url="http://x", host_url="http://127.0.0.1:9", credentials=secret
    )


@pytest.fixture
async def http(box: GoogleCalendarSandbox) -> AsyncIterator[aiohttp.ClientSession]:
    app = build_sandbox_app([box])
    add_console(app, [box], host_url=box.host_url)
    async with TestServer(app) as server, aiohttp.ClientSession(server.make_url("")) as session:
        yield session


async def page(http: aiohttp.ClientSession) -> str:
    async with http.get("/") as answer:
        assert answer.status == 200
        return await answer.text()


async def send(http: aiohttp.ClientSession, **form: str) -> tuple[int, str]:
    path = "/_console/google_calendar/events"
    async with http.post(path, data=form, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


async def test_calendars_and_what_can_happen_are_shown(
    http: aiohttp.ClientSession, box: GoogleCalendarSandbox
) -> None:
    shown = await page(http)
    assert "Opening of the salon" in shown
    assert "Nothing stands in it." in shown
    for event in box.events():
        assert f'<input type="hidden" name="event" value="{event.name}">' in shown
    # A series, of which there is none yet, has no default.
    assert re.search(r'<input name="set-series" autocomplete="off" value="" required>', shown)


async def test_what_is_made_to_happen_is_seen(http: aiohttp.ClientSession) -> None:
    status, goal = await send(http, event="series.created", title=HOSTILE, starts_at="")
    assert (status, goal) == (303, "/#happenings-google_calendar")
    shown = await page(http)
    assert 'id="happenings-google_calendar"' in shown
    assert shown.count("one of a series") == 4
    assert "&lt;script&gt;" in shown
    assert HOSTILE not in shown


async def test_whole_days_are_shown_without_a_time(
    http: aiohttp.ClientSession, box: GoogleCalendarSandbox
) -> None:
    body = {
        "summary": "Closed",
        "start": {"date": "2027-12-31"},
        "end": {"date": "2028-01-02"},
    }
    box._diary.put(box._diary.sheet("primary"), body, name="closed")
    shown = await page(http)
    assert '<time datetime="2027-12-31">31 Dec</time>' in shown
    assert '<time datetime="2028-01-01">01 Jan</time>' in shown


async def test_what_cannot_happen_is_told(http: aiohttp.ClientSession) -> None:
    status, shown = await send(http, event="event.changed", **{"set-id": "nothing"})
    assert status == 422
    assert '<p class="problem" role="alert">/id must be the id of an event that is there' in shown


async def test_nobody_can_be_put_on_the_table_there(http: aiohttp.ClientSession) -> None:
    path = "/_console/google_calendar/phones"
    async with http.post(path, data={"number": "+14155550123"}) as answer:
        assert answer.status == 422
        assert "has no number of the business" in await answer.text()


async def test_faults_of_one_provider_are_open_and_of_several_only_those_that_are_on(
    box: GoogleCalendarSandbox, http: aiohttp.ClientSession
) -> None:
    assert '<details class="faults" id="faults-google_calendar" open>' in await page(http)
    credentials = TwilioSandbox.new_credentials()
    other = TwilioSandbox(base_url="http://x", host_url="http://x", credentials=credentials)
    other.faults.call = CallFault(calls=1, answer=Answer.UNAVAILABLE)
    app = build_sandbox_app([box, other])
    add_console(app, [box, other], host_url=box.host_url)
    async with TestServer(app) as server, aiohttp.ClientSession(server.make_url("")) as both:
        shown = await page(both)
    assert '<details class="faults" id="faults-google_calendar">' in shown
    assert '<details class="faults" id="faults-twilio" open>' in shown
