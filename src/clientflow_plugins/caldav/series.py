"""One time of what is repeated: changed by itself, or left out (RFC 5545, 3.8.4.4 and 3.8.5.1)."""

import copy
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from icalendar import Calendar as ICalendar

from clientflow_core.domain.calendars import EventDraft
from clientflow_plugins.caldav.cursors import Window
from clientflow_plugins.caldav.events import (
    add_zones,
    moment_name,
    rewrite,
    start_of,
)
from clientflow_plugins.caldav.recurrence import Start, find_starts

_DAY: Final = dt.timedelta(days=1)
# What says when a series takes place, and not what it is.
_RULES: Final = ("RRULE", "RDATE", "EXDATE", "EXRULE")


class Series:
    """A resource that holds what is repeated, and those of its times that are other than the rest.

    Args:
        data: iCalendar.
        zone: of the calendar, for what says no zone.

    Raises:
        ValueError: it cannot be read.
    """

    def __init__(self, data: bytes, *, zone: dt.tzinfo) -> None:
        self._calendar: Any = ICalendar.from_ical(data)
        self._zone = zone
        events: list[Any] = self._calendar.walk("VEVENT")
        self._others = {
            moment_name(start_of(one, zone, "RECURRENCE-ID")): one
            for one in events
            if "RECURRENCE-ID" in one
        }
        self._whole: Any = next((one for one in events if "RECURRENCE-ID" not in one), None)

    def change(self, time_name: str, draft: EventDraft, *, now: dt.datetime) -> bytes:
        """Give the resource with one of its times as *draft* says.

        Raises:
            LookupError: it has no such time.
        """
        component = self._others.get(time_name)
        if component is None:
            component = self._apart(time_name)
            self._calendar.add_component(component)
        rewrite(component, draft, now)
        add_zones(self._calendar, draft)
        return self._written()

    def leave_out(self, time_name: str, *, now: dt.datetime) -> bytes | None:
        """Give the resource without one of its times; None if there is nothing else in it.

        Raises:
            LookupError: it has no such time.
        """
        other = self._others.get(time_name)
        start = self._times(time_name).get(time_name)
        if other is not None:
            self._calendar.subcomponents.remove(other)
        if start is not None and self._whole is not None:
            self._whole.add("EXDATE", self._as_written(start), parameters=self._parameters())
            self._touch(now)
        elif other is None:
            raise LookupError(time_name)
        return self._written() if self._calendar.walk("VEVENT") else None

    def _apart(self, time_name: str) -> Any:
        """Make of one time an event of its own."""
        start = self._times(time_name)[time_name]
        component = copy.deepcopy(self._whole)
        for name in _RULES:
            component.pop(name, None)
        component.add("RECURRENCE-ID", self._as_written(start), parameters=self._parameters())
        return component

    def _times(self, time_name: str) -> Mapping[str, Start]:
        """Give the times about one, by their names, as the rules of the whole have them."""
        if self._whole is None:
            return {}
        day = dt.datetime.strptime(time_name[:8], "%Y%m%d").date()  # noqa: DTZ007 - a day
        window = Window(day - _DAY, day + 2 * _DAY)
        starts = find_starts(self._whole, start_of(self._whole, self._zone), window)
        return {moment_name(one): one for one in starts}

    def _as_written(self, start: Start) -> Start:
        """Give *start* in the way in which the beginning of the whole is written."""
        if isinstance(start, dt.datetime) and self._whole["DTSTART"].dt.tzinfo is None:
            return start.replace(tzinfo=None)
        return start

    def _parameters(self) -> dict[str, str]:
        # The zone by the name that it has in here, which may be in no database.
        known = self._whole["DTSTART"].params
        return {name: known[name] for name in ("TZID", "VALUE") if name in known}

    def _touch(self, now: dt.datetime) -> None:
        sequence = int(self._whole.pop("SEQUENCE", 0)) + 1
        self._whole.add("SEQUENCE", sequence)
        self._whole.pop("DTSTAMP", None)
        self._whole.add("DTSTAMP", now)

    def _written(self) -> bytes:
        written: bytes = self._calendar.to_ical()
        return written
