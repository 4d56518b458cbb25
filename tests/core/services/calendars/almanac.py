"""A provider of one calendar that does as a test tells it, and the services that follow it."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
from typing_extensions import override

from clientflow_core.domain.calendars import (
    BusyTime,
    Calendar,
    CalendarEvent,
    EventDraft,
    EventRemoved,
    EventStatus,
    SyncPage,
    Timed,
    Watch,
    WatchRequest,
)
from clientflow_core.domain.changes import CalendarChanged
from clientflow_core.domain.jobs import CALENDARS, UPKEEP, Job
from clientflow_core.errors import (
    CursorExpired,
    EditConflict,
    ProviderUnavailable,
    SignatureRefused,
)
from clientflow_core.jobs.handlers import Handler
from clientflow_core.persistence.repositories.calendars import ask_for
from clientflow_core.providers.calendar import CalendarProvider
from clientflow_core.providers.spec import (
    AnySpec,
    Capability,
    ProviderContext,
    ProviderKind,
    ProviderSpec,
)
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.services.follow_calendar import follow_calendar
from clientflow_core.services.sync_calendar import SYNC_CALENDAR
from clientflow_host.calendar_work import calendar_handlers
from tests.core.services.conftest import Stage

NAME = "almanac"
MAIN = "main"
PAGE = 3
NINE = dt.datetime(2027, 1, 5, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
_WATCH_LASTS = dt.timedelta(days=9)
Change = CalendarEvent | EventRemoved


@attrs.frozen
class AlmanacSettings:
    """An almanac needs none."""


def event(
    name: str,
    *,
    title: str = "Haircut",
    series: str | None = None,
    attendees: tuple[str, ...] = (),
) -> CalendarEvent:
    """Give an event of an hour."""
    return CalendarEvent(
        provider_event_id=name,
        etag=f"{name} {title}",
        ical_uid=f"{name}@almanac.example",
        title=title,
        time=Timed(starts_at=NINE, ends_at=NINE + HOUR, time_zone="Europe/Berlin"),
        status=EventStatus.CONFIRMED,
        attendees=attendees,
        provider_series_id=series,
    )


class SilentAlmanac(CalendarProvider):
    """Remembers every change, and tells nobody; a cursor is how many of them are known.

    Attributes:
        changes: of the one calendar, the oldest first.
        generation: of the cursors; those of another one are forgotten.
        outcomes: what the next calls raise.
        meanwhile: called during each sync, with the cursor that was asked with.
        asked: the cursors of all syncs.
        is_writable: whether the calendar may be written to.
    """

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.generation = 1
        self.outcomes: list[Exception] = []
        self.meanwhile: Callable[[str | None], Any] = lambda _: None
        self.asked: list[str | None] = []
        self.is_writable = True

    def put(self, *events: CalendarEvent) -> None:
        """Let events be put into the calendar, or be changed."""
        self.changes += events

    def remove(self, name: str) -> None:
        """Let an event, or a series, be taken out."""
        self.changes.append(EventRemoved(provider_event_id=name))

    def forget(self) -> None:
        """Forget what has changed when: what is there now is all that is told."""
        there: dict[str, CalendarEvent] = {}
        for change in self.changes:
            if isinstance(change, CalendarEvent):
                there[change.provider_event_id] = change
            else:
                there.pop(change.provider_event_id, None)
        self.changes, self.generation = list(there.values()), self.generation + 1

    @override
    async def verify(self) -> str:
        return "the almanac"

    @override
    async def list_calendars(self) -> Sequence[Calendar]:
        self._go_wrong()
        return [
            Calendar(
                provider_calendar_id=MAIN,
                title="Appointments",
                time_zone="Europe/Berlin",
                is_writable=self.is_writable,
            )
        ]

    @override
    async def sync(self, provider_calendar_id: str, *, cursor: str | None) -> SyncPage:
        self.asked.append(cursor)
        generation, _, place = (cursor or f"{self.generation}-0").partition("-")
        if int(generation) != self.generation:
            msg = "forgotten"
            raise CursorExpired(msg)
        page = self.changes[int(place) :][:PAGE]
        end = int(place) + len(page)
        answer = SyncPage(
            changes=page, cursor=f"{generation}-{end}", is_last=end == len(self.changes)
        )
        found = self.meanwhile(cursor)
        if found is not None:
            await found
        self._go_wrong()
        return answer

    @override
    async def put_event(
        self, provider_calendar_id: str, draft: EventDraft, *, etag: str | None = None
    ) -> CalendarEvent:
        name = draft.provider_event_id or draft.id.hex
        there = self._find(name)
        if etag is not None and (there is None or there.etag != etag):
            msg = "somebody was quicker"
            raise EditConflict(msg)
        if there is None or etag is not None:
            said = event(name, title=draft.title, attendees=draft.attendees)
            self.changes.append(attrs.evolve(said, time=draft.time, location=draft.location))
        self._go_wrong()
        found = self._find(name)
        assert found is not None
        return found

    def _find(self, name: str) -> CalendarEvent | None:
        """Give an event as it is now."""
        told = [one for one in self.changes if one.provider_event_id == name]
        return told[-1] if told and isinstance(told[-1], CalendarEvent) else None

    @override
    async def delete_event(
        self, provider_calendar_id: str, provider_event_id: str, *, etag: str | None = None
    ) -> None:
        there = self._find(provider_event_id)
        if etag is not None and (there is None or there.etag != etag):
            msg = "somebody was quicker"
            raise EditConflict(msg)
        self._go_wrong()
        self.remove(provider_event_id)

    @override
    async def list_busy_times(
        self,
        provider_calendar_ids: Sequence[str],
        *,
        starts_at: dt.datetime,
        ends_at: dt.datetime,
    ) -> Sequence[BusyTime]:
        return []

    def _go_wrong(self) -> None:
        if self.outcomes:
            raise self.outcomes.pop(0)


class Almanac(SilentAlmanac):
    """One that tells of changes.

    Attributes:
        watches: what was asked for.
        ended: what was ended.
        is_ended_badly: whether none can be ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.watches: list[WatchRequest] = []
        self.ended: list[Watch] = []
        self.is_ended_badly = False

    async def watch(self, request: WatchRequest) -> Watch:
        """Begin to tell."""
        self._go_wrong()
        self.watches.append(request)
        ends = dt.datetime.now(dt.UTC) + _WATCH_LASTS
        return Watch(id=request.id, provider_watch_id=f"w{len(self.watches)}", expires_at=ends)

    async def end_watch(self, watch: Watch) -> None:
        """Tell no more."""
        if self.is_ended_badly:
            msg = "away"
            raise ProviderUnavailable(msg)
        self.ended.append(watch)


