"""What the sessions need is there, before anybody waits for one of them."""

from typing import Final

import pytest

from clientflow_core import failpoints
from tests.torture.__main__ import CHOSEN
from tests.torture.report import Options, Result
from tests.torture.sessions import SESSIONS, find_run
from tests.torture.stories import POINTS

OPTIONS: Final = Options(n=1, seconds=1, seed=7)


def test_every_failpoint_has_a_story_that_reaches_it() -> None:
    assert set(POINTS) == set(failpoints.NAMES)


@pytest.mark.parametrize("name", SESSIONS)
def test_session_can_be_run(name: str) -> None:
    assert callable(find_run(name))


def test_there_are_sessions_to_choose_from_in_a_short_form() -> None:
    assert sum(session.short is not None for session in SESSIONS.values()) > CHOSEN


def test_chance_is_the_same_for_the_same_seed_and_another_for_another_purpose() -> None:
    assert OPTIONS.chance("a").random() == OPTIONS.chance("a").random()
    assert OPTIONS.chance("a").random() != OPTIONS.chance("b").random()


def test_session_whose_faults_hit_nothing_shows_nothing() -> None:
    result = Result.begin("webhooks", "R1", OPTIONS)
    assert not result.is_good
    result.count("webhooks posted again", 0)
    assert not result.is_good
    result.count("webhooks posted again")
    assert result.is_good


@pytest.mark.parametrize("kind", ["lost", "doubled", "problems"])
def test_session_that_has_found_something_fails(kind: str) -> None:
    result = Result.begin("intake", "R4", OPTIONS, has_faults=False)
    assert result.is_good
    getattr(result, kind).append("something")
    assert not result.is_good
    assert result.as_json()["is_good"] is False
