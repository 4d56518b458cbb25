"""Events as calendar programs read them: iCalendar (RFC 5545), written here and never read.

Each time of what is repeated is an event of its own by now, so that there is no rule to write and
no zone: every moment stands in UTC, and a program shows it in its own zone.
"""

import datetime as dt
import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from clientflow_core.domain.calendars import AllDay, EventStatus, Timed
from clientflow_core.domain.followed_calendars import KeptEvent

_LONGEST_LINE_BYTES: Final = 75
# Of a feed: what lies furthest ahead is left out.
_MOST_LETTERS: Final = 4 * 1024 * 1024
_DAY: Final = dt.timedelta(days=1)
_HEAD: Final = ("VERSION:2.0", "PRODID:-//ClientFlow//Calendar//EN", "CALSCALE:GREGORIAN")
# How often a program comes again: RFC 7986, 5.7, and what was there before it.
_REFRESH: Final = ("REFRESH-INTERVAL;VALUE=DURATION:PT15M", "X-PUBLISHED-TTL:PT15M")
_STATUSES: Final[Mapping[EventStatus, str]] = MappingProxyType(
    {
        EventStatus.CONFIRMED: "CONFIRMED",
        EventStatus.TENTATIVE: "TENTATIVE",
        EventStatus.CANCELED: "CANCELLED",
    }
)
_ESCAPED: Final = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"}
# RFC 5545, 3.1: of the control characters a text holds the tab alone.
_CONTROLS: Final = {chr(code): "" for code in (*range(32), 127) if code != ord("\t")}
_LETTERS: Final = str.maketrans(_CONTROLS | _ESCAPED)


class Method(enum.StrEnum):
    """What is asked of who is sent an event: RFC 5546, 1.4."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


def write_feed(events: Iterable[KeptEvent], *, title: str, shows_details: bool) -> bytes:
    """Write a calendar to which others subscribe.

    Who is asked to come is never told: an address that is secret today may not be tomorrow.

    Args:
        events: in their order; those behind the first four million letters are left out.
        title: of the calendar.
        shows_details: False tells when time is taken, and nothing else.
    """
    lines, left = [f"X-WR-CALNAME:{_text(title)}", *_REFRESH], _MOST_LETTERS
    for event in events:
        if not shows_details and not event.takes_time:
            continue
        shown = _details(event) if shows_details else ("SUMMARY:Busy", "TRANSP:OPAQUE")
        written = list(_event(event, shown))
        left -= sum(map(len, written))
        if left < 0:
            break
        lines += written
    return _calendar(lines)


def write_invitation(
    event: KeptEvent,
    *,
    method: Method,
    organizer: str,
    attendees: Sequence[str],
    sequence: int,
    now: dt.datetime,
) -> bytes:
    """Write what asks *attendees* to come, or tells them that they need not: RFC 5546, 3.2.

    Args:
        event: as it is now, or was last.
        method: which of the two.
        organizer: whose it is, an e-mail address; answers go there.
        attendees: e-mail addresses.
        sequence: 0 for the first, more with each change.
        now: aware; when it is written.
    """
    status = () if method is Method.REQUEST else ("STATUS:CANCELLED",)
    details = _details(event) if method is Method.REQUEST else (f"SUMMARY:{_text(event.title)}",)
    people = [f"ORGANIZER:{_mailto(organizer)}"]
    asks = ";PARTSTAT=NEEDS-ACTION;RSVP=TRUE" if method is Method.REQUEST else ""
    people += [f"ATTENDEE{asks}:{_mailto(one)}" for one in attendees]
    # Of what is repeated, somebody is asked to the one time, and not to all of it.
    shared = event.ical_uid if event.provider_series_id is None else None
    uid = shared or str(event.id)
    own = (*status, *details, *people)
    return _calendar(
        [f"METHOD:{method}", *_component(event, own, uid=uid, sequence=sequence, at=now)]
    )


def _details(event: KeptEvent) -> Iterator[str]:
    yield f"SUMMARY:{_text(event.title)}"
    for name, value in (("DESCRIPTION", event.description), ("LOCATION", event.location)):
        if value:
            yield f"{name}:{_text(value)}"
    yield f"STATUS:{_STATUSES[event.status]}"
    yield f"TRANSP:{'OPAQUE' if event.is_busy else 'TRANSPARENT'}"


def _event(event: KeptEvent, own: Iterable[str]) -> Iterator[str]:
    # Our own name for it: the times of a series have one name at their provider.
    uid, at = str(event.id), event.updated_at
    return _component(event, own, uid=uid, sequence=event.sequence, at=at)


def _component(
    event: KeptEvent, own: Iterable[str], *, uid: str, sequence: int, at: dt.datetime
) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(uid)}"
    yield f"DTSTAMP:{_moment(at)}"
    yield f"LAST-MODIFIED:{_moment(event.updated_at)}"
    yield f"SEQUENCE:{sequence}"
    yield from _time(event.time)
    yield from own
    yield "END:VEVENT"


def _time(time: Timed | AllDay) -> Iterator[str]:
    if isinstance(time, AllDay):
        # The end is the day after the last: RFC 5545, 3.6.1.
        yield f"DTSTART;VALUE=DATE:{_day(time.first)}"
        yield f"DTEND;VALUE=DATE:{_day(time.last + _DAY)}"
        return
    yield f"DTSTART:{_moment(time.starts_at)}"
    # An end has to be later than the beginning; without one it ends at once.
    if time.ends_at > time.starts_at:
        yield f"DTEND:{_moment(time.ends_at)}"


def _calendar(lines: Iterable[str]) -> bytes:
    whole = ("BEGIN:VCALENDAR", *_HEAD, *lines, "END:VCALENDAR")
    return b"".join(part + b"\r\n" for line in whole for part in _folded(line.encode()))


def _folded(line: bytes) -> Iterator[bytes]:
    """Give *line* in parts of at most 75 bytes, those behind the first with a blank before them."""
    blank = b""
    while len(line) > _LONGEST_LINE_BYTES - len(blank):
        end = _LONGEST_LINE_BYTES - len(blank)
        # Never within a letter.
        while line[end] & 0xC0 == 0x80:  # noqa: PLR2004 - how UTF-8 goes on with one
            end -= 1
        yield blank + line[:end]
        line, blank = line[end:], b" "
    yield blank + line


def _text(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_LETTERS)


def _mailto(address: str) -> str:
    written = "".join(letter for letter in address if letter.isprintable())
    return f"mailto:{written.replace('%', '%25')}"


def _moment(moment: dt.datetime) -> str:
    written = moment.astimezone(dt.UTC).isoformat(timespec="seconds").removesuffix("+00:00")
    return written.replace("-", "").replace(":", "") + "Z"


def _day(day: dt.date) -> str:
    return day.isoformat().replace("-", "")
