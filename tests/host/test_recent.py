"""How much of what was done in the last minutes has failed."""

from clientflow_host.recent import WINDOW_SECONDS, Recent


def test_what_was_done_in_the_last_minutes_counts_and_nothing_before() -> None:
    recent = Recent()
    for now in range(0, 1000, 10):
        recent.note(is_failure=now % 20 == 0, now=float(now))
    # From 720 on, where the tenth slice before the present one begins.
    assert recent.totals(now=990.0) == (28, 14)
    assert recent.totals(now=990.0 + WINDOW_SECONDS) == (0, 0)


def test_nothing_done_is_nothing_failed() -> None:
    assert Recent().totals() == (0, 0)


def test_what_is_done_now_counts_now() -> None:
    recent = Recent()
    recent.note(is_failure=True)
    assert recent.totals() == (1, 1)
