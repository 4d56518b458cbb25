"""What can be made to happen at the stand-in, and what people see of it."""

import datetime as dt
import uuid
from typing import Any

import pytest

from clientflow_core.domain.calendars import AllDay, WatchRequest
from clientflow_core.domain.changes import CalendarChanged
from clientflow_core.errors import InvalidInput
from clientflow_core.sandbox import CalendarSheets, ControlBody
from clientflow_core.testing.sandbox_thread import webhook_request
from clientflow_plugins.google_calendar.provider import GoogleCalendars
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER
from clientflow_plugins.google_calendar.settings import GoogleCalendarSettings
from clientflow_plugins.google_calendar.webhooks import parse_change, verify_change
from tests.plugins.google_calendar.conftest import HOST, draft

pytestmark = pytest.mark.proves("TI4")


async def happen(sandbox: GoogleCalendarSandbox, event: str, **fields: str) -> Any:
    return await sandbox.inbound(ControlBody({"event": event, **fields}))


def panel(sandbox: GoogleCalendarSandbox) -> CalendarSheets:
    shown = sandbox.panel()
    assert isinstance(shown, CalendarSheets)
    return shown


async def test_event_that_is_there_from_the_start_can_be_changed_at_once(
    sandbox: GoogleCalendarSandbox,
) -> None:
    """So that `clientflow trigger google_calendar.event.changed` needs nothing."""
    told = await happen(sandbox, "event.changed", title="Moved")
    (entry,) = panel(sandbox).sheets[0].entries
    assert (entry.id, entry.title) == (told["id"], "Moved")


async def test_change_is_told_to_each_watch_and_proven(
    calendars: GoogleCalendars, sandbox: GoogleCalendarSandbox, settings: GoogleCalendarSettings
) -> None:
    address = f"{HOST}/webhooks/gcal"
    requests = [
        WatchRequest(provider_calendar_id=OWNER, id=uuid.uuid4(), address=address) for _ in range(2)
    ]
    for request in requests:
        await calendars.watch(request)
    signed = [
        request
        for event in sandbox.events()
        if event.name == "event.created"
        for request in event.happen({one.name: one.default or "" for one in event.fields}).requests
    ]
    told = [webhook_request(url=one.url, headers=one.headers, body=one.body) for one in signed]
    assert {verify_change(one, settings).external_id for one in told} == {
        f"{request.id}/2" for request in requests
    }
    assert [parse_change(one) for one in told] == [
        (CalendarChanged(watch_id=request.id),) for request in requests
    ]


@pytest.mark.parametrize(
    ("event", "fields", "field"),
    [
        ("event.created", {"starts_at": "tomorrow"}, "/starts_at"),
        ("event.created", {"starts_at": "2027-03-01T09:00:00"}, "/starts_at"),
        ("event.created", {"starts_at": "9999-12-31T23:30:00+00:00"}, "/starts_at"),
        ("event.changed", {"id": "nothing"}, "/id"),
        ("event.removed", {"id": "nothing"}, "/id"),
        ("series.removed", {"series": "nothing"}, "/series"),
        ("series.removed", {}, "/series"),
    ],
)
async def test_what_cannot_happen_is_told(
    sandbox: GoogleCalendarSandbox, event: str, fields: dict[str, str], field: str
) -> None:
    before = sandbox.state()
    with pytest.raises(InvalidInput) as raised:
        await happen(sandbox, event, **fields)
    assert [one.pointer for one in raised.value.errors] == [field]
    assert sandbox.state() == before


async def test_what_was_taken_out_cannot_be_taken_out_again(
    sandbox: GoogleCalendarSandbox,
) -> None:
    told = await happen(sandbox, "event.removed")
    with pytest.raises(InvalidInput):
        await happen(sandbox, "event.removed", id=told["id"])
    made = await happen(sandbox, "series.created")
    await happen(sandbox, "series.removed")
    with pytest.raises(InvalidInput):
        await happen(sandbox, "series.removed", series=made["series"])


async def test_people_see_what_stands_in_the_calendars(
    sandbox: GoogleCalendarSandbox, calendars: GoogleCalendars
) -> None:
    await happen(sandbox, "series.created", title="Color", starts_at="2028-01-01T09:00:00+00:00")
    day = dt.date(2027, 12, 31)
    await calendars.put_event(OWNER, draft(title="Closed", time=AllDay(first=day, last=day)))
    ours, team, holidays = panel(sandbox).sheets
    assert (ours.title, team.title, holidays.title) == (OWNER, "The team", "Holidays")
    closed, *series = ours.entries[1:]
    assert (closed.title, closed.starts, closed.ends) == ("Closed", day, day)
    assert [(one.title, one.note) for one in series] == [("Color", "one of a series")] * 4
    assert not team.entries


async def test_defaults_stay_the_same_for_an_hour_or_so(sandbox: GoogleCalendarSandbox) -> None:
    """The console shows them, and else would change all the time."""
    (field,) = [
        one
        for event in sandbox.events()
        if event.name == "event.created"
        for one in event.fields
        if one.name == "starts_at"
    ]
    assert field.default is not None
    assert field.default.endswith(":00:00+00:00")


async def test_channel_whose_time_is_over_is_told_nothing(sandbox: GoogleCalendarSandbox) -> None:
    body = {"id": "one", "type": "web_hook", "address": f"{HOST}/x", "token": "t"}
    channel = sandbox._channels.open(OWNER, body, host_url=HOST)
    channel.expires = sandbox.clock.now()
    assert (await happen(sandbox, "event.changed"))["statuses"] == []
    assert sandbox.state()["channels"] == []
