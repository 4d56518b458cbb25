import datetime as dt

from clientflow_core.clock import SystemClock


def test_system_clock_gives_an_aware_moment_in_utc() -> None:
    before = dt.datetime.now(dt.UTC)
    now = SystemClock().now()
    assert now.tzinfo is dt.UTC
    assert before <= now <= dt.datetime.now(dt.UTC)
