"""What the checks of calendars stand on: a calendar to write to, and a copy made by sync."""

import datetime as dt
import uuid
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, ClassVar, Final, TypeVar

import attrs
from typing_extensions import override

from clientflow_core.clock import SystemClock
from clientflow_core.domain.calendars import (
    AllDay,
    BusyTime,
    Calendar,
    CalendarEvent,
    EventDraft,
    EventRemoved,
    SyncPage,
    Timed,
    WatchRequest,
)
from clientflow_core.errors import ProviderRefused
from clientflow_core.providers.spec import Capability
from clientflow_core.testing.calls import OrdinaryCall
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.stage import Stage

T = TypeVar("T")

NO_CALENDAR: Final = "kit-no-such-calendar"
_HOUR: Final = dt.timedelta(hours=1)
_DAYS_AHEAD: Final = 30
# How often a call is asked by one check.
_TIMES: Final = 4
_MOST_PAGES: Final = 200
Change = CalendarEvent | EventRemoved


class CalendarChecks(Conformance):
    """A calendar provider of which is known what :class:`CalendarConformance` says."""

    calendar: ClassVar[str | None] = None
    expiry_event: ClassVar[str | None] = None

    def morning(self, *, days: int = 0) -> dt.datetime:
        """Give nine o'clock UTC of a day some weeks ahead, and *days* more."""
        day = SystemClock().now().date() + dt.timedelta(days=_DAYS_AHEAD + days)
        return dt.datetime.combine(day, dt.time(9), dt.UTC)

    def draft(self, *, title: str = "Haircut", **values: Any) -> EventDraft:
        """Give an event that nobody has heard of, of an hour where nothing else is said."""
        morning = self.morning()
        time = Timed(starts_at=morning, ends_at=morning + _HOUR, time_zone="Europe/Berlin")
        return EventDraft(id=uuid.uuid4(), title=title, **{"time": time, **values})

    def watch_request(self, stage: Stage, calendar: str) -> WatchRequest:
        """Give what asks to be told of changes, at the provider's first webhook."""
        assert self.spec.webhooks, "the spec declares PUSH, and has no webhook to be told at"
        address = stage.server.host_url + self.spec.webhooks[0].path
        return WatchRequest(provider_calendar_id=calendar, id=uuid.uuid4(), address=address)

    async def calendars(self, provider: Any) -> Sequence[Calendar]:
        """Give all calendars."""
        found: Sequence[Any] = await done("list_calendars", provider.list_calendars())
        strange = [one for one in found if not isinstance(one, Calendar)]
        assert not strange, f"list_calendars gives {strange[:1]!r}"
        return found

    async def written(self, provider: Any) -> Calendar:
        """Give the calendar that the checks write to."""
        for one in await self.calendars(provider):
            if one.provider_calendar_id == self.calendar or (
                self.calendar is None and one.is_writable
            ):
                return one
        msg = "list_calendars gives no calendar that can be written to: the checks need one"
        raise AssertionError(msg)

    async def put(
        self, provider: Any, calendar: str, draft: EventDraft, *, etag: str | None = None
    ) -> CalendarEvent:
        """Put an event, which nothing speaks against."""
        event = await done("put_event", provider.put_event(calendar, draft, etag=etag))
        assert isinstance(event, CalendarEvent), f"put_event gives {event!r}"
        return event

    async def remove(self, provider: Any, calendar: str, event: CalendarEvent) -> None:
        """Take an event out, which nothing speaks against."""
        await done("delete_event", provider.delete_event(calendar, event.provider_event_id))

    async def busy(
        self, provider: Any, calendar: str, starts_at: dt.datetime, ends_at: dt.datetime
    ) -> list[tuple[dt.datetime, dt.datetime]]:
        """Give when *calendar* is taken, between the two moments."""
        work = provider.list_busy_times([calendar], starts_at=starts_at, ends_at=ends_at)
        found: Sequence[BusyTime] = await done("list_busy_times", work)
        for one in found:
            assert one.provider_calendar_id == calendar, f"asked for {calendar}, it gives {one}"
            is_aware = one.starts_at.tzinfo is not None and one.ends_at.tzinfo is not None
            assert is_aware, f"{one} has no time zone"
        clipped = [(max(one.starts_at, starts_at), min(one.ends_at, ends_at)) for one in found]
        return merged(clipped)

    @override
    async def calls(self, provider: Any, stage: Stage) -> Sequence[OrdinaryCall]:
        """Put, take out and read events; watch a calendar where that can be done."""
        calendar = (await self.written(provider)).provider_calendar_id
        # Some, since to take out what is gone already is another thing.
        doomed = [await self.put(provider, calendar, self.draft()) for _ in range(_TIMES)]
        begins = self.morning()

        async def put_event(asked: Any) -> None:
            await asked.put_event(calendar, self.draft())

        async def delete_event(asked: Any) -> None:
            doomed.append(doomed.pop(0))
            await asked.delete_event(calendar, doomed[-1].provider_event_id)

        async def sync(asked: Any) -> None:
            await asked.sync(calendar, cursor=None)

        async def list_calendars(asked: Any) -> None:
            await asked.list_calendars()

        async def list_busy_times(asked: Any) -> None:
            await asked.list_busy_times([calendar], starts_at=begins, ends_at=begins + _HOUR)

        changes = [_call(put_event, is_change=True), _call(delete_event, is_change=True)]
        if Capability.PUSH in self.spec.capabilities:
            changes += await self._push_calls(provider, stage, calendar)
        reading = (list_calendars, sync, list_busy_times)
        return [*changes, *(_call(one, is_change=False) for one in reading)]

    async def _push_calls(
        self, provider: Any, stage: Stage, calendar: str
    ) -> Sequence[OrdinaryCall]:
        requests = [self.watch_request(stage, calendar) for _ in range(_TIMES)]
        begun = [await done("watch", provider.watch(request)) for request in requests]

        async def watch(asked: Any) -> None:
            await asked.watch(self.watch_request(stage, calendar))

        async def end_watch(asked: Any) -> None:
            begun.append(begun.pop(0))
            await asked.end_watch(begun[-1])

        return [_call(watch, is_change=True), _call(end_watch, is_change=True)]


