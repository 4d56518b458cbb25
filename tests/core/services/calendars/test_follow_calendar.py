"""Which calendars are followed."""

import pytest

from clientflow_core.domain.jobs import CALENDARS
from clientflow_core.errors import NotFound, ProviderUnavailable
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.follow_calendar import ask_to_follow, follow_calendar
from tests.core.services.calendars.almanac import (
    MAIN,
    NAME,
    CalendarStage,
    SilentAlmanac,
    almanac_spec,
)
from tests.core.services.conftest import plugin_of


async def _follow(stage: CalendarStage, provider: str, name: str) -> None:
    await follow_calendar(
        stage.database,
        organization_id=stage.business.organization_id,
        provider=provider,
        provider_calendar_id=name,
        registry=stage.registry,
    )


async def test_a_calendar_is_followed_once_and_not_asked_for_again(stage: CalendarStage) -> None:
    first = await stage.follow()
    stage.almanac.outcomes = [ProviderUnavailable("it is away")]
    assert await stage.follow() == first
    assert stage.calendar("title", "time_zone", "is_writable") == (
        "Appointments", "Europe/Berlin", True,
    )  # fmt: skip
    kinds = stage.rows("SELECT kind FROM jobs ORDER BY kind")
    assert kinds == [("sync_calendar",), ("watch_calendar",)]


@pytest.mark.parametrize(
    ("provider", "name", "words"),
    [
        (NAME, "another", f"{NAME} has no calendar 'another'; there is {MAIN}"),
        ("nobody", MAIN, f"no enabled provider of calendars 'nobody'; there is {NAME}"),
    ],
)
async def test_what_is_not_there_cannot_be_followed(
    stage: CalendarStage, provider: str, name: str, words: str
) -> None:
    with pytest.raises(NotFound, match=words):
        await _follow(stage, provider, name)
    assert stage.count("calendars") == 0


async def test_all_calendars_of_a_provider_are_followed_once_it_answers(
    stage: CalendarStage,
) -> None:
    async with stage.database.organization(stage.business.organization_id) as transaction:
        await ask_to_follow(transaction, NAME)
    stage.almanac.outcomes = [ProviderUnavailable("it is away")]
    await stage.do_jobs(CALENDARS)
    assert stage.count("calendars") == 0
    await stage.work()
    assert stage.calendar("provider_calendar_id", "last_synced_at IS NOT NULL") == (MAIN, True)


async def test_what_is_followed_already_is_only_told_its_new_title(stage: CalendarStage) -> None:
    await stage.follow()
    await stage.work()
    stage.rows("UPDATE calendars SET title = 'the old one'")
    async with stage.database.organization(stage.business.organization_id) as transaction:
        await ask_to_follow(transaction, NAME)
    asked = len(stage.almanac.asked)
    await stage.work()
    assert stage.calendar("title") == ("Appointments",)
    assert len(stage.almanac.asked) == asked


async def test_a_provider_that_tells_nobody_is_only_polled(stage: CalendarStage) -> None:
    silent = plugin_of(almanac_spec(SilentAlmanac()))
    async with ProviderRegistry([silent], {}) as stage.registry:
        await stage.follow()
        assert await stage.poll() == ["sync_calendar"]
