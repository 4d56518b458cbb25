"""The copy of a calendar that the kit keeps, by what sync tells."""

import asyncio
import datetime as dt
from collections.abc import Sequence

from clientflow_core.domain.calendars import (
    AllDay,
    CalendarEvent,
    EventRemoved,
    EventStatus,
    SyncPage,
)
from clientflow_core.testing.groups.calendar import Copy, merged

DAY = AllDay(first=dt.date(2027, 3, 1), last=dt.date(2027, 3, 1))
NOON = dt.datetime(2027, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def event(name: str, *, series: str | None = None) -> CalendarEvent:
    return CalendarEvent(
        provider_event_id=name,
        etag="1",
        ical_uid=name,
        title=name,
        time=DAY,
        status=EventStatus.CONFIRMED,
        provider_series_id=series,
    )


class Told:
    """Gives its pages, one after the other."""

    def __init__(self, *pages: Sequence[CalendarEvent | EventRemoved]) -> None:
        self.pages = list(pages)

    async def sync(self, _: str, *, cursor: str | None) -> SyncPage:
        place = int(cursor or 0)
        is_last = place + 1 == len(self.pages)
        return SyncPage(changes=self.pages[place], cursor=str(place + 1), is_last=is_last)


def names_after(*pages: Sequence[CalendarEvent | EventRemoved]) -> list[str]:
    copy = Copy()
    asyncio.run(copy.pull(Told(*pages), "main"))
    return list(copy.events)


def test_removal_of_an_event_takes_it_out_alone() -> None:
    first = [event("a"), event("b")]
    assert names_after(first, [EventRemoved(provider_event_id="a")]) == ["b"]


def test_removal_of_a_series_takes_all_of_it_out_but_what_comes_after_it() -> None:
    first = [event("s1", series="s"), event("s2", series="s"), event("other")]
    again: list[CalendarEvent | EventRemoved] = [
        EventRemoved(provider_event_id="s"),
        event("s2", series="s"),
    ]
    assert names_after(first, again) == ["other", "s2"]


def test_times_that_touch_are_one_and_empty_ones_are_none() -> None:
    later = NOON + 3 * HOUR
    times = [(NOON + HOUR, NOON + 2 * HOUR), (NOON, NOON + HOUR), (later, later)]
    assert merged(times) == [(NOON, NOON + 2 * HOUR)]
