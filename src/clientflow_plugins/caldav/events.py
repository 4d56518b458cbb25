"""Between iCalendar and what ClientFlow calls it: RFC 5545, as RFC 4791, 4.1 keeps it.

A resource of a calendar holds one event, or one that is repeated together with those of its times
that are other than the rest. Of the latter each time becomes an event of its own.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import attrs
from icalendar import Calendar as ICalendar
from icalendar import Event as IEvent

from clientflow_core.domain.calendars import (
    AllDay,
    CalendarEvent,
    EventDraft,
    EventStatus,
    Timed,
)
from clientflow_plugins.caldav.cursors import Window
from clientflow_plugins.caldav.recurrence import Start, find_starts

SERIES: Final = "#"
"""Between the name of a series and that of one of its times; quoted names do not hold it."""

# Where a moment has to be written in UTC, the zone in which it is shown.
_ZONE: Final = "X-CLIENTFLOW-TIME-ZONE"
_PRODUCT: Final = "-//ClientFlow//CalDAV//EN"
_DAY: Final = dt.timedelta(days=1)
_MAILTO: Final = "mailto:"
_STATUSES: Final[Mapping[str, EventStatus]] = MappingProxyType(
    {"TENTATIVE": EventStatus.TENTATIVE, "CANCELLED": EventStatus.CANCELED}
)
# Unless there is a draft that says so, these stay as they are.
_WRITTEN: Final = (
    "DTSTART",
    "DTEND",
    "DURATION",
    "SUMMARY",
    "DESCRIPTION",
    "LOCATION",
    "TRANSP",
    "DTSTAMP",
    "LAST-MODIFIED",
    _ZONE,
)


@attrs.frozen(kw_only=True)
class Found:
    """A resource, as a server gives it.

    Attributes:
        name: in its calendar, quoted.
        data: iCalendar.
    """

    name: str
    etag: str
    data: str | bytes


def read_events(found: Found, *, window: Window, zone: dt.tzinfo) -> Sequence[CalendarEvent]:
    """Give the events of a resource: one, or those times of a series that begin within *window*.

    Args:
        found: the resource; one that holds something else than events has none.
        window: the days of which the times of a series are given.
        zone: of the calendar, for what says no zone.

    Raises:
        ValueError: it cannot be read.
    """
    components = read_components(found.data)
    if not is_series(components):
        return [_read_event(found, one, start_of(one, zone)) for one in components]
    changed = {
        moment_name(start_of(one, zone, "RECURRENCE-ID")): one for one in _changed(components)
    }
    events = dict(_expand(found, components, window, zone))
    for name, one in changed.items():
        events[name] = _read_event(found, one, start_of(one, zone), time_name=name)
    return list(events.values())


def read_components(data: str | bytes) -> Sequence[Any]:
    """Give the events that are written in *data*.

    Raises:
        ValueError: it is no iCalendar.
    """
    return list(ICalendar.from_ical(data).walk("VEVENT"))


def is_series(components: Sequence[Any]) -> bool:
    """Whether what a resource holds is repeated, or is one time of what is repeated elsewhere."""
    return len(components) > 1 or any(
        name in one for one in components for name in ("RRULE", "RDATE", "RECURRENCE-ID")
    )


def write_event(draft: EventDraft, *, now: dt.datetime) -> bytes:
    """Write a new event as a server takes it."""
    component = IEvent()
    component.add("UID", str(draft.id))
    _write_draft(component, draft, now)
    return _as_calendar(component, draft)


def change_event(data: bytes, draft: EventDraft, *, now: dt.datetime) -> bytes:
    """Write what *draft* says into an event that is there; whatever else is in it stays.

    Raises:
        ValueError: *data* does not hold one event.
    """
    (component,) = read_components(data)
    rewrite(component, draft, now)
    return _as_calendar(component, draft)


def rewrite(component: Any, draft: EventDraft, now: dt.datetime) -> None:
    """Let an event say what *draft* does, as its next version; whatever else is in it stays."""
    for name in _WRITTEN:
        component.pop(name, None)
    sequence = int(component.pop("SEQUENCE", 0)) + 1
    component.add("SEQUENCE", sequence)
    _write_draft(component, draft, now)


def add_zones(calendar: Any, draft: EventDraft) -> None:
    """Describe the zones that are named in a calendar, for the years about what *draft* says."""
    year = (draft.time.starts_at if isinstance(draft.time, Timed) else draft.time.first).year
    calendar.add_missing_timezones(dt.date(year - 1, 1, 1), dt.date(year + 2, 1, 1))


def _as_calendar(component: Any, draft: EventDraft) -> bytes:
    """Write a calendar of one event, with the zone that it needs."""
    calendar: Any = ICalendar()
    calendar.add("PRODID", _PRODUCT)
    calendar.add("VERSION", "2.0")
    calendar.add_component(component)
    add_zones(calendar, draft)
    written: bytes = calendar.to_ical()
    return written


def _expand(
    found: Found, components: Sequence[Any], window: Window, zone: dt.tzinfo
) -> Iterator[tuple[str, CalendarEvent]]:
    for one in components:
        if "RECURRENCE-ID" not in one:
            for start in find_starts(one, start_of(one, zone), window):
                name = moment_name(start)
                yield name, _read_event(found, one, start, time_name=name)


def _changed(components: Sequence[Any]) -> list[Any]:
    return [one for one in components if "RECURRENCE-ID" in one]


def _read_event(
    found: Found, component: Any, start: Start, *, time_name: str | None = None
) -> CalendarEvent:
    is_time = time_name is not None
    return CalendarEvent(
        provider_event_id=f"{found.name}{SERIES}{time_name}" if is_time else found.name,
        etag=found.etag,
        ical_uid=str(component.get("UID") or found.name),
        title=_text(component, "SUMMARY"),
        time=_read_time(component, start),
        status=_STATUSES.get(_text(component, "STATUS").upper(), EventStatus.CONFIRMED),
        is_busy=_text(component, "TRANSP").upper() != "TRANSPARENT",
        description=_text(component, "DESCRIPTION"),
        location=_text(component, "LOCATION"),
        attendees=tuple(_read_attendees(component)),
        provider_series_id=found.name if is_time else None,
    )


def start_of(component: Any, zone: dt.tzinfo, name: str = "DTSTART") -> Start:
    """Give when an event begins, or another of its moments.

    Args:
        component: the event.
        zone: in which is what says none.
        name: of the property.

    Raises:
        ValueError: it is not there once.
    """
    value = component.get(name)
    if value is None or isinstance(value, list):
        msg = f"an event has no {name}, or several"
        raise ValueError(msg)
    start: Start = value.dt
    if isinstance(start, dt.datetime) and start.tzinfo is None:
        return start.replace(tzinfo=zone)
    return start


def _read_time(component: Any, start: Start) -> Timed | AllDay:
    length = _length(component)
    if not isinstance(start, dt.datetime):
        # The end is the day after the last: RFC 5545, 3.6.1.
        return AllDay(first=start, last=start + max(length, _DAY) - _DAY)
    begins = start.astimezone(dt.UTC)
    ends = (begins + max(length, dt.timedelta())).astimezone(start.tzinfo)
    zone = _text(component, _ZONE) or _zone_name(start)
    return Timed(starts_at=start, ends_at=ends, time_zone=zone)


def _length(component: Any) -> dt.timedelta:
    """Give how long it takes; of moments as it really does, also while clocks are changed."""
    start, end, duration = (component.get(one) for one in ("DTSTART", "DTEND", "DURATION"))
    if end is None:
        is_day = not isinstance(start.dt, dt.datetime)
        length: dt.timedelta = duration.dt if duration else _DAY if is_day else dt.timedelta()
        return length
    return _between(start.dt, end.dt)


def _between(first: Start, last: Start) -> dt.timedelta:
    if isinstance(first, dt.datetime) and isinstance(last, dt.datetime):
        if first.tzinfo is None or last.tzinfo is None:
            return last.replace(tzinfo=None) - first.replace(tzinfo=None)
        # Two moments of one zone are else taken from each other by what its clocks show.
        return last.astimezone(dt.UTC) - first.astimezone(dt.UTC)
    if type(first) is type(last):
        return last - first
    msg = "an event begins with a day and ends with a moment, or the other way round"
    raise ValueError(msg)


def _zone_name(moment: dt.datetime) -> str:
    """Give the name of the zone of *moment* in the tz database; UTC for one that has none there."""
    name = getattr(moment.tzinfo, "key", None)
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ValueError, LookupError, OSError):
        return "UTC"


def moment_name(moment: Start) -> str:
    """Give the name of one time of a series: when it begins, if it is not moved."""
    if isinstance(moment, dt.datetime):
        return f"{moment.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"
    return f"{moment:%Y%m%d}"


def _read_attendees(component: Any) -> Iterator[str]:
    attendees = component.get("ATTENDEE", [])
    for one in attendees if isinstance(attendees, list) else [attendees]:
        address = str(one)
        if address.lower().startswith(_MAILTO):
            yield unquote(address[len(_MAILTO) :])


def _text(component: Any, name: str) -> str:
    value = component.get(name)
    # What may be there once and is there twice: the first counts.
    return str((value[0] if isinstance(value, list) else value) or "")


def _write_draft(component: Any, draft: EventDraft, now: dt.datetime) -> None:
    component.add("DTSTAMP", now)
    component.add("SUMMARY", draft.title)
    component.add("DESCRIPTION", draft.description)
    component.add("LOCATION", draft.location)
    component.add("TRANSP", "OPAQUE" if draft.is_busy else "TRANSPARENT")
    _write_attendees(component, draft)
    time = draft.time
    if isinstance(time, AllDay):
        component.add("DTSTART", time.first)
        component.add("DTEND", time.last + _DAY)
        return
    zone = ZoneInfo(time.time_zone)
    start, end = (_writable(one, zone) for one in (time.starts_at, time.ends_at))
    component.add("DTSTART", start)
    component.add("DTEND", end)
    if start.tzinfo is dt.UTC and time.time_zone != "UTC":
        component.add(_ZONE, time.time_zone)


def _writable(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Give *moment* as its zone's clocks show it; in UTC where they show the same twice."""
    local = moment.astimezone(zone)
    # iCalendar means the first of the two: RFC 5545, 3.3.5.
    return moment.astimezone(dt.UTC) if local.fold or zone.key == "UTC" else local


def _write_attendees(component: Any, draft: EventDraft) -> None:
    present = component.pop("ATTENDEE", [])
    known = {str(one).lower(): one for one in (present if isinstance(present, list) else [present])}
    for address in draft.attendees:
        written = _MAILTO + address.replace("%", "%25")
        # Who has answered already, has.
        component.add("ATTENDEE", known.get(written.lower(), written))
