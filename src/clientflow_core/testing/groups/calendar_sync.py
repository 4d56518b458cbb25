"""What has changed: all of it, page by page, and from the beginning where that is forgotten."""

import datetime as dt
from typing import Any, Final

from clientflow_core.domain.calendars import AllDay, CalendarEvent, EventRemoved, Timed
from clientflow_core.errors import CursorExpired, RejectedInput
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.calendar import (
    NO_CALENDAR,
    CalendarChecks,
    Copy,
    done,
    merged,
    require_refused,
)
from clientflow_core.testing.groups.calendar_machine import CalendarMachine
from clientflow_core.testing.samples import happen
from clientflow_core.testing.stage import Stage

_MANY: Final = 11
_STEPS: Final = 15
_HOUR: Final = dt.timedelta(hours=1)
_DAY: Final = dt.timedelta(days=1)


class CalendarSyncChecks(CalendarChecks):
    """What the provider tells of its calendars."""

    @check("sync.begins-with-everything", Tier.BRONZE)
    async def test_sync_begins_with_everything(self, stage: Stage) -> None:
        """Without a cursor each event that is there comes once, over all pages."""
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            made = [await self.put(provider, calendar, self.draft()) for _ in range(_MANY)]
            changes = await done("sync", Copy().pull(provider, calendar))
        names = [one.provider_event_id for one in changes if isinstance(one, CalendarEvent)]
        assert len(set(names)) == len(names), "an event comes twice"
        missing = {one.provider_event_id for one in made} - set(names)
        assert not missing, f"of {_MANY} events, {len(missing)} do not come"

    @check("sync.tells-only-what-has-changed", Tier.BRONZE)
    async def test_sync_tells_only_what_has_changed(self, stage: Stage) -> None:
        """After a cursor comes what was put, changed or taken out since then, and nothing else."""
        async with stage.provider() as provider:
            calendar, copy = (await self.written(provider)).provider_calendar_id, Copy()
            old, doomed = [await self.put(provider, calendar, self.draft()) for _ in range(2)]
            await done("sync", copy.pull(provider, calendar))
            new = await self.put(provider, calendar, self.draft(title="new"))
            await self.remove(provider, calendar, doomed)
            changes = await done("sync", copy.pull(provider, calendar))
            nothing = await done("sync", copy.pull(provider, calendar))
        names = [one.provider_event_id for one in changes]
        assert old.provider_event_id not in names, "sync tells of an event that has not changed"
        assert new in changes, "sync does not tell of an event that is new"
        removed = EventRemoved(provider_event_id=doomed.provider_event_id)
        assert removed in changes, "sync does not tell of an event that was taken out"
        assert not nothing, f"nothing has changed, and sync tells {nothing!r}"

    @check("sync.can-be-asked-again", Tier.BRONZE)
    async def test_sync_can_be_asked_again(self, stage: Stage) -> None:
        """The same cursor gives the same changes again: the first answer may have been lost."""
        async with stage.provider() as provider:
            calendar, copy = (await self.written(provider)).provider_calendar_id, Copy()
            await done("sync", copy.pull(provider, calendar))
            await self.put(provider, calendar, self.draft())
            answers = [
                await done("sync", provider.sync(calendar, cursor=copy.cursor)) for _ in range(2)
            ]
        first, again = (list(one.changes) for one in answers)
        assert first, "sync does not tell of an event that is new"
        assert first == again, f"asked again, it tells {again!r} instead of {first!r}"

    @check("sync.expired-cursor-says-so", Tier.BRONZE)
    async def test_expired_cursor_says_so(self, stage: Stage) -> None:
        """A cursor that is forgotten raises ``CursorExpired``, and without one it begins anew."""
        expiry = self._name_of_expiry(stage)
        async with stage.provider() as provider:
            calendar, copy = (await self.written(provider)).provider_calendar_id, Copy()
            kept, doomed = [await self.put(provider, calendar, self.draft()) for _ in range(2)]
            await done("sync", copy.pull(provider, calendar))
            await self.remove(provider, calendar, doomed)
            happen(self, stage, expiry)
            late = provider.sync(calendar, cursor=copy.cursor)
            await require_refused("sync with a forgotten cursor", late, CursorExpired)
            anew = Copy()
            await done("sync from the beginning", anew.pull(provider, calendar))
        assert kept.provider_event_id in anew.events, "begun anew, an event does not come"
        assert doomed.provider_event_id not in anew.events, "begun anew, a removed event comes"

    @check("sync.copy-equals-the-calendar", Tier.SILVER)
    def test_copy_equals_the_calendar(self) -> None:
        """Whatever happens in whatever order, a copy that is kept by sync is what is there."""
        with self.stage() as stage:
            opened = stage.provider()
            provider = stage.run(opened.__aenter__())
            self.play(lambda: CalendarMachine(self, stage, provider), steps=_STEPS)
            stage.run(opened.__aexit__(None, None, None))

    def _name_of_expiry(self, stage: Stage) -> str:
        names = [event.name for event in stage.server.call(stage.sandbox.events)]
        named = self.expiry_event or next((one for one in names if one.endswith("expired")), None)
        assert named, "the sandbox has no event whose name ends with expired: it forgets cursors"
        return named


