"""The copy of a calendar, whatever happens meanwhile."""

import pytest

from clientflow_core import failpoints
from clientflow_core.domain.jobs import CALENDARS
from clientflow_core.errors import AuthFailed, CursorExpired, ProviderUnavailable
from clientflow_core.persistence.repositories.calendars import ask_for
from clientflow_core.services import sync_calendar
from clientflow_core.services.sync_calendar import SYNC_CALENDAR
from tests.core.services.calendars.almanac import PAGE, CalendarStage, event

pytestmark = pytest.mark.proves("TI4")


async def test_a_calendar_that_is_followed_is_copied_page_by_page(stage: CalendarStage) -> None:
    stage.almanac.put(*(event(f"e{n}") for n in range(2 * PAGE + 1)))
    await stage.follow()
    await stage.work()
    assert stage.copy() == stage.truth()
    assert len(stage.copy()) == 2 * PAGE + 1
    assert stage.calendar("cursor", "last_synced_at IS NOT NULL", "last_error") == (
        f"1-{2 * PAGE + 1}", True, None,
    )  # fmt: skip
    assert ("calendar.synced",) in stage.rows("SELECT kind FROM stream_events")


async def test_what_changes_later_comes_and_goes_and_keeps_our_id(stage: CalendarStage) -> None:
    stage.almanac.put(event("kept"), event("doomed"))
    await stage.follow()
    await stage.work()
    before = dict(stage.rows("SELECT provider_event_id, id FROM calendar_events"))
    stage.almanac.remove("doomed")
    stage.almanac.remove("kept")
    stage.almanac.put(event("kept", title="Coloring"))
    await stage.sync()
    assert stage.copy() == {"kept": "Coloring"}
    assert dict(stage.rows("SELECT provider_event_id, id FROM calendar_events")) == {
        "kept": before["kept"]
    }


async def test_a_series_that_is_removed_takes_its_times_along(stage: CalendarStage) -> None:
    stage.almanac.put(event("s#1", series="s"), event("s#2", series="s"), event("other"))
    await stage.follow()
    await stage.work()
    stage.almanac.remove("s")
    stage.almanac.put(event("s#2", series="s", title="the one that is left"))
    await stage.sync()
    assert stage.copy() == {"other": "Haircut", "s#2": "the one that is left"}


async def test_a_forgotten_cursor_means_to_read_anew_and_to_sweep(stage: CalendarStage) -> None:
    stage.almanac.put(*(event(f"e{n}") for n in range(PAGE + 2)))
    await stage.follow()
    await stage.work()
    stage.almanac.remove("e0")
    stage.almanac.put(event("new"))
    stage.almanac.forget()
    await stage.sync()
    assert stage.copy() == stage.truth()
    assert "e0" not in stage.copy()
    assert "new" in stage.copy()
    assert stage.calendar("sweep_id", "last_error") == (None, None)


async def test_a_cursor_forgotten_between_two_pages_loses_nothing(stage: CalendarStage) -> None:
    stage.almanac.put(*(event(f"e{n}") for n in range(2 * PAGE)))

    def forget(cursor: str | None) -> None:
        if cursor == f"1-{PAGE}":
            stage.almanac.meanwhile = lambda _: None
            stage.almanac.remove("e0")
            stage.almanac.forget()

    stage.almanac.meanwhile = forget
    await stage.follow()
    await stage.work()
    await stage.sync()
    assert stage.copy() == stage.truth()
    assert "e0" not in stage.copy()


