"""Events: what is written comes back, once, and nobody's change is lost."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs

from clientflow_core.domain.calendars import AllDay, EventDraft, EventRemoved, Timed
from clientflow_core.errors import EditConflict, RejectedInput
from clientflow_core.sandbox import Answer
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.calendar import (
    NO_CALENDAR,
    CalendarChecks,
    Copy,
    done,
    require_as_written,
    require_refused,
)
from clientflow_core.testing.stage import Stage
from clientflow_core.testing.strategies import event_drafts

# Summer in July and in January, half an hour of it, none; and an offset with minutes.
_ZONES: Final = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "UTC",
)
_HOUR: Final = dt.timedelta(hours=1)
_YEAR_HOURS: Final = 24 * 370
_AT_ONCE: Final = 20


class CalendarEventChecks(CalendarChecks):
    """What is put into a calendar, changed and taken out."""

    @check("calendars.are-whole", Tier.BRONZE)
    async def test_calendars_are_whole(self, stage: Stage) -> None:
        """Each calendar has a name of its own, a title, and a time zone that exists."""
        async with stage.provider() as provider:
            await self.written(provider)
            found = await self.calendars(provider)
        names = [one.provider_calendar_id for one in found]
        assert len(set(names)) == len(names), f"two calendars have the same name: {names}"
        for one in found:
            assert one.provider_calendar_id.strip(), "a calendar has an empty name"
            assert one.title.strip(), f"{one.provider_calendar_id} has no title"
            assert _is_zone(one.time_zone), f"{one.time_zone!r} is no name of the tz database"

    @check("events.come-back-as-written", Tier.BRONZE)
    def test_events_come_back_as_written(self) -> None:
        """Every script, emoji and address comes back by sync, letter by letter."""
        with self.stage() as stage:
            opened = stage.provider()
            provider = stage.run(opened.__aenter__())
            calendar = stage.run(self.written(provider)).provider_calendar_id
            copy = Copy()
            morning = self.morning()

            def claim(draft: EventDraft) -> None:
                # The same example may be tried twice, and is then another event.
                new = attrs.evolve(draft, id=uuid.uuid4())
                stage.run(self._comes_back(provider, calendar, copy, new))

            self.hold(event_drafts(starts_at=morning), claim)
            stage.run(opened.__aexit__(None, None, None))

    @check("events.keep-their-time", Tier.BRONZE)
    async def test_events_keep_their_time(self, stage: Stage) -> None:
        """A moment stays that moment and keeps its zone, also when clocks are put on or back."""
        async with stage.provider() as provider:
            calendar, copy = (await self.written(provider)).provider_calendar_id, Copy()
            for zone in _ZONES:
                for begins in self._moments(zone):
                    time = Timed(starts_at=begins, ends_at=_later(begins, _HOUR), time_zone=zone)
                    draft = self.draft(title=f"{begins} {zone}", time=time)
                    await self._comes_back(provider, calendar, copy, draft)

    @check("events.all-day-stays-all-day", Tier.BRONZE)
    async def test_all_day_stays_all_day(self, stage: Stage) -> None:
        """Whole days stay the same days, from the first to the last, in whatever zone one is."""
        first = self.morning().date()
        new_year = dt.date(first.year + 1, 12, 31)
        async with stage.provider() as provider:
            calendar, copy = (await self.written(provider)).provider_calendar_id, Copy()
            for begins, days in ((first, 0), (first, 2), (new_year, 1), (_leap_day(first), 0)):
                time = AllDay(first=begins, last=begins + dt.timedelta(days=days))
                draft = self.draft(title=f"{days + 1} days", time=time)
                await self._comes_back(provider, calendar, copy, draft)

    @check("events.put-twice-is-one", Tier.BRONZE)
    async def test_put_twice_is_one(self, stage: Stage) -> None:
        """A new event is made once, also where the answer to the first attempt was lost."""
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            for is_lost in (False, True):
                draft = self.draft(title=f"put twice {is_lost}")
                if is_lost:
                    stage.go_wrong(Answer.CUT_AFTER_ACCEPTANCE, spares_reading=True)
                    with_error = provider.put_event(calendar, draft)
                    await asyncio.gather(with_error, return_exceptions=True)
                    stage.behave()
                events = [await self.put(provider, calendar, draft) for _ in range(2)]
                assert events[0] == events[1], f"put twice, it is {events[0]}, then {events[1]}"
                copy = Copy()
                await done("sync", copy.pull(provider, calendar))
                found = [one for one in copy.events.values() if one.title == draft.title]
                assert len(found) == 1, f"put twice, the calendar has {len(found)} of it"

    @check("events.new-one-overwrites-nothing", Tier.BRONZE)
    async def test_new_one_overwrites_nothing(self, stage: Stage) -> None:
        """To put a new event again leaves as it is what was made of it meanwhile."""
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            draft = self.draft(title="first")
            made = await self.put(provider, calendar, draft)
            moved = _change_of(draft, made.provider_event_id, title="moved meanwhile")
            await self.put(provider, calendar, moved, etag=made.etag)
            again = await self.put(provider, calendar, draft)
            assert again.title == moved.title, f"put again, it is {again.title!r}: a change is lost"

    @check("events.change-is-a-change", Tier.BRONZE)
    async def test_change_is_a_change(self, stage: Stage) -> None:
        """A change makes no second event, has a new version, and keeps all names of the event."""
        async with stage.provider() as provider:
            calendar, copy = (await self.written(provider)).provider_calendar_id, Copy()
            first = self.draft()
            made = await self.put(provider, calendar, first)
            await done("sync", copy.pull(provider, calendar))
            before = set(copy.events)
            time = AllDay(first=self.morning().date(), last=self.morning().date())
            # Another id: it may be changed by somebody who does not know by which it was made.
            second = self.draft(
                title="Coloring", time=time, provider_event_id=made.provider_event_id
            )
            changed = await self.put(provider, calendar, second, etag=made.etag)
            require_as_written(changed, second, where="put_event")
            assert changed.etag != made.etag, "a change leaves the etag as it was"
            names = [(one.provider_event_id, one.ical_uid) for one in (made, changed)]
            assert names[0] == names[1], f"changed, the event has other names: {names}"
            await done("sync", copy.pull(provider, calendar))
            assert set(copy.events) == before, "a change has made another event"
            assert copy.events[made.provider_event_id] == changed, "sync does not tell the change"

    @check("events.stale-change-is-a-conflict", Tier.BRONZE)
    async def test_stale_change_is_a_conflict(self, stage: Stage) -> None:
        """A change of an old version raises ``EditConflict``, and changes nothing."""
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            draft = self.draft()
            made = await self.put(provider, calendar, draft)
            theirs = _change_of(draft, made.provider_event_id, title="theirs")
            current = await self.put(provider, calendar, theirs, etag=made.etag)
            ours = _change_of(draft, made.provider_event_id, title="ours")
            late = provider.put_event(calendar, ours, etag=made.etag)
            await require_refused("put_event with an old etag", late, EditConflict)
            again = await self.put(provider, calendar, draft)
            assert again == current, f"refused, it has changed the event to {again.title!r}"
            await self.remove(provider, calendar, made)
            gone = provider.put_event(calendar, ours, etag=current.etag)
            await require_refused("a change of an event that is gone", gone, EditConflict)

    @check("events.removal-is-no-error-twice", Tier.BRONZE)
    async def test_removal_is_no_error_twice(self, stage: Stage) -> None:
        """``delete_event`` takes that event out; one that is gone, or never was, is no error."""
        async with stage.provider() as provider:
            calendar, copy = (await self.written(provider)).provider_calendar_id, Copy()
            doomed, other = [await self.put(provider, calendar, self.draft()) for _ in range(2)]
            await done("sync", copy.pull(provider, calendar))
            for etag in (doomed.etag, None):
                name = doomed.provider_event_id
                await done("delete_event", provider.delete_event(calendar, name, etag=etag))
            await done("delete_event", provider.delete_event(calendar, uuid.uuid4().hex))
            changes = await done("sync", copy.pull(provider, calendar))
            wanted = EventRemoved(provider_event_id=doomed.provider_event_id)
            assert changes == [wanted], f"an event was taken out, and sync tells {changes!r}"
            assert other.provider_event_id in copy.events, "another event is gone with it"

    @check("events.stale-removal-is-a-conflict", Tier.BRONZE)
    async def test_stale_removal_is_a_conflict(self, stage: Stage) -> None:
        """To take an old version out raises ``EditConflict``, and leaves the event."""
        async with stage.provider() as provider:
            calendar, copy = (await self.written(provider)).provider_calendar_id, Copy()
            draft = self.draft()
            made = await self.put(provider, calendar, draft)
            name = made.provider_event_id
            await self.put(provider, calendar, _change_of(draft, name, title="2"), etag=made.etag)
            late = provider.delete_event(calendar, name, etag=made.etag)
            await require_refused("delete_event with an old etag", late, EditConflict)
            await done("sync", copy.pull(provider, calendar))
            assert name in copy.events, "refused, it has taken the event out"

    @check("events.unknown-calendar-is-rejected", Tier.BRONZE)
    async def test_unknown_calendar_is_rejected(self, stage: Stage) -> None:
        """To write to a calendar that is none, or to read it, raises ``RejectedInput``."""
        async with stage.provider() as provider:
            put = provider.put_event(NO_CALENDAR, self.draft())
            await require_refused("put_event to no calendar", put, RejectedInput)
            sync = provider.sync(NO_CALENDAR, cursor=None)
            await require_refused("sync of no calendar", sync, RejectedInput)

    @check("events.many-at-once", Tier.GOLD)
    async def test_many_at_once(self, stage: Stage) -> None:
        """Twenty events at the same time are put, each as itself."""
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            many = [self.draft(title=f"event {number}") for number in range(_AT_ONCE)]
            made = await asyncio.gather(*(self.put(provider, calendar, one) for one in many))
        for event, draft in zip(made, many, strict=True):
            assert event.title == draft.title, f"asked for {draft.title!r}, it is {event.title!r}"

    async def _comes_back(
        self, provider: Any, calendar: str, copy: Copy, draft: EventDraft
    ) -> None:
        made = await self.put(provider, calendar, draft)
        require_as_written(made, draft, where="put_event")
        await done("sync", copy.pull(provider, calendar))
        told = copy.events.get(made.provider_event_id)
        assert told is not None, "what was put does not come by sync"
        require_as_written(told, draft, where="sync")

    def _moments(self, zone: str) -> Iterator[dt.datetime]:
        """Give a morning, and half an hour before each time the clocks are changed."""
        place, first = ZoneInfo(zone), self.morning()
        yield first.astimezone(place)
        hours = (first + _HOUR * number for number in range(_YEAR_HOURS))
        before = first.astimezone(place).utcoffset()
        for hour in hours:
            now = hour.astimezone(place).utcoffset()
            if now != before:
                # In the other order, too: the hour that is there twice is told by its offset.
                yield (hour - _HOUR / 2).astimezone(place)
                yield (hour + _HOUR / 2).astimezone(place)
            before = now


def _later(moment: dt.datetime, by: dt.timedelta) -> dt.datetime:
    # Within a zone, what is added is what its clocks show.
    return (moment.astimezone(dt.UTC) + by).astimezone(moment.tzinfo)


def _change_of(draft: EventDraft, name: str, *, title: str) -> EventDraft:
    return attrs.evolve(draft, provider_event_id=name, title=title)


def _leap_day(after: dt.date) -> dt.date:
    year = next(one for one in range(after.year + 1, after.year + 9) if _is_leap(one))
    return dt.date(year, 2, 29)


def _is_leap(year: int) -> bool:
    return (dt.date(year, 3, 1) - dt.timedelta(days=1)).day == dt.date(2024, 2, 29).day


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        return False
    return True
