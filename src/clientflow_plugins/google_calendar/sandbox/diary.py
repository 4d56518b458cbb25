"""What the stand-in keeps: calendars, the events in them, and what has changed when."""

import datetime as dt
import secrets
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

from clientflow_core.clock import Clock
from clientflow_plugins.google_calendar.sandbox.refusals import (
    Refusal,
    bad_request,
    forbidden,
    not_found,
)
from clientflow_plugins.google_calendar.sandbox.times import check_times, moment, shown

Fields = dict[str, Any]

_WRITING: Final = frozenset({"owner", "writer"})
_WEEK: Final = dt.timedelta(days=7)
# What whoever makes or changes an event may say; all else of an event is Google's.
_OURS: Final = (
    "summary", "description", "location", "attendees", "transparency", "start", "end", "recurrence",
)  # fmt: skip
# What Google leaves out where it is so.
_DEFAULTS: Final[Mapping[str, object]] = {
    "summary": "", "description": "", "location": "", "attendees": [], "transparency": "opaque",
}  # fmt: skip


@attrs.define(kw_only=True)
class Entry:
    """An event, or one time of a series.

    Attributes:
        fields: what was said of it.
        revision: counts every change of the diary; that of the last one of this event.
    """

    id: str
    fields: Fields
    created: dt.datetime
    updated: dt.datetime
    revision: int
    series: str | None = None
    sequence: int = 0
    is_removed: bool = False

    @property
    def etag(self) -> str:
        """The name of this version."""
        return f'"{3_000_000_000_000_000 + self.revision}"'


@attrs.define(kw_only=True)
class Sheet:
    """A calendar.

    Attributes:
        entries: what stands in it, each time of a series by itself.
        series: what the times of a series have in common.
    """

    id: str
    title: str
    zone: str
    role: str
    is_primary: bool = False
    entries: dict[str, Entry] = attrs.field(factory=dict)
    series: dict[str, Entry] = attrs.field(factory=dict)

    def span(self, entry: Entry) -> tuple[dt.datetime, dt.datetime]:
        """Give from when to when *entry* is."""
        start, end = (moment(entry.fields[one], zone=self.zone) for one in ("start", "end"))
        return start, end


