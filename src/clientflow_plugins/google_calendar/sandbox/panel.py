"""The calendars as the console shows them."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from clientflow_core.sandbox import CalendarEntry, CalendarSheet, CalendarSheets
from clientflow_plugins.google_calendar.sandbox.diary import Diary, Entry, Sheet

_DAY: Final = dt.timedelta(days=1)
_UTC: Final = ZoneInfo("UTC")


def show_sheets(diary: Diary) -> CalendarSheets:
    """Give every calendar, with what stands in it now."""
    return CalendarSheets(sheets=[_show(sheet) for sheet in diary.sheets.values()])


def _show(sheet: Sheet) -> CalendarSheet:
    there = [one for one in sheet.entries.values() if not one.is_removed]
    entries = [_show_entry(sheet, one) for one in sorted(there, key=sheet.span)]
    return CalendarSheet(title=sheet.title, entries=entries)


def _show_entry(sheet: Sheet, entry: Entry) -> CalendarEntry:
    starts, ends = sheet.span(entry)
    is_whole_days = "date" in entry.fields["start"]
    note = "one of a series" if entry.series else ""
    return CalendarEntry(
        id=entry.id,
        title=entry.fields["summary"],
        starts=starts.date() if is_whole_days else starts.astimezone(_UTC),
        ends=ends.date() - _DAY if is_whole_days else ends.astimezone(_UTC),
        note=note,
    )
