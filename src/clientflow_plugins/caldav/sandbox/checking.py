"""What a strict server does not let pass: RFC 4791, 4.1 and 5.3.2."""

from http import HTTPStatus
from typing import Any, Final

from icalendar import Calendar

from clientflow_plugins.caldav.sandbox.collections import Refused

_INVALID: Final = Refused(HTTPStatus.FORBIDDEN, "C:valid-calendar-data")
_WRONG: Final = Refused(HTTPStatus.FORBIDDEN, "C:valid-calendar-object-resource")
_LARGE: Final = Refused(HTTPStatus.FORBIDDEN, "C:max-resource-size")
_LARGEST_BYTES: Final = 256 * 1024
_REQUIRED: Final = ("UID", "DTSTAMP", "DTSTART")
_WITH_TIME: Final = ("DTSTART", "DTEND", "RECURRENCE-ID")


def check_resource(data: bytes) -> str:
    """Make sure that *data* may be kept as a resource of a calendar; give its UID.

    Raises:
        Refused: it may not.
    """
    if len(data) > _LARGEST_BYTES:
        raise _LARGE
    try:
        calendar: Any = Calendar.from_ical(data)
    except (ValueError, LookupError) as error:
        raise _INVALID from error
    if calendar.get("VERSION") != "2.0" or "PRODID" not in calendar or calendar.errors:
        raise _INVALID
    events = [one for one in calendar.subcomponents if one.name == "VEVENT"]
    others = {one.name for one in calendar.subcomponents} - {"VEVENT", "VTIMEZONE"}
    if "METHOD" in calendar or others or not events:
        raise _WRONG
    zones = {str(one["TZID"]) for one in calendar.subcomponents if one.name == "VTIMEZONE"}
    for event in events:
        _check_event(event, zones)
    if len({str(one["UID"]) for one in events}) != 1:
        raise _WRONG
    return str(events[0]["UID"])


def _check_event(event: Any, zones: set[str]) -> None:
    if event.errors or any(isinstance(event.get(name, []), list) for name in _REQUIRED):
        raise _INVALID
    for name in _WITH_TIME:
        zone = event[name].params.get("TZID") if name in event else None
        # RFC 5545, 3.2.19: each zone that is named is described beside it.
        if zone is not None and zone not in zones:
            raise _INVALID
    if "DTEND" in event and not _is_span(event["DTSTART"].dt, event["DTEND"].dt):
        raise _INVALID


def _is_span(start: Any, end: Any) -> bool:
    """Whether both are of one kind, days or moments with a zone or without, and in order."""
    kinds = [(type(one), getattr(one, "tzinfo", None) is None) for one in (start, end)]
    return kinds[0] == kinds[1] and bool(start <= end)
