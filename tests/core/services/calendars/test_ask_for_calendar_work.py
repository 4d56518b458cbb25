"""What is asked for in turn."""

import pytest

from clientflow_core.domain.jobs import UPKEEP
from clientflow_core.services.ask_for_calendar_work import ASK_FOR_CALENDAR_WORK
from tests.core.services.calendars.almanac import CalendarStage


@pytest.mark.parametrize(
    ("minutes", "watch", "error", "is_due"),
    [
        (0, "NULL", None, False),
        (2, "NULL", None, True),
        (2, "now() + interval '1 hour'", None, False),
        (2, "now() - interval '1 hour'", None, True),
        (2, "now() + interval '1 hour'", "it was away", True),
        (16, "now() + interval '1 hour'", None, True),
    ],
)
async def test_a_calendar_is_polled_sooner_where_nobody_tells_of_changes(
    stage: CalendarStage, minutes: int, watch: str, error: str | None, is_due: bool
) -> None:
    await stage.follow()
    await stage.work()
    stage.rows(
        f"UPDATE calendars SET watch_expires_at = {watch}, last_error = %s,"
        " last_tried_at = now() - make_interval(mins => %s)",
        *(error, minutes),
    )
    assert await stage.poll() == ["sync_calendar"] * is_due


async def test_what_is_asked_for_already_is_not_asked_for_again(stage: CalendarStage) -> None:
    await stage.follow()
    assert await stage.poll() == ["sync_calendar", "watch_calendar"]


async def test_calendars_of_a_provider_that_is_not_enabled_are_left_alone(
    stage: CalendarStage,
) -> None:
    await stage.follow()
    await stage.work()
    stage.rows(
        "UPDATE calendars SET provider = 'gone', last_tried_at = NULL, watch_renews_at = NULL"
    )
    assert await stage.poll() == []


def test_it_is_upkeep() -> None:
    assert ASK_FOR_CALENDAR_WORK.lane == UPKEEP
