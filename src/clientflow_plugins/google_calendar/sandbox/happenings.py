"""What other people do to the calendar, and Google to its memory; what is said about it."""

import datetime as dt
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox import EventField, Occurrence, SandboxEvent, SignedRequest
from clientflow_plugins.google_calendar.sandbox.diary import Diary, Entry, Sheet

Tell = Callable[[str], Sequence[SignedRequest]]

_TITLE: Final = EventField(name="title", meaning="what it is called", default="Dentist")
_HOUR: Final = dt.timedelta(hours=1)
_DAY: Final = dt.timedelta(days=1)
# The last of them is further ahead than half a year.
_TIMES: Final = 4
_WEEKS: Final = 9


class Happenings:
    """Lets things happen to one calendar.

    Args:
        diary: has it.
        sheet: the calendar.
        tell: gives the notices that it has changed, given its id.
        expire_channels: ends all watches.
    """

    def __init__(
        self, diary: Diary, sheet: Sheet, *, tell: Tell, expire_channels: Callable[[], None]
    ) -> None:
        self._diary = diary
        self._sheet = sheet
        self._tell = tell
        self._expire_channels = expire_channels

    def all(self) -> Sequence[SandboxEvent]:
        """Give everything that can happen."""
        return (*self._with_events(), *self._with_series(), *self._with_memory())

    def _with_events(self) -> Iterator[SandboxEvent]:
        last = EventField(
            name="id", meaning="of the event, by default the last", default=self._last(_name)
        )
        yield SandboxEvent(
            name="event.created",
            summary="Somebody puts an event of one hour.",
            fields=(_TITLE, self._starts_at()),
            happen=self._create,
        )
        yield SandboxEvent(
            name="event.changed",
            summary="Somebody renames an event.",
            fields=(last, _TITLE),
            happen=self._change,
        )
        yield SandboxEvent(
            name="event.removed",
            summary="Somebody takes an event out.",
            fields=(last,),
            happen=self._remove,
        )

    def _with_series(self) -> Iterator[SandboxEvent]:
        last = EventField(
            name="series", meaning="its id, by default the last", default=self._last(_series)
        )
        yield SandboxEvent(
            name="series.created",
            summary=f"Somebody puts an event for {_TIMES} times, every {_WEEKS} weeks.",
            fields=(_TITLE, self._starts_at()),
            happen=self._create_series,
        )
        yield SandboxEvent(
            name="series.removed",
            summary="Somebody takes a whole series out.",
            fields=(last,),
            happen=self._remove_series,
        )

    def _with_memory(self) -> Iterator[SandboxEvent]:
        yield SandboxEvent(
            name="sync_tokens.expired",
            summary="Google forgets what has changed when.",
            fields=(),
            happen=self._forget,
        )
        yield SandboxEvent(
            name="channels.expired",
            summary="The time of every watch is over.",
            fields=(),
            happen=self._end_channels,
        )

    def _starts_at(self) -> EventField:
        # In whole hours, since whoever shows it would else have something new all the time.
        tomorrow = (self._diary.clock.now() + _DAY).replace(minute=0, second=0, microsecond=0)
        meaning = "when, in ISO 8601 with an offset"
        return EventField(name="starts_at", meaning=meaning, default=tomorrow.isoformat())

    def _last(self, name: Callable[[Entry], str | None]) -> str | None:
        there = [one for one in self._sheet.entries.values() if not one.is_removed and name(one)]
        return name(max(there, key=lambda one: one.revision)) if there else None

    def _create(self, values: Mapping[str, str]) -> Occurrence:
        entry = self._diary.put(self._sheet, _body(values), name=secrets.token_hex(13))
        return self._changed(id=entry.id)

    def _create_series(self, values: Mapping[str, str]) -> Occurrence:
        entries = self._diary.put_series(self._sheet, _body(values), times=_TIMES, weeks=_WEEKS)
        return self._changed(series=entries[0].series, ids=[one.id for one in entries])

    def _change(self, values: Mapping[str, str]) -> Occurrence:
        entry = self._entry(values)
        self._diary.change(entry, {**entry.fields, "summary": values["title"]})
        return self._changed(id=entry.id)

    def _remove(self, values: Mapping[str, str]) -> Occurrence:
        entry = self._entry(values)
        self._diary.remove(entry)
        return self._changed(id=entry.id)

    def _remove_series(self, values: Mapping[str, str]) -> Occurrence:
        name = values["series"]
        series = self._sheet.series.get(name)
        if series is None or series.is_removed:
            raise _broken("series", "must be the id of a series that is there")
        self._diary.remove(series)
        self._diary.remove_times(self._sheet, name)
        return self._changed(series=name)

    def _forget(self, _: Mapping[str, str]) -> Occurrence:
        self._diary.generation += 1
        return Occurrence(requests=())

    def _end_channels(self, _: Mapping[str, str]) -> Occurrence:
        self._expire_channels()
        return Occurrence(requests=())

    def _entry(self, values: Mapping[str, str]) -> Entry:
        entry = self._sheet.entries.get(values["id"])
        if entry is None or entry.is_removed:
            raise _broken("id", "must be the id of an event that is there")
        return entry

    def _changed(self, **facts: Any) -> Occurrence:
        return Occurrence(requests=self._tell(self._sheet.id), facts=facts)


def _name(entry: Entry) -> str:
    return entry.id


def _series(entry: Entry) -> str | None:
    return entry.series


def _body(values: Mapping[str, str]) -> dict[str, Any]:
    rule = "must be a moment in ISO 8601 with an offset"
    try:
        starts = dt.datetime.fromisoformat(values["starts_at"])
        ends = starts + _HOUR
    except (ValueError, OverflowError) as error:
        raise _broken("starts_at", rule) from error
    if starts.tzinfo is None:
        raise _broken("starts_at", rule)
    zone = {"timeZone": "UTC"}
    return {
        "summary": values["title"],
        "start": {"dateTime": starts.isoformat(), **zone},
        "end": {"dateTime": ends.isoformat(), **zone},
    }


def _broken(name: str, rule: str) -> InvalidInput:
    return InvalidInput(f"/{name} {rule}", [FieldError(f"/{name}", rule)])
