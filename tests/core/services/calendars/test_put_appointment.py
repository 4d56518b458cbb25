"""An event of ours, put into a calendar once."""

import uuid

import pytest

from clientflow_core import failpoints
from clientflow_core.domain.calendars import EventDraft, Timed
from clientflow_core.errors import (
    AuthFailed,
    Conflict,
    OutcomeUnknown,
    ProviderUnavailable,
    RejectedInput,
)
from clientflow_core.services.put_appointment import make_appointment
from tests.core.services.calendars.almanac import HOUR, NINE, CalendarStage


async def _make(stage: CalendarStage) -> uuid.UUID:
    (calendar_id,) = stage.calendar("id")
    draft = EventDraft(
        id=uuid.uuid4(),
        title="Haircut",
        time=Timed(starts_at=NINE, ends_at=NINE + HOUR, time_zone="Europe/Berlin"),
    )
    async with stage.database.organization(stage.business.organization_id) as transaction:
        made = await make_appointment(transaction, draft, calendar_id=calendar_id)
    assert (made.provider_event_id, made.put_error) == (None, None)
    return made.id


def _kept(stage: CalendarStage) -> list[tuple[object, ...]]:
    return stage.rows("SELECT id, provider_event_id, put_error FROM calendar_events")


@pytest.fixture
async def followed(stage: CalendarStage) -> CalendarStage:
    """The calendar is followed, and empty."""
    await stage.follow()
    await stage.work()
    return stage


async def test_it_is_written_down_then_put_then_recorded(followed: CalendarStage) -> None:
    made = await _make(followed)
    await followed.work()
    assert _kept(followed) == [(made, made.hex, None)]
    assert list(followed.truth()) == [made.hex]


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("away"), OutcomeUnknown("who knows"), AuthFailed("wrong")]
)
async def test_what_could_not_be_or_is_not_known_is_done_again_and_is_one(
    followed: CalendarStage, error: Exception
) -> None:
    made = await _make(followed)
    followed.almanac.outcomes = [error]
    await followed.work_once()
    assert _kept(followed) == [(made, None, None)]
    if not isinstance(error, AuthFailed):
        await followed.work()
        assert _kept(followed) == [(made, made.hex, None)]
    assert len(followed.almanac.changes) == 1


async def test_a_worker_that_dies_after_the_call_leaves_one_event(
    followed: CalendarStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await _make(followed)
    monkeypatch.setattr(failpoints, "_active", failpoints._read("put_appointment.called=raise"))
    await followed.work_once()
    monkeypatch.setattr(failpoints, "_active", {})
    # A sync is quicker than the second try, and knows it by the provider's name alone.
    followed.rows("UPDATE jobs SET lane = 'later'")
    await followed.sync()
    assert len(_kept(followed)) == 2
    followed.rows("UPDATE jobs SET lane = 'calendars'")
    await followed.work()
    assert _kept(followed) == [(made, made.hex, None)]
    assert len(followed.almanac.changes) == 1


async def test_what_is_refused_says_why_and_is_not_tried_again(followed: CalendarStage) -> None:
    made = await _make(followed)
    followed.almanac.outcomes = [RejectedInput("it lies in the past")]
    await followed.work()
    assert _kept(followed) == [(made, None, "it lies in the past")]


async def test_what_was_given_up_says_why(followed: CalendarStage) -> None:
    made = await _make(followed)
    followed.rows("UPDATE jobs SET max_attempts = 1")
    followed.almanac.outcomes = [ProviderUnavailable("away")]
    await followed.work_once()
    assert _kept(followed) == [(made, None, ProviderUnavailable.code)]


async def test_one_that_is_not_put_yet_survives_a_sweep(followed: CalendarStage) -> None:
    made = await _make(followed)
    followed.rows("UPDATE jobs SET lane = 'later'")
    followed.almanac.forget()
    await followed.sync()
    assert _kept(followed) == [(made, None, None)]


async def test_a_calendar_that_can_only_be_read_takes_none(stage: CalendarStage) -> None:
    stage.almanac.is_writable = False
    await stage.follow()
    await stage.work()
    with pytest.raises(Conflict, match="can only be read"):
        await _make(stage)
    assert stage.count("calendar_events") == 0
