"""What a server's answers say of calendars and events."""

import datetime as dt
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from clientflow_core.domain.calendars import Calendar, CalendarEvent, EventStatus, Timed
from clientflow_plugins.caldav.answers import Multistatus, Resource, is_writable, name_in
from clientflow_plugins.caldav.bodies import CALDAV, DAV
from clientflow_plugins.caldav.cursors import Window
from clientflow_plugins.caldav.events import Found, read_events

_DAY: Final = dt.timedelta(days=1)
_ETAG: Final = f"{{{DAV}}}getetag"
_DATA: Final = f"{{{CALDAV}}}calendar-data"
_ZONE: Final = f"{{{CALDAV}}}calendar-timezone"
_TZID: Final = re.compile(r"^TZID[^:\r\n]*:([^\r\n]+)", re.MULTILINE)


def is_cut_off(answer: Multistatus, calendar: str) -> bool:
    """Tell whether the server left something out of *answer*, for being too much."""
    # RFC 6578, 3.6: what is left out comes after the token that is given.
    return any(
        one.path == calendar and one.status == HTTPStatus.INSUFFICIENT_STORAGE
        for one in answer.resources
    )


def events_of(
    calendar: str, resource: Resource, window: Window, zone: dt.tzinfo
) -> Sequence[CalendarEvent]:
    """Give the events of a resource; none where it is gone, or is one that nobody can read."""
    name, data = name_in(calendar, resource.path), resource.properties.get(_DATA)
    if name is None or data is None:
        return []
    found = Found(name=name, etag=resource.text(_ETAG), data=data.text or "")
    try:
        return read_events(found, window=window, zone=zone)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        # One event that some program has spoiled must not hold up all the others.
        return []


def read_calendar(resource: Resource) -> Calendar:
    """Read a calendar; it is called by the end of its path where it has no name."""
    name = resource.text(f"{{{DAV}}}displayname") or resource.path.rstrip("/").rpartition("/")[2]
    return Calendar(
        provider_calendar_id=resource.path,
        title=name,
        time_zone=zone_name(resource),
        is_writable=is_writable(resource),
    )


def zone_name(resource: Resource) -> str:
    """Read the zone of a calendar; UTC where it has none, or one of its own."""
    named = _TZID.search(resource.text(_ZONE))
    try:
        return ZoneInfo(named[1].strip()).key if named else "UTC"
    except (ValueError, LookupError, OSError):
        return "UTC"


def takes_time(event: CalendarEvent) -> bool:
    """Tell whether nothing else can be done at the time of *event*."""
    return event.is_busy and event.status is not EventStatus.CANCELED


def moments(event: CalendarEvent, zone: dt.tzinfo) -> tuple[dt.datetime, dt.datetime]:
    """Give when *event* begins and ends; whole days are those of *zone*."""
    if isinstance(event.time, Timed):
        return event.time.starts_at, event.time.ends_at
    first, last = event.time.first, event.time.last + _DAY
    return (
        dt.datetime.combine(first, dt.time(), zone),
        dt.datetime.combine(last, dt.time(), zone),
    )
