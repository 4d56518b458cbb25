"""One time of what is repeated, in all the ways in which programs write it."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from clientflow_core.domain.calendars import CalendarEvent
from clientflow_plugins.caldav.cursors import Window
from clientflow_plugins.caldav.events import Found, read_events
from clientflow_plugins.caldav.provider import CaldavCalendars
from clientflow_plugins.caldav.sandbox import CaldavSandbox
from clientflow_plugins.caldav.series import Series
from tests.plugins.caldav.conftest import NOON, draft, pull

BERLIN = ZoneInfo("Europe/Berlin")
WINDOW = Window(dt.date(2027, 1, 1), dt.date(2028, 1, 1))
OWN_ZONE = """\
BEGIN:VTIMEZONE
TZID:Salon time
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0300
TZOFFSETTO:+0300
END:STANDARD
END:VTIMEZONE
"""


def resource(*events: str, zones: str = "") -> bytes:
    """Write a resource of events."""
    head = "UID:a\nDTSTAMP:20270101T000000Z\n"
    parts = "".join(f"BEGIN:VEVENT\n{head}{one}\nEND:VEVENT\n" for one in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{zones}{parts}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def read(data: bytes) -> dict[str, str]:
    """Give the titles of the times, by their names."""
    found = read_events(Found(name="a", etag="1", data=data), window=WINDOW, zone=BERLIN)
    return {one.provider_event_id.partition("#")[2]: one.title for one in found}


FORMS = {
    "in UTC": ("DTSTART:20270105T080000Z", ""),
    "in a zone": ("DTSTART;TZID=Europe/Berlin:20270105T090000", ""),
    "in a zone of its own": ("DTSTART;TZID=Salon time:20270105T110000", OWN_ZONE),
    "without a zone": ("DTSTART:20270105T090000", ""),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_time_is_changed_and_left_out_however_its_series_is_written(form: str) -> None:
    start, zones = FORMS[form]
    data = resource(f"{start}\nDURATION:PT1H\nSUMMARY:Yoga\nRRULE:FREQ=DAILY;COUNT=3", zones=zones)
    names = ["20270105T080000Z", "20270106T080000Z", "20270107T080000Z"]
    assert list(read(data)) == names
    changed = Series(data, zone=BERLIN).change(names[1], draft("Moved"), now=NOON)
    assert read(changed) == {names[0]: "Yoga", names[1]: "Moved", names[2]: "Yoga"}
    left = Series(changed, zone=BERLIN).leave_out(names[1], now=NOON)
    assert left
    assert list(read(left)) == [names[0], names[2]]
    calendar: Any = Calendar.from_ical(left)
    (whole,) = calendar.walk("VEVENT")
    assert whole["EXDATE"].params.get("TZID") == whole["DTSTART"].params.get("TZID")
    assert whole["SEQUENCE"] == 1


def test_a_changed_time_keeps_what_a_draft_does_not_speak_of() -> None:
    whole = "DTSTART:20270105T080000Z\nRRULE:FREQ=DAILY;COUNT=2\nCATEGORIES:SPORT"
    changed = Series(resource(whole), zone=BERLIN).change("20270106T080000Z", draft(), now=NOON)
    calendar: Any = Calendar.from_ical(changed)
    (_, other) = calendar.walk("VEVENT")
    assert other["CATEGORIES"].to_ical() == b"SPORT"
    assert "RRULE" not in other


def test_an_invited_time_without_its_series_is_taken_out_with_others_left() -> None:
    """A program keeps those times alone to which its user was invited."""
    names = ["20270105T080000Z", "20270106T080000Z"]
    times = [f"RECURRENCE-ID:{one}\nDTSTART:{one}\nSUMMARY:Yoga" for one in names]
    data = resource(*times)
    changed = Series(data, zone=BERLIN).change(names[0], draft("Moved"), now=NOON)
    assert read(changed) == {names[0]: "Moved", names[1]: "Yoga"}
    left = Series(data, zone=BERLIN).leave_out(names[0], now=NOON)
    assert left
    assert list(read(left)) == [names[1]]
    assert Series(left, zone=BERLIN).leave_out(names[1], now=NOON) is None
    for missing in (Series(data, zone=BERLIN), Series(left, zone=BERLIN)):
        with pytest.raises(LookupError):
            missing.change("20270107T080000Z", draft(), now=NOON)
        with pytest.raises(LookupError):
            missing.leave_out("20270107T080000Z", now=NOON)


async def test_a_strict_server_takes_both(
    sandbox: CaldavSandbox, calendars: CaldavCalendars
) -> None:
    (calendar, *_) = await calendars.list_calendars()
    path = calendar.provider_calendar_id
    (create,) = [one for one in sandbox.events() if one.name == "series.created"]
    start = "2027-03-15T09:00:00+01:00"
    create.happen({"title": "Yoga", "starts_at": start, "rule": "FREQ=WEEKLY;COUNT=3"})
    times = await _times(calendars, path)
    (first, second, third) = sorted(times)
    change = draft("Moved", provider_event_id=second)
    changed = await calendars.put_event(path, change, etag=times[second].etag)
    await calendars.delete_event(path, third, etag=changed.etag)
    found = await _times(calendars, path)
    assert {name: one.title for name, one in found.items()} == {first: "Yoga", second: "Moved"}


async def _times(calendars: CaldavCalendars, path: str) -> dict[str, CalendarEvent]:
    (come, _) = await pull(calendars, path, None)
    return {
        one.provider_event_id: one
        for one in come
        if isinstance(one, CalendarEvent) and one.provider_series_id
    }
