"""Between iCalendar and what ClientFlow calls it."""

import datetime as dt
import time
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.calendars import AllDay, CalendarEvent, EventStatus, Timed
from clientflow_core.errors import CursorExpired
from clientflow_plugins.caldav.cursors import Cursor, Window, read_cursor
from clientflow_plugins.caldav.events import Found, change_event, read_events, write_event
from tests.plugins.caldav.conftest import NOON, draft

BERLIN = ZoneInfo("Europe/Berlin")
WINDOW = Window(dt.date(2027, 1, 1), dt.date(2027, 3, 1))


def read(*lines: str, zone: dt.tzinfo = BERLIN, window: Window = WINDOW) -> list[CalendarEvent]:
    """Read an event of these lines."""
    event = [
        "BEGIN:VEVENT",
        "UID:one@example.com",
        "DTSTAMP:20270101T000000Z",
        *lines,
        "END:VEVENT",
    ]
    data = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//EN", *event, "END:VCALENDAR", ""]
    found = Found(name="one.ics", etag='"1"', data="\r\n".join(data))
    return list(read_events(found, window=window, zone=zone))


def days(events: list[CalendarEvent]) -> list[str]:
    """Give on which days they begin, where they are."""
    times = [one.time for one in events]
    return [
        one.first.isoformat() if isinstance(one, AllDay) else one.starts_at.date().isoformat()
        for one in times
    ]


@pytest.mark.parametrize(
    ("lines", "starts", "minutes", "zone"),
    [
        (("DTSTART:20270105T120000Z", "DTEND:20270105T130000Z"), NOON, 60, "UTC"),
        (
            ("DTSTART;TZID=Europe/Berlin:20270105T130000", "DURATION:PT90M"),
            NOON,
            90,
            "Europe/Berlin",
        ),
        (("DTSTART;TZID=W. Europe Standard Time:20270105T130000",), NOON, 0, "Europe/Berlin"),
        # Floating: in the zone of the calendar.
        (("DTSTART:20270105T130000", "DTEND:20270105T140000"), NOON, 60, "Europe/Berlin"),
        # It ends in another zone than it begins.
        (
            ("DTSTART;TZID=Europe/Berlin:20270105T130000", "DTEND;TZID=Asia/Tokyo:20270105T220000"),
            NOON,
            60,
            "Europe/Berlin",
        ),
        # Before it begins: that is no time at all.
        (("DTSTART:20270105T120000Z", "DTEND:20270105T110000Z"), NOON, 0, "UTC"),
    ],
)
def test_a_time_is_read(
    lines: tuple[str, ...], starts: dt.datetime, minutes: int, zone: str
) -> None:
    (event,) = read(*lines)
    assert isinstance(event.time, Timed)
    length = event.time.ends_at.astimezone(dt.UTC) - event.time.starts_at.astimezone(dt.UTC)
    assert (event.time.starts_at, length, event.time.time_zone) == (
        starts, dt.timedelta(minutes=minutes), zone,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        (("DTSTART;VALUE=DATE:20270105",), dt.date(2027, 1, 5)),
        (("DTSTART;VALUE=DATE:20270105", "DTEND;VALUE=DATE:20270107"), dt.date(2027, 1, 6)),
        (("DTSTART;VALUE=DATE:20270105", "DTEND;VALUE=DATE:20270105"), dt.date(2027, 1, 5)),
        (("DTSTART;VALUE=DATE:20270105", "DURATION:P2D"), dt.date(2027, 1, 6)),
    ],
)
def test_whole_days_are_read(lines: tuple[str, ...], last: dt.date) -> None:
    (event,) = read(*lines)
    assert event.time == AllDay(first=dt.date(2027, 1, 5), last=last)