def _call(ask: Any, *, is_change: bool) -> OrdinaryCall:
    return OrdinaryCall(name=ask.__name__, ask=ask, is_change=is_change)


@attrs.define
class Copy:
    """What is known of a calendar by sync alone, as the core keeps it.

    Attributes:
        cursor: where to go on.
        events: by the provider's names.
        is_whole: whether the last page said that there is nothing more.
    """

    cursor: str | None = None
    events: dict[str, CalendarEvent] = attrs.field(factory=dict)
    is_whole: bool = False

    async def pull_page(self, provider: Any, calendar: str) -> Sequence[Change]:
        """Take the next page, and give what was in it.

        Raises:
            ProviderRefused: as the provider raises it, such as CursorExpired.
        """
        try:
            page = await provider.sync(calendar, cursor=self.cursor)
        except ProviderRefused:
            raise
        except Exception as error:
            msg = f"sync raises {type(error).__name__}: {error}"
            raise AssertionError(msg) from error
        assert isinstance(page, SyncPage), f"sync gives {page!r}"
        for change in page.changes:
            self._apply(change)
        self.cursor, self.is_whole = page.cursor, page.is_last
        return page.changes

    async def pull(self, provider: Any, calendar: str) -> list[Change]:
        """Take all pages, and give what was in them."""
        changes: list[Change] = []
        for _ in range(_MOST_PAGES):
            changes += await self.pull_page(provider, calendar)
            if self.is_whole:
                return changes
        msg = f"sync has given {_MOST_PAGES} pages, and none of them is the last"
        raise AssertionError(msg)

    def _apply(self, change: Change) -> None:
        if isinstance(change, CalendarEvent):
            self.events[change.provider_event_id] = change
            return
        assert isinstance(change, EventRemoved), f"sync tells of {change!r}"
        gone = change.provider_event_id
        self.events = {
            name: event
            for name, event in self.events.items()
            if gone not in {name, event.provider_series_id}
        }


def require_as_written(event: CalendarEvent, draft: EventDraft, *, where: str) -> None:
    """Hold that *event* is what *draft* says."""
    for name in ("title", "description", "location", "is_busy"):
        wanted, found = getattr(draft, name), getattr(event, name)
        assert found == wanted, f"{where} gives {name} {found!r} instead of {wanted!r}"
    wanted_attendees, attendees = sorted(draft.attendees), sorted(event.attendees)
    assert attendees == wanted_attendees, (
        f"{where} gives attendees {attendees!r} instead of {wanted_attendees!r}"
    )
    require_same_time(event.time, draft.time, where=where)


def require_same_time(found: Timed | AllDay, wanted: Timed | AllDay, *, where: str) -> None:
    """Hold that two times are the same: equal days, or equal moments in the same zone."""
    if isinstance(found, Timed):
        for moment in (found.starts_at, found.ends_at):
            assert moment.tzinfo is not None, f"{where} gives a moment without its offset"
    assert _plain(found) == _plain(wanted), f"{where} gives {found} instead of {wanted}"


def _plain(time: Timed | AllDay) -> tuple[object, ...]:
    if isinstance(time, AllDay):
        return time.first, time.last
    # Two moments of one zone are else compared by what its clocks show, which is twice the same
    # when they are put back.
    return time.starts_at.astimezone(dt.UTC), time.ends_at.astimezone(dt.UTC), time.time_zone


def merged(
    times: Iterable[tuple[dt.datetime, dt.datetime]],
) -> list[tuple[dt.datetime, dt.datetime]]:
    """Give *times* in their order, in UTC, each that touches another together with it."""
    whole: list[tuple[dt.datetime, dt.datetime]] = []
    for first, last in sorted(
        (one.astimezone(dt.UTC), two.astimezone(dt.UTC)) for one, two in times
    ):
        if whole and first <= whole[-1][1]:
            whole[-1] = whole[-1][0], max(last, whole[-1][1])
        elif first < last:
            whole.append((first, last))
    return whole


async def done(what: str, work: Awaitable[T]) -> T:
    """Await *work*, which nothing speaks against."""
    try:
        return await work
    except Exception as error:
        msg = f"{what} raises {type(error).__name__}: {error}"
        raise AssertionError(msg) from error


async def require_refused(what: str, work: Awaitable[Any], kind: type[ProviderRefused]) -> None:
    """Hold that *work* raises *kind*."""
    try:
        await work
    except kind:
        return
    except Exception as error:
        msg = f"{what} raises {type(error).__name__}, not {kind.__name__}"
        raise AssertionError(msg) from error
    msg = f"{what} is taken, and must raise {kind.__name__}"
    raise AssertionError(msg)
