"""Between Google's JSON and what ClientFlow calls it.

Resources: https://developers.google.com/workspace/calendar/api/v3/reference. Every function that
reads raises LookupError, TypeError or ValueError where the JSON is not as it should be.
"""

import datetime as dt
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from clientflow_core.domain.calendars import (
    AllDay,
    BusyTime,
    Calendar,
    CalendarEvent,
    EventDraft,
    EventRemoved,
    EventStatus,
    SyncPage,
    Timed,
    Watch,
)

Fields = Mapping[str, Any]

_DAY: Final = dt.timedelta(days=1)
_WRITING_ROLES: Final = frozenset({"owner", "writer", "writerWithoutPrivateAccess"})
_STATUSES: Final[Mapping[str, EventStatus]] = MappingProxyType(
    {"confirmed": EventStatus.CONFIRMED, "tentative": EventStatus.TENTATIVE}
)
# Google has no other word for an event that was taken out.
_GONE: Final = "cancelled"
# As Google names the times of a series.
_TIME_OF_SERIES: Final = re.compile(r"(?P<series>.+)_[0-9]{8}(T[0-9]{6}Z)?")
_CURSOR_FIELDS: Final = frozenset({"timeMin", "syncToken", "pageToken"})


def read_calendar(fields: Fields) -> Calendar:
    """Read an entry of the calendar list."""
    name = _words(fields, "id")
    return Calendar(
        provider_calendar_id=name,
        title=fields.get("summaryOverride") or fields.get("summary") or name,
        time_zone=_zone(fields, default="UTC"),
        is_writable=fields["accessRole"] in _WRITING_ROLES,
    )


def is_gone(fields: Fields) -> bool:
    """Tell whether an event was taken out; of such a one Google gives little but its id."""
    return fields.get("status") == _GONE


def series_of(fields: Fields) -> str | None:
    """Name the series of which an event is one time, also where only its id is left."""
    named = fields.get("recurringEventId")
    found = _TIME_OF_SERIES.fullmatch(_words(fields, "id"))
    return named or (found["series"] if found else None)


def read_event(fields: Fields, *, time_zone: str = "UTC") -> CalendarEvent:
    """Read an event that is there.

    Args:
        fields: Google's.
        time_zone: that of its calendar, for one that names none.
    """
    return CalendarEvent(
        provider_event_id=_words(fields, "id"),
        etag=_words(fields, "etag"),
        ical_uid=_words(fields, "iCalUID"),
        title=_text(fields, "summary"),
        time=_read_time(fields["start"], fields["end"], time_zone=time_zone),
        status=_STATUSES[fields.get("status", "confirmed")],
        is_busy=fields.get("transparency") != "transparent",
        description=_text(fields, "description"),
        location=_text(fields, "location"),
        attendees=tuple(one["email"] for one in fields.get("attendees", ()) if one.get("email")),
        provider_series_id=fields.get("recurringEventId"),
    )


def write_draft(draft: EventDraft) -> dict[str, Any]:
    """Write an event as a new one is made."""
    start, end = _write_time(draft.time)
    return {
        "summary": draft.title,
        "description": draft.description,
        "location": draft.location,
        "attendees": [{"email": one} for one in draft.attendees],
        "transparency": "opaque" if draft.is_busy else "transparent",
        "start": start,
        "end": end,
    }


def write_change(draft: EventDraft, current: Fields) -> dict[str, Any]:
    """Write an event as it is changed: what a draft does not speak of stays as it is.

    So a meeting keeps its conference, and whoever has accepted has not to do so again.
    """
    there = current.get("attendees", ())
    known = {one["email"].lower(): one for one in there if one.get("email")}
    attendees = [known.get(one.lower(), {"email": one}) for one in draft.attendees]
    return {**current, **write_draft(draft), "attendees": attendees}