def almanac_spec(almanac: SilentAlmanac) -> AnySpec:
    """Give the provider ``almanac``, which is *almanac*."""

    @asynccontextmanager
    async def give(_: ProviderContext, __: AlmanacSettings) -> AsyncIterator[SilentAlmanac]:
        yield almanac

    can_tell = isinstance(almanac, Almanac)
    return ProviderSpec(
        kind=ProviderKind.CALENDAR,
        name=NAME,
        title="Almanac",
        settings=AlmanacSettings,
        open=give,
        capabilities=frozenset({Capability.PUSH} if can_tell else ()),
        webhooks=(WebhookSpec(name=NAME, verify=_verify, parse=_parse),) if can_tell else (),
    )


def _verify(request: WebhookRequest, _: AlmanacSettings, /) -> Verified:
    if request.headers.get("x-token") != "genuine":
        msg = "no token"
        raise SignatureRefused(msg)
    return Verified(external_id=request.headers["x-number"], account="the almanac")


def _parse(request: WebhookRequest) -> Sequence[CalendarChanged]:
    return [CalendarChanged(watch_id=uuid.UUID(request.body.decode()))]


@attrs.define(eq=False)
class CalendarStage(Stage):
    """The services, with the almanac."""

    almanac: Almanac = attrs.field(factory=Almanac)

    @property
    @override
    def handlers(self) -> Mapping[str, Handler]:
        """Who does which kind of job, as in the worker."""
        more = calendar_handlers(self.registry, public_url=self.public_url, clock=self.clock)
        return {**super().handlers, **more}

    async def follow(self) -> uuid.UUID:
        """Follow the calendar."""
        followed = await follow_calendar(
            self.database,
            organization_id=self.business.organization_id,
            provider=NAME,
            provider_calendar_id=MAIN,
            registry=self.registry,
        )
        return followed.id

    async def ask_to_sync(self) -> None:
        """Ask for a sync of every calendar."""
        async with self.database.organization(self.business.organization_id) as transaction:
            for (calendar_id,) in self.rows("SELECT id FROM calendars"):
                await ask_for(transaction, SYNC_CALENDAR, calendar_id)

    async def sync(self) -> None:
        """Ask for a sync of every calendar, and do all that is asked for."""
        await self.ask_to_sync()
        await self.work()

    async def work(self) -> None:
        """Do what there is to do at calendars until there is nothing."""
        for _ in range(20):
            if not await self.do_jobs(CALENDARS):
                return
        raise AssertionError(self.rows("SELECT * FROM jobs"))

    async def work_once(self) -> Sequence[Job]:
        """Do what there is to do at calendars, each job once."""
        return await self.do_jobs(CALENDARS)

    async def poll(self) -> list[str]:
        """Let the schedule ask for what is due; give the kinds of the jobs."""
        self.rows(
            "INSERT INTO jobs (lane, kind, args) VALUES ('upkeep', 'ask_for_calendar_work', '{}')"
        )
        await self.do_jobs(UPKEEP)
        return [kind for (kind,) in self.rows("SELECT kind FROM jobs ORDER BY kind")]

    def copy(self) -> dict[str, str]:
        """Give the titles of the events that are kept, by the provider's names."""
        return dict(self.rows("SELECT provider_event_id, title FROM calendar_events"))

    def truth(self) -> dict[str, str]:
        """Give what the copy has to be."""
        told: dict[str, str] = {}
        for change in self.almanac.changes:
            if isinstance(change, CalendarEvent):
                told[change.provider_event_id] = change.title
            else:
                told.pop(change.provider_event_id, None)
        return told

    def calendar(self, *columns: str) -> tuple[Any, ...]:
        """Give what is kept of the only calendar."""
        [row] = self.rows(f"SELECT {', '.join(columns)} FROM calendars")
        return row