class CalendarBusyChecks(CalendarChecks):
    """When a calendar is taken."""

    @check("busy.covers-what-is-taken", Tier.BRONZE)
    async def test_busy_covers_what_is_taken(self, stage: Stage) -> None:
        """Each event that takes up time is covered, to the minute; no other time is."""
        nine = self.morning()
        day_end = nine + 9 * _HOUR
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id

            async def put(begins: float, ends: float, *, is_busy: bool = True) -> CalendarEvent:
                time = Timed(
                    starts_at=nine + begins * _HOUR,
                    ends_at=nine + ends * _HOUR,
                    time_zone="America/New_York",
                )
                return await self.put(provider, calendar, self.draft(time=time, is_busy=is_busy))

            # Over the edge of what is asked, two that overlap, one that is free, one beyond.
            for begins, ends in ((-0.5, 0.5), (1, 2), (1.5, 3.25), (9, 10)):
                await put(begins, ends)
            await put(5, 6, is_busy=False)
            await self.remove(provider, calendar, await put(7, 8))
            taken = await self.busy(provider, calendar, nine, day_end)
        wanted = merged(
            (nine + begins * _HOUR, nine + ends * _HOUR) for begins, ends in ((0, 0.5), (1, 3.25))
        )
        assert taken == wanted, f"taken is {_words(taken)} instead of {_words(wanted)}"

    @check("busy.whole-days-are-whole", Tier.BRONZE)
    async def test_busy_whole_days_are_whole(self, stage: Stage) -> None:
        """A whole day is taken from midnight to midnight."""
        day = self.morning(days=7).date()
        async with stage.provider() as provider:
            calendar = (await self.written(provider)).provider_calendar_id
            time = AllDay(first=day, last=day)
            await self.put(provider, calendar, self.draft(time=time))
            around = self.morning(days=7) - 2 * _DAY, self.morning(days=7) + 3 * _DAY
            taken = await self.busy(provider, calendar, *around)
        length = sum((last - first for first, last in taken), dt.timedelta())
        # Of 23 hours or 25, where clocks are changed.
        assert abs(length - _DAY) <= _HOUR, f"a whole day takes {_words(taken)}"
        # Midnight is fourteen hours before UTC's, or twelve after it, wherever one is.
        first = dt.datetime.combine(day, dt.time(), dt.UTC)
        is_there = first - 14 * _HOUR <= taken[0][0] <= first + 12 * _HOUR
        assert is_there, f"the whole day {day} takes {_words(taken)}"

    @check("busy.unknown-calendar-is-rejected", Tier.BRONZE)
    async def test_busy_unknown_calendar_is_rejected(self, stage: Stage) -> None:
        """Where one of the calendars is none, it raises ``RejectedInput``: it is not free."""
        begins = self.morning()
        async with stage.provider() as provider:
            known = (await self.written(provider)).provider_calendar_id
            for calendars in ([NO_CALENDAR], [known, NO_CALENDAR]):
                work: Any = provider.list_busy_times(
                    calendars, starts_at=begins, ends_at=begins + _HOUR
                )
                await require_refused("list_busy_times of no calendar", work, RejectedInput)


def _words(times: list[tuple[dt.datetime, dt.datetime]]) -> str:
    return ", ".join(f"{first:%d %H:%M}-{last:%d %H:%M}" for first, last in times) or "nothing"
