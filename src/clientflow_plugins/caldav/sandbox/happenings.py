"""What other people do to the calendar, as iCalendar of another program than ours."""

import datetime as dt
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from icalendar import Calendar, Event

from clientflow_core.clock import Clock
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox import EventField, Occurrence, SandboxEvent
from clientflow_core.sandbox.events import Happen
from clientflow_plugins.caldav.sandbox.checking import check_resource
from clientflow_plugins.caldav.sandbox.collections import Collection, Refused, Resource

_HOUR: Final = dt.timedelta(hours=1)


class Happenings:
    """Lets things happen to one calendar.

    Args:
        collection: the calendar.
        clock: tells the time.
        forget_tokens: lets the server forget what has changed when.
    """

    def __init__(
        self, collection: Collection, *, clock: Clock, forget_tokens: Callable[[], None]
    ) -> None:
        self._collection = collection
        self._clock = clock
        self._forget_tokens = forget_tokens

    def all(self) -> Sequence[SandboxEvent]:
        """Give everything that can happen. The server tells nobody: it is asked."""
        last = EventField(
            name="id", meaning="of the event, by default the last", default=self._last_event()
        )
        title = EventField(name="title", meaning="what it is called", default="Dentist")
        # In whole hours, since whoever shows it would else have something new all the time.
        tomorrow = self._clock.now() + dt.timedelta(days=1)
        tomorrow = tomorrow.replace(minute=0, second=0, microsecond=0)
        starts_at = EventField(
            name="starts_at",
            meaning="when, in ISO 8601 with an offset",
            default=tomorrow.isoformat(),
        )
        rule = EventField(name="rule", meaning="how it is repeated", default="FREQ=WEEKLY;COUNT=4")
        create, forget = self._let_create, self._let_expire
        return (
            _event(
                "event.created", "Somebody puts an event of one hour.", create, title, starts_at
            ),
            _event("event.changed", "Somebody renames an event.", self._let_change, last, title),
            _event("event.removed", "Somebody takes an event out.", self._let_remove, last),
            _event("series.created", "Somebody puts a series.", create, title, starts_at, rule),
            _event("tokens.expired", "The server forgets what has changed when.", forget),
        )

    def _last_event(self) -> str | None:
        there = self._collection.there()
        return max(there, key=lambda name: there[name].changed) if there else None

    def _let_create(self, values: Mapping[str, str]) -> Occurrence:
        try:
            starts_at = dt.datetime.fromisoformat(values["starts_at"])
            if starts_at.tzinfo is None:
                raise ValueError
        except ValueError as error:
            raise _wrong("starts_at", "must be a moment in ISO 8601 with an offset") from error
        try:
            now, rule = self._clock.now(), values.get("rule", "")
            data = write_theirs(values["title"], starts_at, now=now, rule=rule)
        except ValueError as error:
            raise _wrong("rule", "must be one such as FREQ=WEEKLY;COUNT=4") from error
        name = f"{secrets.token_hex(8)}.ics"
        self._collection.put(name, data, uid=check_resource(data))
        return Occurrence(requests=(), facts={"event": name})

    def _let_change(self, values: Mapping[str, str]) -> Occurrence:
        found = self._event_of(values)
        data = retitle(found.data, values["title"])
        self._collection.put(values["id"], data, uid=found.uid)
        return Occurrence(requests=(), facts={"event": values["id"]})

    def _let_remove(self, values: Mapping[str, str]) -> Occurrence:
        self._event_of(values)
        self._collection.remove(values["id"])
        return Occurrence(requests=(), facts={"event": values["id"]})

    def _let_expire(self, _: Mapping[str, str]) -> Occurrence:
        self._forget_tokens()
        return Occurrence(requests=())

    def _event_of(self, values: Mapping[str, str]) -> Resource:
        try:
            return self._collection.find(values["id"])
        except Refused as refused:
            raise _wrong("id", "must be the id of an event") from refused


def _event(name: str, summary: str, happen: Happen, *fields: EventField) -> SandboxEvent:
    return SandboxEvent(name=name, summary=summary, fields=fields, happen=happen)


def write_theirs(title: str, starts_at: dt.datetime, *, now: dt.datetime, rule: str = "") -> bytes:
    """Write an event of one hour, in UTC.

    Args:
        title: what it is called.
        starts_at: aware.
        now: when it is written.
        rule: how it is repeated; empty for once.
    """
    event: Any = Event()
    event.add("UID", f"{secrets.token_hex(8)}@caldav.example")
    event.add("DTSTAMP", now)
    event.add("SUMMARY", title)
    event.add("DTSTART", starts_at.astimezone(dt.UTC))
    event.add("DTEND", starts_at.astimezone(dt.UTC) + _HOUR)
    if rule:
        event.add("RRULE", dict(part.split("=") for part in rule.split(";")))
    calendar: Any = Calendar()
    calendar.add("PRODID", "-//Somebody else//Phone//EN")
    calendar.add("VERSION", "2.0")
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def retitle(data: bytes, title: str) -> bytes:
    """Give an event another title; of a series all its times."""
    calendar: Any = Calendar.from_ical(data)
    for event in calendar.walk("VEVENT"):
        event.pop("SUMMARY", None)
        event.add("SUMMARY", title)
    written: bytes = calendar.to_ical()
    return written


def _wrong(name: str, rule: str) -> InvalidInput:
    return InvalidInput(f"/{name} {rule}", [FieldError(f"/{name}", rule)])
