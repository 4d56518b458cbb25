"""Which calendars nobody will tell us of any more: what the checklist asks (EC5)."""

import datetime as dt

from clientflow_core.persistence.repositories.calendars import (
    EndingWatch,
    list_watches_ending_before,
)
from tests.core.services.calendars.almanac import NAME, CalendarStage

DAY = dt.timedelta(days=1)


async def ending(
    stage: CalendarStage, within: dt.timedelta, *, provider: str = NAME
) -> list[EndingWatch]:
    """Ask for those that end within a while from now."""
    moment = stage.clock.now() + within
    async with stage.database.system() as transaction:
        return list(await list_watches_ending_before(transaction, moment, providers=[provider]))


async def test_a_watch_with_a_day_left_is_in_order(stage: CalendarStage) -> None:
    await stage.follow()
    await stage.work()
    assert await ending(stage, DAY) == []
    (calendar_id, expires_at, renews_at) = stage.calendar(
        "id", "watch_expires_at", "watch_renews_at"
    )
    assert await ending(stage, 10 * DAY) == [
        EndingWatch(
            organization_id=stage.business.organization_id,
            calendar_id=calendar_id,
            expires_at=expires_at,
            renews_at=renews_at,
        )
    ]
    assert await ending(stage, 10 * DAY, provider="another") == []


async def test_a_calendar_without_a_watch_is_told_as_well(stage: CalendarStage) -> None:
    await stage.follow()
    (found,) = await ending(stage, DAY)
    assert (found.expires_at, found.renews_at) == (None, None)


async def test_one_that_was_not_renewed_in_time_is_told(stage: CalendarStage) -> None:
    await stage.follow()
    await stage.work()
    stage.rows("UPDATE calendars SET watch_expires_at = now() + interval '23 hours'")
    (found,) = await ending(stage, DAY)
    assert found.expires_at