@attrs.define(kw_only=True)
class Diary:
    """All calendars of one account.

    Attributes:
        owner: the address of the person whose they are.
        generation: counts how often it was forgotten what has changed when.
    """

    owner: str
    clock: Clock
    sheets: dict[str, Sheet] = attrs.field(factory=dict)
    revision: int = 0
    generation: int = 0

    def sheet(self, name: str, *, is_written: bool = False) -> Sheet:
        """Give the calendar *name*.

        Raises:
            Refusal: there is none, or it may not be written to.
        """
        found = self.sheets.get(self.owner if name == "primary" else name)
        if found is None:
            raise not_found()
        if is_written and found.role not in _WRITING:
            raise forbidden(
                "requiredAccessLevel", "You need to have writer access to this calendar."
            )
        return found

    def entry(self, sheet: Sheet, name: str) -> Entry:
        """Give an event, one time of a series or all of it, also what was taken out.

        Raises:
            Refusal: there never was one.
        """
        found = sheet.entries.get(name) or sheet.series.get(name)
        if found is None:
            raise not_found()
        return found

    def put(self, sheet: Sheet, body: Fields, *, name: str, series: str | None = None) -> Entry:
        """Make an event.

        Raises:
            Refusal: its name was used, or it cannot be.
        """
        if name in sheet.entries:
            message = "The requested identifier already exists."
            raise Refusal(HTTPStatus.CONFLICT, "duplicate", message)
        sheet.entries[name] = self._entry(name, body, series=series)
        return sheet.entries[name]

    def put_series(self, sheet: Sheet, body: Fields, *, times: int, weeks: int) -> list[Entry]:
        """Make an event that is repeated every *weeks* weeks, each time as an entry of its own."""
        series = secrets.token_hex(13)
        rule = f"RRULE:FREQ=WEEKLY;INTERVAL={weeks};COUNT={times}"
        sheet.series[series] = self._entry(series, {**body, "recurrence": [rule]})
        entries = []
        for number in range(times):
            moved = {k: _later(body[k], by=number * weeks * _WEEK) for k in ("start", "end")}
            begins = moment(moved["start"], zone=sheet.zone).astimezone(dt.UTC)
            name = f"{series}_{begins:%Y%m%dT%H%M%SZ}"
            entries.append(self.put(sheet, {**body, **moved}, name=name, series=series))
        return entries

    def remove_times(self, sheet: Sheet, name: str) -> None:
        """Take every time of a series out."""
        for one in sheet.entries.values():
            if one.series == name and not one.is_removed:
                self.remove(one)

    def change(self, entry: Entry, body: Fields) -> None:
        """Change an event, all that was said of it.

        Raises:
            Refusal: it was taken out, or cannot be so.
        """
        if entry.is_removed:
            raise not_found()
        if body.get("sequence", entry.sequence) < entry.sequence:
            raise bad_request("invalid", "Invalid sequence value. The specified sequence number is "
                              "below the current sequence number of the resource.")  # fmt: skip
        entry.fields = _said(body)
        entry.sequence += 1
        self._touch(entry)

    def remove(self, entry: Entry, *, etag: str | None = None) -> None:
        """Take an event out.

        Raises:
            Refusal: it is of another version, or was taken out before.
        """
        if entry.is_removed:
            raise Refusal(HTTPStatus.GONE, "deleted", "Resource has been deleted")
        check_version(entry, etag)
        entry.is_removed = True
        self._touch(entry)

    def resource(self, sheet: Sheet, entry: Entry) -> Fields:
        """Give an event as Google does; of one that was taken out, the little that is promised."""
        head: Fields = {"kind": "calendar#event", "etag": entry.etag, "id": entry.id}
        if entry.is_removed:
            return head | {"status": "cancelled"} | _series_of(sheet, entry)
        said = {k: v for k, v in entry.fields.items() if v != _DEFAULTS.get(k)}
        said |= {k: shown(entry.fields[k], zone=sheet.zone) for k in ("start", "end")}
        who = {"email": self.owner, "self": True}
        return head | said | _series_of(sheet, entry) | {
            "status": "confirmed",
            "htmlLink": f"https://www.google.com/calendar/event?eid={entry.id}",
            "created": entry.created.isoformat(timespec="milliseconds"),
            "updated": entry.updated.isoformat(timespec="milliseconds"),
            "creator": who,
            "organizer": who,
            "iCalUID": f"{entry.id}@google.com",
            "sequence": entry.sequence,
            "reminders": {"useDefault": True},
            "eventType": "default",
        }  # fmt: skip

    def busy(
        self, sheet: Sheet, starts: dt.datetime, ends: dt.datetime
    ) -> list[tuple[dt.datetime, dt.datetime]]:
        """Give when a calendar is taken between two moments, what touches each other as one."""
        times: list[tuple[dt.datetime, dt.datetime]] = []
        for begins, until in sorted(sheet.span(one) for one in _taking_time(sheet)):
            first, last = max(begins, starts), min(until, ends)
            if first >= last:
                continue
            if times and first <= times[-1][1]:
                times[-1] = times[-1][0], max(last, times[-1][1])
            else:
                times.append((first, last))
        return times

    def _entry(self, name: str, body: Fields, *, series: str | None = None) -> Entry:
        fields, now = _said(body), self.clock.now()
        return Entry(
            id=name, fields=fields, created=now, updated=now, revision=self._next(), series=series
        )

    def _touch(self, entry: Entry) -> None:
        entry.updated, entry.revision = self.clock.now(), self._next()

    def _next(self) -> int:
        self.revision += 1
        return self.revision


def _said(body: Fields) -> Fields:
    check_times(body["start"], body["end"])
    if body.get("transparency", "opaque") not in {"opaque", "transparent"}:
        raise bad_request("invalid", "Invalid transparency.")
    for one in body.get("attendees", ()):
        if "@" not in one.get("email", ""):
            raise bad_request("invalid", "Invalid attendee email.")
    said: Fields = {**_DEFAULTS, **{name: body[name] for name in _OURS if name in body}}
    said["attendees"] = [{"responseStatus": "needsAction", **one} for one in said["attendees"]]
    return said


def check_version(entry: Entry, etag: str | None) -> None:
    """Let a call pass that is about the present version of *entry*, or says none.

    Raises:
        Refusal: it is about another one.
    """
    if etag is not None and etag != entry.etag:
        status = HTTPStatus.PRECONDITION_FAILED
        raise Refusal(status, "conditionNotMet", "Precondition Failed")


def _series_of(sheet: Sheet, entry: Entry) -> Fields:
    if entry.series is None:
        return {}
    original = shown(entry.fields["start"], zone=sheet.zone)
    return {"recurringEventId": entry.series, "originalStartTime": original}


def _taking_time(sheet: Sheet) -> Iterator[Entry]:
    for one in sheet.entries.values():
        if not one.is_removed and one.fields["transparency"] == "opaque":
            yield one


def _later(time: Mapping[str, str], *, by: dt.timedelta) -> dict[str, str]:
    when = dt.datetime.fromisoformat(time["dateTime"]) + by
    return {**time, "dateTime": when.isoformat()}
