"""Google's JSON and ours: times, zones, and what is odd about either."""

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clientflow_core.domain.calendars import AllDay, CalendarEvent, EventRemoved, EventStatus, Timed
from clientflow_plugins.google_calendar.answers import (
    read_calendar,
    read_cursor,
    read_event,
    read_page,
    read_watch,
    series_of,
    write_change,
    write_draft,
    write_moment,
)
from tests.plugins.google_calendar.conftest import NINE, draft

# As https://developers.google.com/workspace/calendar/api/v3/reference/events has it.
EVENT: dict[str, Any] = {
    "kind": "calendar#event",
    "etag": '"3181161784712000"',
    "id": "4eahs9ghkhrvkld72hogu9ph3e",
    "status": "confirmed",
    "summary": "Haircut",
    "iCalUID": "4eahs9ghkhrvkld72hogu9ph3e@google.com",
    "start": {"dateTime": "2027-03-01T10:00:00+01:00", "timeZone": "Europe/Berlin"},
    "end": {"dateTime": "2027-03-01T11:00:00+01:00", "timeZone": "Europe/Berlin"},
}


def event(**changed: Any) -> CalendarEvent:
    return read_event(EVENT | changed, time_zone="America/New_York")


def test_what_google_leaves_out_is_so_by_default() -> None:
    read = event()
    assert (read.description, read.location, read.attendees) == ("", "", ())
    assert read.is_busy
    assert read.status is EventStatus.CONFIRMED
    assert read.time == Timed(
        starts_at=NINE, ends_at=NINE + dt.timedelta(hours=1), time_zone="Europe/Berlin"
    )
    without = {name: value for name, value in EVENT.items() if name not in {"summary", "status"}}
    assert read_event(without).title == ""


def test_event_that_is_tentative_or_takes_no_time() -> None:
    read = event(status="tentative", transparency="transparent")
    assert (read.status, read.is_busy) == (EventStatus.TENTATIVE, False)


def test_attendee_without_an_address_is_left_out() -> None:
    read = event(attendees=[{"email": "ada@example.com"}, {"displayName": "Ben", "id": "7"}])
    assert read.attendees == ("ada@example.com",)


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", "../etc/passwd", "GMT+01:00"])
def test_zone_that_nobody_knows_is_that_of_the_calendar(zone: str | None) -> None:
    start = {"dateTime": "2027-03-01T10:00:00+01:00"} | ({} if zone is None else {"timeZone": zone})
    read = event(start=start)
    assert isinstance(read.time, Timed)
    assert (read.time.time_zone, read.time.starts_at) == ("America/New_York", NINE)


def test_last_day_is_the_one_before_googles_end() -> None:
    read = event(start={"date": "2027-03-01"}, end={"date": "2027-03-03"})
    assert read.time == AllDay(first=dt.date(2027, 3, 1), last=dt.date(2027, 3, 2))


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ""},
        {"id": 7},
        {"etag": None},
        {"iCalUID": " "},
        {"summary": 7},
        {"status": "cancelled"},
        {"status": "new"},
        {"start": {}},
        {"start": {"dateTime": "2027-03-01T10:00:00"}},
        {"start": {"dateTime": "tomorrow"}},
        {"start": {"date": "2027-02-29"}, "end": {"date": "2027-03-01"}},
        {"start": None},
        {"end": {"date": "2027-03-01"}},
        {"attendees": 7},
    ],
)
def test_event_of_another_shape_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
        event(**changed)


def test_calendar_has_the_title_that_its_owner_sees() -> None:
    fields = {"id": "c", "summary": "Theirs", "accessRole": "reader"}
    assert read_calendar(fields).title == "Theirs"
    assert read_calendar(fields | {"summaryOverride": "Mine"}).title == "Mine"
    bare = read_calendar({"id": "c", "accessRole": "writerWithoutPrivateAccess"})
    assert (bare.title, bare.time_zone, bare.is_writable) == ("c", "UTC", True)


def test_moments_are_written_in_utc_and_whole_seconds() -> None:
    """The offset of Amsterdam was once 19 minutes and 32 seconds, which RFC 3339 cannot say."""
    old = dt.datetime(1930, 1, 1, 12, 0, 0, 999, tzinfo=ZoneInfo("Europe/Amsterdam"))
    assert write_moment(old).endswith("+00:00")
    assert "." not in write_moment(old)


def test_whole_days_are_written_with_the_day_after() -> None:
    day = AllDay(first=dt.date(2027, 12, 31), last=dt.date(2027, 12, 31))
    written = write_draft(draft(time=day))
    assert (written["start"], written["end"]) == ({"date": "2027-12-31"}, {"date": "2028-01-01"})


def test_change_says_again_what_a_draft_does_not_speak_of() -> None:
    current = EVENT | {
        "conferenceData": {"conferenceId": "abc"},
        "attendees": [{"email": "ada@example.com", "responseStatus": "accepted"}],
    }
    new = draft(attendees=("ben@example.com", "Ada@Example.com"), is_busy=False)
    written = write_change(new, current)
    assert written["conferenceData"] == {"conferenceId": "abc"}
    assert written["transparency"] == "transparent"
    assert written["attendees"] == [
        {"email": "ben@example.com"},
        {"email": "ada@example.com", "responseStatus": "accepted"},
    ]
    assert current["summary"] == "Haircut"


def test_what_is_gone_comes_before_what_is_there() -> None:
    """A series whose times are told anew is first taken out."""
    gone = {"id": "x_20270301T090000Z", "status": "cancelled"}
    page = read_page(
        {"items": [EVENT, gone], "nextSyncToken": "s"}, asked={}, gone_series=["series"]
    )
    assert page.changes == [
        EventRemoved(provider_event_id="series"),
        EventRemoved(provider_event_id="x_20270301T090000Z"),
        read_event(EVENT),
    ]


def test_cursor_says_what_to_ask_next() -> None:
    page = read_page({"items": [], "nextPageToken": "p=&"}, asked={"timeMin": "2026+"})
    assert not page.is_last
    assert read_cursor(page.cursor) == {"timeMin": "2026+", "pageToken": "p=&"}
    last = read_page({"items": [], "nextSyncToken": "s=&"}, asked=read_cursor(page.cursor))
    assert last.is_last
    assert read_cursor(last.cursor) == {"syncToken": "s=&"}


@pytest.mark.parametrize("fields", [{}, {"items": []}, {"items": [], "nextSyncToken": 7}])
def test_page_that_leads_nowhere_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        read_page(fields, asked={})


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("abc_20270301T090000Z", "abc"),
        ("abc_20270301", "abc"),
        ("abc_R20270301T090000_20270301T090000Z", "abc_R20270301T090000"),
        ("abc", None),
        ("abc_2027", None),
    ],
)
def test_series_is_known_by_the_name_of_its_times(name: str, series: str | None) -> None:
    assert series_of({"id": name, "status": "cancelled"}) == series
    assert series_of({"id": name, "recurringEventId": "told"}) == "told"


def test_watch_lasts_until_googles_milliseconds() -> None:
    name = uuid.uuid4()
    fields = {"resourceId": "r", "expiration": str(int(NINE.timestamp() * 1000))}
    assert read_watch(fields, watch_id=name).expires_at == NINE
    for wrong in ({}, {"resourceId": "r"}, fields | {"expiration": "soon"}):
        with pytest.raises(ValueError, match=r"expiration|invalid literal"):
            read_watch(wrong, watch_id=name)
