"""What we write as iCalendar, read back by a library of somebody else's."""

import datetime as dt
import uuid
from typing import Any

import attrs
import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.calendars import AllDay, EventStatus, Timed
from clientflow_core.domain.followed_calendars import KeptEvent
from clientflow_core.domain.ical import Method, write_feed, write_invitation

NINE = dt.datetime(2027, 1, 5, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.date(2027, 1, 5)
FIRST_YEAR, LAST_YEAR = (dt.datetime.fromisoformat(f"{year}-01-01") for year in ("0002", "9998"))
HAIRCUT = KeptEvent(
    id=uuid.UUID(int=7),
    calendar_id=uuid.UUID(int=8),
    provider_event_id="a",
    provider_series_id=None,
    etag="1",
    ical_uid="a@provider.example",
    title="Haircut",
    time=Timed(starts_at=NINE, ends_at=NINE + HOUR, time_zone="Europe/Berlin"),
    status=EventStatus.CONFIRMED,
    is_busy=True,
    description="with color",
    location="Main St 1",
    attendees=("eva@example.com",),
    put_error=None,
    updated_at=NINE - 24 * HOUR,
    sequence=3,
    invited=(),
    invited_to=None,
)


def feed_of(*events: KeptEvent, title: str = "Work", shows_details: bool = True) -> Any:
    """Write a feed, and give it as it is read."""
    return icalendar.Calendar.from_ical(
        write_feed(events, title=title, shows_details=shows_details)
    )


def only(calendar: Any) -> Any:
    """Give its one event."""
    (event,) = calendar.walk("VEVENT")
    return event


def readable(text: str) -> str:
    """Give what of a text can be written: RFC 5545 has one kind of line end, and no controls."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(one for one in lines if one in "\t\n" or (ord(one) > 31 and ord(one) != 127))


texts = st.text(max_size=200) | st.text(st.sampled_from('\\;,:"\n\r\té😀a \x00\x7f'), max_size=200)
moments = st.datetimes(FIRST_YEAR, LAST_YEAR, timezones=st.timezones()).map(
    lambda one: one.replace(microsecond=0)
)


@st.composite
def times(draw: st.DrawFn) -> Timed | AllDay:
    """Give a time, or days."""
    if draw(st.booleans()):
        first = draw(st.dates(dt.date(2, 1, 1), dt.date(9998, 1, 1)))
        return AllDay(first=first, last=first + dt.timedelta(days=draw(st.integers(0, 40))))
    start = draw(moments)
    end = start.astimezone(dt.UTC) + dt.timedelta(seconds=draw(st.integers(0, 10**6)))
    return Timed(starts_at=start, ends_at=end, time_zone="UTC")


@settings(max_examples=50)
@given(
    title=texts,
    description=texts,
    location=texts,
    time=times(),
    status=st.sampled_from(EventStatus),
    is_busy=st.booleans(),
)
def test_what_is_written_is_read_back_the_same(
    title: str, description: str, location: str, time: Timed | AllDay, **said: Any
) -> None:
    written = attrs.evolve(
        HAIRCUT, title=title, description=description, location=location, time=time, **said
    )
    calendar = feed_of(written, title=title)
    event = only(calendar)
    # A property that the library does not know is given as it is written.
    named = f"BEGIN:VEVENT\r\nSUMMARY:{calendar['X-WR-CALNAME']}\r\nEND:VEVENT\r\n"
    assert str(icalendar.Event.from_ical(named)["SUMMARY"]) == readable(title)
    for name, words in (("SUMMARY", title), ("DESCRIPTION", description), ("LOCATION", location)):
        assert str(event.get(name, "")) == readable(words)
    is_canceled = written.status is EventStatus.CANCELED
    assert (str(event["STATUS"]) == "CANCELLED") is is_canceled
    assert (str(event["TRANSP"]) == "OPAQUE") is written.is_busy
    if isinstance(time, AllDay):
        assert (event["DTSTART"].dt, event["DTEND"].dt) == (
            time.first, time.last + dt.timedelta(days=1),
        )  # fmt: skip
    else:
        assert event["DTSTART"].dt == time.starts_at.astimezone(dt.UTC)
        end = event.get("DTEND", event["DTSTART"]).dt
        assert end == time.ends_at.astimezone(dt.UTC)


@settings(max_examples=50)
@given(texts)
def test_no_line_is_longer_than_75_bytes_and_none_ends_within_a_letter(title: str) -> None:
    written = write_feed([attrs.evolve(HAIRCUT, title=title)], title=title, shows_details=True)
    lines = written.split(b"\r\n")
    assert lines.pop() == b""
    for line in lines:
        assert len(line) <= 75
        assert line.decode()
        assert not {b"\n", b"\r"} & set(line)


def test_a_feed_says_what_subscribers_need() -> None:
    calendar = feed_of(HAIRCUT)
    assert (calendar["VERSION"], calendar["REFRESH-INTERVAL"].dt) == ("2.0", HOUR / 4)
    assert "METHOD" not in calendar
    event = only(calendar)
    assert (event["UID"], event["SEQUENCE"]) == (str(HAIRCUT.id), 3)
    assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt == HAIRCUT.updated_at
    assert "ATTENDEE" not in event


def test_the_times_of_a_series_are_events_of_their_own() -> None:
    later = attrs.evolve(HAIRCUT, id=uuid.UUID(int=9), title="Moved")
    names = [str(one["UID"]) for one in feed_of(HAIRCUT, later).walk("VEVENT")]
    assert names == [str(HAIRCUT.id), str(later.id)]


def test_busy_times_tell_nothing_else() -> None:
    free = attrs.evolve(HAIRCUT, is_busy=False)
    off = attrs.evolve(HAIRCUT, status=EventStatus.CANCELED)
    written = write_feed([HAIRCUT, free, off], title="Work", shows_details=False)
    event = only(icalendar.Calendar.from_ical(written))
    assert (event["SUMMARY"], event["DTSTART"].dt) == ("Busy", NINE)
    for words in (b"Haircut", b"color", b"Main St", b"eva", b"provider.example"):
        assert words not in written


def test_a_feed_has_an_end_whatever_is_in_it() -> None:
    long = attrs.evolve(HAIRCUT, description="x" * 1_500_000)
    written = write_feed([long] * 5, title="Work", shows_details=True)
    assert written.count(b"BEGIN:VEVENT") == 2


def test_an_invitation_asks_each_attendee() -> None:
    written = write_invitation(
        HAIRCUT,
        method=Method.REQUEST,
        organizer="salon@example.com",
        attendees=("eva@example.com", "b%b@example.com"),
        sequence=2,
        now=NINE,
    )
    calendar: Any = icalendar.Calendar.from_ical(written)
    event = only(calendar)
    assert calendar["METHOD"] == "REQUEST"
    assert (event["UID"], event["SEQUENCE"], event["ORGANIZER"]) == (
        "a@provider.example", 2, "mailto:salon@example.com",
    )  # fmt: skip
    assert event["DTSTART"].dt == NINE
    assert [
        (str(one), one.params["PARTSTAT"], one.params["RSVP"]) for one in event["ATTENDEE"]
    ] == [
        ("mailto:eva@example.com", "NEEDS-ACTION", "TRUE"),
        ("mailto:b%25b@example.com", "NEEDS-ACTION", "TRUE"),
    ]


@pytest.mark.parametrize("time", [HAIRCUT.time, AllDay(first=DAY, last=DAY)])
def test_who_need_not_come_is_told_which_one_is_off(time: Timed | AllDay) -> None:
    written = write_invitation(
        attrs.evolve(HAIRCUT, ical_uid=None, time=time),
        method=Method.CANCEL,
        organizer="salon@example.com",
        attendees=("eva@example.com",),
        sequence=4,
        now=NINE,
    )
    calendar: Any = icalendar.Calendar.from_ical(written)
    event = only(calendar)
    assert (calendar["METHOD"], event["STATUS"]) == ("CANCEL", "CANCELLED")
    assert (event["UID"], event["SEQUENCE"]) == (str(HAIRCUT.id), 4)
    assert str(event["ATTENDEE"]) == "mailto:eva@example.com"


def test_who_is_asked_to_one_time_of_a_series_is_not_asked_to_all_of_it() -> None:
    written = write_invitation(
        attrs.evolve(HAIRCUT, provider_series_id="a"),
        method=Method.REQUEST,
        organizer="salon@example.com",
        attendees=("eva@example.com",),
        sequence=0,
        now=NINE,
    )
    assert only(icalendar.Calendar.from_ical(written))["UID"] == str(HAIRCUT.id)


def test_no_address_ends_a_line() -> None:
    written = write_invitation(
        HAIRCUT,
        method=Method.REQUEST,
        organizer="salon@example.com\r\nATTENDEE:mailto:x@example.com",
        attendees=(),
        sequence=0,
        now=NINE,
    )
    assert "ATTENDEE" not in only(icalendar.Calendar.from_ical(written))
