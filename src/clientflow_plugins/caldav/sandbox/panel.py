"""The calendars as the console shows them."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from icalendar import Calendar

from clientflow_core.sandbox import CalendarEntry, CalendarSheet, CalendarSheets
from clientflow_plugins.caldav.sandbox.collections import Collection, Resource

_DAY: Final = dt.timedelta(days=1)


def show_sheets(collections: Iterable[Collection]) -> CalendarSheets:
    """Give every calendar, with what stands in it now."""
    return CalendarSheets(sheets=[_show(one) for one in collections])


def _show(collection: Collection) -> CalendarSheet:
    entries = [_show_entry(name, one) for name, one in collection.there().items()]
    return CalendarSheet(title=collection.title, entries=sorted(entries, key=_begins))


def _show_entry(name: str, resource: Resource) -> CalendarEntry:
    event: Any = Calendar.from_ical(resource.data).walk("VEVENT")[0]
    starts, ends = event["DTSTART"].dt, event["DTEND"].dt
    is_whole_days = not isinstance(starts, dt.datetime)
    return CalendarEntry(
        id=name,
        title=str(event.get("SUMMARY", "")),
        starts=starts if is_whole_days else starts.astimezone(dt.UTC),
        ends=ends - _DAY if is_whole_days else ends.astimezone(dt.UTC),
        note="repeated" if "RRULE" in event else "",
    )


def _begins(entry: CalendarEntry) -> str:
    return entry.starts.isoformat()
