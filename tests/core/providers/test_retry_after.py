"""Retry-After, as servers and hostile servers write it."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.providers.retry_after import read_retry_after_seconds

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("5", 5.0),
        (" 5 ", 5.0),
        ("999999", 3600.0),
        ("-5", None),
        ("soon", None),
        ("\N{ARABIC-INDIC DIGIT FIVE}", None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:30 GMT", 0.0),
        ("Mon, 23 Nov 2026 12:00:30 -0000", None),
        ("Mon, 23 Nov 2126 12:00:30 GMT", 3600.0),
        ("Mon, 23 Nov 2026 13:00:30 +0100", 30.0),
        ("99999999999 Jan 23 12:00:30 23", None),
        ("9" * 5000, 3600.0),
    ],
)
def test_wait_is_read_as_seconds_or_date(header: str | None, seconds: float | None) -> None:
    assert read_retry_after_seconds(header, now=NOW) == seconds


DATE_PARTS = st.sampled_from(
    ["Mon,", "23", "Nov", "2026", "12:00:30", "GMT", "+0000", "-9999", "+99999999", "99999999999"]
)


@settings(max_examples=200, deadline=None)
@given(header=st.lists(DATE_PARTS).map(" ".join) | st.text())
def test_any_other_text_is_none_or_a_wait_that_ends(header: str) -> None:
    wait = read_retry_after_seconds(header, now=NOW)
    assert wait is None or 0 <= wait <= 3600


def test_without_a_clock_only_seconds_are_read() -> None:
    assert read_retry_after_seconds("5") == 5.0
    assert read_retry_after_seconds("Mon, 23 Nov 2026 12:00:30 GMT") is None