def read_page(
    fields: Fields, *, asked: Mapping[str, str], gone_series: Iterable[str] = ()
) -> SyncPage:
    """Read a part of what has changed.

    Args:
        fields: Google's.
        gone_series: those of which no time is left.
        asked: the cursor that it answers, as :func:`read_cursor` gives it; all the pages of one
            answer have to be asked for in the same words.
    """
    time_zone = _zone(fields, default="UTC")
    changes: list[CalendarEvent | EventRemoved]
    changes = [EventRemoved(provider_event_id=one) for one in gone_series]
    changes += [_read_change(one, time_zone=time_zone) for one in fields["items"]]
    # Those of a series that are still there have to come after its removal.
    changes.sort(key=lambda change: not isinstance(change, EventRemoved))
    next_page = fields.get("nextPageToken")
    if next_page:
        cursor = {**asked, "pageToken": _words(fields, "nextPageToken")}
    else:
        cursor = {"syncToken": _words(fields, "nextSyncToken")}
    return SyncPage(changes=changes, cursor=urlencode(cursor), is_last=not next_page)


def read_cursor(cursor: str) -> dict[str, str]:
    """Read the part of a query that :func:`read_page` has written; empty where it is none."""
    fields = dict(parse_qsl(cursor))
    return fields if fields and fields.keys() <= _CURSOR_FIELDS else {}


def write_moment(moment: dt.datetime) -> str:
    """Write a moment as RFC 3339 has it, in whole seconds.

    In UTC, since the offsets of old times have seconds, which RFC 3339 has not.
    """
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def read_busy_times(fields: Fields, *, calendars: Sequence[str]) -> Iterator[BusyTime]:
    """Read when *calendars* are taken; an error of one is for :func:`busy_error`."""
    for name in calendars:
        for one in fields["calendars"][name].get("busy", ()):
            yield BusyTime(
                provider_calendar_id=name,
                starts_at=_moment(one, "start"),
                ends_at=_moment(one, "end"),
            )


def busy_error(fields: Fields, *, calendar: str) -> str | None:
    """Give Google's word for why it does not know when *calendar* is taken; None if it does."""
    errors = fields["calendars"][calendar].get("errors")
    return _words(errors[0], "reason") if errors else None


def read_watch(fields: Fields, *, watch_id: uuid.UUID) -> Watch:
    """Read until when the watch lasts that we call *watch_id*."""
    milliseconds = int(_words(fields, "expiration"))
    return Watch(
        id=watch_id,
        provider_watch_id=_words(fields, "resourceId"),
        expires_at=dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC),
    )


def _read_change(fields: Fields, *, time_zone: str) -> CalendarEvent | EventRemoved:
    if is_gone(fields):
        return EventRemoved(provider_event_id=_words(fields, "id"))
    return read_event(fields, time_zone=time_zone)


def _read_time(start: Fields, end: Fields, *, time_zone: str) -> Timed | AllDay:
    if "date" in start:
        first = dt.date.fromisoformat(_words(start, "date"))
        # The end is the day after the last one.
        return AllDay(first=first, last=dt.date.fromisoformat(_words(end, "date")) - _DAY)
    return Timed(
        starts_at=_moment(start, "dateTime"),
        ends_at=_moment(end, "dateTime"),
        time_zone=_zone(start, default=time_zone),
    )


def _write_time(time: Timed | AllDay) -> tuple[dict[str, str], dict[str, str]]:
    if isinstance(time, AllDay):
        return {"date": time.first.isoformat()}, {"date": (time.last + _DAY).isoformat()}
    start, end = write_moment(time.starts_at), write_moment(time.ends_at)
    zone = {"timeZone": time.time_zone}
    return {"dateTime": start, **zone}, {"dateTime": end, **zone}


def _zone(fields: Fields, *, default: str) -> str:
    """Give the time zone that *fields* name, unless the tz database has no such name."""
    name = _text(fields, "timeZone")
    try:
        return ZoneInfo(name).key if name else default
    except (ValueError, LookupError, OSError):
        return default


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        msg = f"{name} is no text"
        raise TypeError(msg)
    return value


def _words(fields: Fields, name: str) -> str:
    value = _text(fields, name)
    if not value.strip():
        msg = f"{name} is missing or empty"
        raise ValueError(msg)
    return value


def _moment(fields: Fields, name: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(_words(fields, name))
    if moment.tzinfo is None:
        msg = f"{name} has no offset"
        raise ValueError(msg)
    return moment