def test_what_is_said_of_an_event_is_read() -> None:
    (event,) = read(
        "DTSTART:20270105T120000Z",
        r"SUMMARY:a\, b\; c\\ d\ne",
        "STATUS:CANCELLED",
        "TRANSP:TRANSPARENT",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:eva@example.com",
        "ATTENDEE:MAILTO:100%25@example.com",
        "ATTENDEE:urn:uuid:nobody",
    )
    assert event.title == "a, b; c\\ d\ne"
    assert (event.status, event.is_busy) == (EventStatus.CANCELED, False)
    assert event.attendees == ("eva@example.com", "100%@example.com")
    assert (event.ical_uid, event.etag, event.provider_series_id) == (
        "one@example.com", '"1"', None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("RRULE:FREQ=WEEKLY;COUNT=3",), ["2027-01-05", "2027-01-12", "2027-01-19"]),
        (
            ("RRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20270109T120000Z",),
            ["2027-01-05", "2027-01-07", "2027-01-09"],
        ),
        (("RRULE:FREQ=MONTHLY;BYDAY=-1TU",), ["2027-01-05", "2027-01-26", "2027-02-23"]),
        (("RRULE:FREQ=WEEKLY;COUNT=2", "EXDATE:20270112T120000Z"), ["2027-01-05"]),
        (("RRULE:FREQ=WEEKLY;COUNT=2", "EXDATE;VALUE=DATE:20270112"), ["2027-01-05"]),
        (("RDATE:20270107T120000Z,20270108T120000Z",), ["2027-01-05", "2027-01-07", "2027-01-08"]),
        (("RDATE;VALUE=PERIOD:20270107T120000Z/PT1H",), ["2027-01-05", "2027-01-07"]),
        # An exception without a zone is one of the series' own.
        (("RRULE:FREQ=WEEKLY;COUNT=2", "EXDATE:20270112T120000"), ["2027-01-05"]),
        # Faster than a calendar is for: the first time alone.
        (("RRULE:FREQ=HOURLY",), ["2027-01-05"]),
        (("RRULE:FREQ=DAILY;BYHOUR=1,2,3",), ["2027-01-05"]),
    ],
)
def test_each_time_of_a_series_within_the_window_is_an_event(
    lines: tuple[str, ...], expected: list[str]
) -> None:
    events = read("DTSTART:20270105T120000Z", "DTEND:20270105T130000Z", *lines)
    assert days(events) == expected
    assert {one.provider_series_id for one in events} == {"one.ics"}
    assert len({one.provider_event_id for one in events}) == len(events)


def test_a_series_of_days_is_expanded_by_days() -> None:
    events = read("DTSTART;VALUE=DATE:20270130", "RRULE:FREQ=DAILY;UNTIL=20270201")
    assert days(events) == ["2027-01-30", "2027-01-31", "2027-02-01"]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;BYDAY=TU",
        "FREQ=WEEKLY;BYDAY=MO,TU;WKST=SU;INTERVAL=2",
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=DAILY;COUNT=1900",
    ],
)
def test_what_began_long_ago_gives_the_same_as_from_its_beginning(rule: str) -> None:
    start = ("DTSTART:20220104T120000Z", f"RRULE:{rule}")
    late = [one for one in days(read(*start)) if one >= "2027"]
    whole = Window(dt.date(2022, 1, 1), dt.date(2027, 3, 1))
    early = [one for one in days(read(*start, window=attrs.evolve(whole))) if one >= "2027"]
    # Of the whole, no more than a thousand times are given.
    assert late[: len(early)] == early


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;COUNT=1000000000",
        "FREQ=DAILY;BYHOUR=0,1,2;BYMINUTE=0,1,2;BYSECOND=0,1,2",
    ],
)
def test_a_rule_that_never_ends_or_never_fits_takes_bounded_time(rule: str) -> None:
    begun = time.monotonic()
    assert len(read("DTSTART:19010105T120000Z", f"RRULE:{rule}")) <= 1
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("DTSTART:20270105T120000Z", "DTSTART:20270106T120000Z"),
        ("DTSTART:20270105T120000Z", "DTEND;VALUE=DATE:20270106"),
        ("DTSTART:20270105T120000Z", "RRULE:FREQ=MONTHLY;BYSETPOS=500;BYDAY=MO"),
    ],
)
def test_an_event_that_nobody_can_read_is_an_error_that_is_known(lines: tuple[str, ...]) -> None:
    with pytest.raises((ValueError, AttributeError, LookupError, TypeError)):
        read(*lines)


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_no_text_is_read_with_another_error(text: str) -> None:
    found = Found(name="x.ics", etag='"1"', data=f"BEGIN:VCALENDAR\r\n{text}\r\nEND:VCALENDAR\r\n")
    try:
        read_events(found, window=WINDOW, zone=BERLIN)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return


