"""A provider that is left alone, and tried again."""

import datetime as dt

import pytest

from clientflow_core.clock import SystemClock
from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_core.registry.failure_news import Failing
from clientflow_core.registry.lifecycle import FAILURES_IN_A_ROW, Lifecycle, ProviderState


class Moment:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self._now = SystemClock().now()

    def now(self) -> dt.datetime:
        """Give the moment."""
        return self._now

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self._now += dt.timedelta(seconds=seconds)


class Heard:
    """Keeps the news."""

    def __init__(self) -> None:
        self.news: list[Failing] = []

    def tell(self, failing: Failing) -> None:
        """Keep it."""
        self.news.append(failing)


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def lifecycle(clock: Moment, heard: Heard) -> Lifecycle:
    return Lifecycle(provider="acme", plugin="acme 1", clock=clock, news=heard)


def fail(lifecycle: Lifecycle, times: int = FAILURES_IN_A_ROW) -> None:
    for _ in range(times):
        lifecycle.fail()


def pause(lifecycle: Lifecycle) -> float:
    with pytest.raises(ProviderUnavailable) as refused:
        lifecycle.require_fit()
    assert refused.value.retry_after_seconds is not None
    return refused.value.retry_after_seconds


def test_fewer_failures_than_five_in_a_row_are_nothing(lifecycle: Lifecycle) -> None:
    for _ in range(3):
        fail(lifecycle, FAILURES_IN_A_ROW - 1)
        lifecycle.require_fit()
        lifecycle.succeed()
    assert lifecycle.is_fit


def test_five_in_a_row_leave_it_alone_and_others_are_told(
    lifecycle: Lifecycle, heard: Heard
) -> None:
    fail(lifecycle)
    assert (lifecycle.state, pause(lifecycle)) == (ProviderState.FAILING, 15)
    assert "tried again in 15 s" in lifecycle.describe()
    assert heard.news == [Failing(instance="acme", rest_seconds=15)]


def test_while_it_fails_one_call_at_a_time_tries_it_less_and_less(
    lifecycle: Lifecycle, clock: Moment
) -> None:
    fail(lifecycle)
    for rest in (30, 60, 120, 240, 300, 300):
        clock.pass_(pause(lifecycle))
        lifecycle.require_fit()
        lifecycle.try_again()
        # Whoever comes while that call lasts is refused.
        assert pause(lifecycle) > 0
        lifecycle.fail()
        assert pause(lifecycle) == rest
    clock.pass_(300)
    lifecycle.try_again()
    lifecycle.succeed()
    lifecycle.require_fit()
    fail(lifecycle)
    assert pause(lifecycle) == 15


def test_calls_that_were_under_way_when_it_began_to_fail_make_the_rest_no_longer(
    lifecycle: Lifecycle, clock: Moment, heard: Heard
) -> None:
    fail(lifecycle, 10 * FAILURES_IN_A_ROW)
    assert pause(lifecycle) == 15
    assert len(heard.news) == 1
    clock.pass_(15)
    lifecycle.require_fit()
    lifecycle.try_again()
    fail(lifecycle, 10)
    assert pause(lifecycle) == 30


def test_news_of_another_process_leave_it_alone_here_and_one_call_tries_it(
    lifecycle: Lifecycle, clock: Moment, heard: Heard
) -> None:
    lifecycle.hear(20)
    assert pause(lifecycle) == 20
    clock.pass_(20)
    lifecycle.require_fit()
    lifecycle.try_again()
    lifecycle.fail()
    assert (pause(lifecycle), len(heard.news)) == (15, 1)


def test_news_change_nothing_where_more_is_known(lifecycle: Lifecycle) -> None:
    lifecycle.refuse("wrong key")
    lifecycle.hear(20)
    fail(lifecycle)
    with pytest.raises(AuthFailed):
        lifecycle.require_fit()
