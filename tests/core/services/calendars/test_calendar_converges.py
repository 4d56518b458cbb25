"""Whatever befalls the syncs, the copy of a calendar ends up as the calendar is."""

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core import failpoints
from tests.core.services.calendars.almanac import CalendarStage, event

pytestmark = pytest.mark.proves("TI4")

NAMES: Final = [f"e{n}" for n in range(7)]
DEATHS: Final = ["sync_calendar.asked", "sync_calendar.written", "sync_calendar.recorded"]
Step = tuple[str, str]

STEPS: Final = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(NAMES)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    # Between two of these, all notices but one were lost.
    st.just(("sync", "")),
    st.tuples(st.just("die"), st.sampled_from(DEATHS)),
    # The cursors that it has given out mean nothing any more.
    st.just(("forget", "")),
)


async def take(stage: CalendarStage, step: Step, number: int, patch: pytest.MonkeyPatch) -> None:
    """Let one thing happen."""
    match step:
        case ("put", name):
            stage.almanac.put(event(name, title=f"{name} as of {number}"))
        case ("remove", name):
            stage.almanac.remove(name)
        case ("forget", _):
            stage.almanac.forget()
        case ("die", place):
            # In the middle of what it has to read, where that is more than a page.
            patch.setattr(failpoints, "_active", failpoints._read(f"{place}=raise@2"))
            await stage.ask_to_sync()
            await stage.work_once()
            patch.setattr(failpoints, "_active", {})
        case _:
            await stage.sync()


async def live_through(
    stage: CalendarStage, history: Sequence[Step], patch: pytest.MonkeyPatch
) -> None:
    """Let *history* happen to a new calendar, and see that the copy is whole after one sync."""
    for table in ("jobs", "calendar_events", "calendars"):
        stage.rows(f"DELETE FROM {table}")
    stage.almanac.changes, stage.almanac.generation = [], 1
    stage.almanac.put(*(event(name) for name in NAMES))
    await stage.follow()
    for number, step in enumerate(history):
        await take(stage, step, number, patch)
    await stage.sync()
    assert stage.copy() == stage.truth()
    assert stage.calendar("sweep_id", "last_error") == (None, None)


async def test_any_history_of_changes_deaths_and_forgotten_cursors_ends_as_the_calendar_is(
    stage: CalendarStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=8)
    @given(st.lists(STEPS, min_size=1, max_size=6))
    def ends_as_the_calendar_is(history: list[Step]) -> None:
        living = live_through(stage, history, monkeypatch)
        asyncio.run_coroutine_threadsafe(living, loop).result(60)

    await asyncio.to_thread(ends_as_the_calendar_is)