def test_a_zone_of_the_servers_own_is_utc_at_the_right_moment() -> None:
    zone = [
        "BEGIN:VTIMEZONE", "TZID:Our own", "BEGIN:STANDARD", "DTSTART:19700101T000000",
        "TZOFFSETFROM:+0300", "TZOFFSETTO:+0300", "END:STANDARD", "END:VTIMEZONE",
    ]  # fmt: skip
    event = ["BEGIN:VEVENT", "UID:x", "DTSTART;TZID=Our own:20270105T150000", "END:VEVENT"]
    data = "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *zone, *event, "END:VCALENDAR", ""])
    found = Found(name="x.ics", etag='"1"', data=data)
    (read_back,) = read_events(found, window=WINDOW, zone=BERLIN)
    assert isinstance(read_back.time, Timed)
    assert (read_back.time.starts_at, read_back.time.time_zone) == (NOON, "UTC")


def test_a_moment_that_the_clocks_show_twice_is_kept() -> None:
    second = dt.datetime(2027, 10, 31, 2, 30, tzinfo=BERLIN, fold=1)
    later = second.astimezone(dt.UTC) + dt.timedelta(hours=1)
    time_ = Timed(starts_at=second, ends_at=later, time_zone="Europe/Berlin")
    written = write_event(draft(time=time_), now=NOON)
    found = Found(name="x.ics", etag='"1"', data=written)
    (event,) = read_events(found, window=WINDOW, zone=dt.UTC)
    assert isinstance(event.time, Timed)
    assert (event.time.starts_at, event.time.time_zone) == (
        second.astimezone(dt.UTC), "Europe/Berlin",
    )  # fmt: skip


def test_a_change_keeps_what_others_have_written() -> None:
    theirs = (
        write_event(draft(attendees=("eva@example.com",)), now=NOON)
        .replace(b"END:VEVENT", b"X-COLOR:red\r\nPRIORITY:1\r\nEND:VEVENT")
        .replace(b"ATTENDEE:", b"ATTENDEE;PARTSTAT=ACCEPTED:")
    )
    change = draft("Coloring", attendees=("eva@example.com", "bob@example.com"))
    written = change_event(theirs, change, now=NOON)
    for line in (b"X-COLOR:red", b"PRIORITY:1", b"SEQUENCE:1", b"PARTSTAT=ACCEPTED"):
        assert line in written
    assert written.count(b"BEGIN:VTIMEZONE") == 1
    assert b"TZID:Europe/Berlin" in written
    (event,) = read_events(
        Found(name="x.ics", etag='"1"', data=written), window=WINDOW, zone=dt.UTC
    )
    assert (event.title, event.attendees) == ("Coloring", change.attendees)


def test_a_cursor_is_read_back_and_lasts_a_month() -> None:
    today = NOON.date()
    cursor = Cursor(token="https://x/?a=[1]", day=today, end_token="e", after="ü.ics")
    assert read_cursor(cursor.written(), today=today + dt.timedelta(days=30)) == cursor
    assert read_cursor(None, today=today) == Cursor(token="", day=today)
    with pytest.raises(CursorExpired):
        read_cursor(cursor.written(), today=today + dt.timedelta(days=31))


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '["a","b","c","d"]', "[" * 5000])
def test_what_is_no_cursor_of_ours_begins_anew(text: str) -> None:
    with pytest.raises(CursorExpired):
        read_cursor(text, today=NOON.date())