@pytest.mark.parametrize("place", ["sync_calendar.asked", "sync_calendar.recorded"])
async def test_a_worker_that_dies_between_pages_is_gone_on_from(
    stage: CalendarStage, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    stage.almanac.put(*(event(f"e{n}") for n in range(3 * PAGE)))
    await stage.follow()
    active = failpoints._read(f"{place}=raise@2")
    monkeypatch.setattr(failpoints, "_active", active)
    await stage.work_once()
    assert len(stage.copy()) in {PAGE, 2 * PAGE}
    monkeypatch.setattr(failpoints, "_active", {})
    await stage.work()
    assert stage.copy() == stage.truth()
    # What was written down is not asked for again.
    assert stage.almanac.asked.count(None) == 1


async def test_two_workers_at_once_leave_the_copy_whole(stage: CalendarStage) -> None:
    stage.almanac.put(*(event(f"e{n}") for n in range(PAGE)))
    await stage.follow()
    await stage.work()
    stage.almanac.put(event("e0", title="older"))

    async def overtake(_: str | None) -> None:
        """Another worker syncs while the first one holds an answer that is old by now."""
        stage.almanac.meanwhile = lambda _: None
        stage.almanac.put(event("e0", title="newer"))
        stage.rows(
            "INSERT INTO jobs (lane, kind, organization_id, args) SELECT 'calendars',"
            " 'sync_calendar', organization_id, jsonb_build_object('calendar_id', id)"
            " FROM calendars"
        )
        await stage.do_jobs(CALENDARS)

    stage.almanac.meanwhile = overtake
    await stage.sync()
    assert stage.copy() == stage.truth()
    assert stage.copy()["e0"] == "newer"


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("it is away"), AuthFailed("the password is wrong")]
)
async def test_why_a_sync_did_not_end_is_kept_until_one_does(
    stage: CalendarStage, error: Exception
) -> None:
    await stage.follow()
    await stage.work()
    stage.almanac.outcomes = [error]
    await stage.sync()
    assert stage.calendar("last_error", "last_synced_at IS NOT NULL") == (str(error), True)


async def test_several_notices_ask_for_one_sync(stage: CalendarStage) -> None:
    await stage.follow()
    await stage.work()
    asked = len(stage.almanac.asked)
    (calendar_id,) = stage.calendar("id")
    for _ in range(3):
        async with stage.database.organization(stage.business.organization_id) as transaction:
            await ask_for(transaction, SYNC_CALENDAR, calendar_id)
    assert stage.count("jobs") == 1
    await stage.work()
    assert len(stage.almanac.asked) == asked + 1


async def test_one_with_very_many_pages_lets_others_have_their_turn(
    stage: CalendarStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_calendar, "_MOST_PAGES", 1)
    stage.almanac.put(*(event(f"e{n}") for n in range(2 * PAGE)))
    await stage.follow()
    stage.rows("DELETE FROM jobs WHERE kind <> 'sync_calendar'")
    await stage.work_once()
    assert len(stage.copy()) == PAGE
    assert stage.rows("SELECT kind FROM jobs") == [("sync_calendar",)]
    await stage.work()
    assert stage.copy() == stage.truth()


async def test_a_provider_that_forgets_what_it_has_not_said_is_not_asked_for_ever(
    stage: CalendarStage,
) -> None:
    await stage.follow()
    stage.rows("DELETE FROM jobs WHERE kind <> 'sync_calendar'")
    stage.almanac.outcomes = [CursorExpired("forgotten")]
    await stage.work_once()
    assert stage.calendar("last_error") == ("forgotten",)


async def test_two_that_find_the_cursor_forgotten_begin_anew_once(stage: CalendarStage) -> None:
    stage.almanac.put(*(event(f"e{n}") for n in range(PAGE)))
    await stage.follow()
    await stage.work()

    async def overtake(_: str | None) -> None:
        """Another worker has found it out before, and reads on."""
        stage.almanac.meanwhile = lambda _: None
        stage.rows("UPDATE calendars SET cursor = NULL, sweep_id = gen_random_uuid()")
        stage.almanac.outcomes = [CursorExpired("forgotten")]

    stage.almanac.meanwhile = overtake
    await stage.sync()
    assert stage.copy() == stage.truth()
    assert stage.calendar("sweep_id", "last_error") == (None, None)


async def test_what_was_never_told_is_mended_with_the_first_sync_of_a_day(
    stage: CalendarStage,
) -> None:
    stage.almanac.put(*(event(f"e{n}") for n in range(2 * PAGE)))
    await stage.follow()
    await stage.work()
    stage.rows("DELETE FROM calendar_events WHERE provider_event_id = 'e0'")
    stage.rows("UPDATE calendar_events SET title = 'Wrong' WHERE provider_event_id = 'e1'")
    stage.rows("UPDATE calendar_events SET provider_event_id = 'x' WHERE provider_event_id = 'e5'")
    stage.rows("UPDATE calendars SET last_synced_at = now() - interval '1 day'")
    await stage.sync()
    assert stage.copy() == stage.truth()
    asked = stage.almanac.asked.count(None)
    await stage.sync()
    assert stage.almanac.asked.count(None) == asked == 2
