"""How long a provider wants to be left alone, as HTTP has it say so."""

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_WAIT_SECONDS: Final = 3600.0
"""Longer than this nobody waits for a header that may be a mistake."""


def read_retry_after_seconds(text: str | None, *, now: dt.datetime | None = None) -> float | None:
    """Read a ``Retry-After`` (RFC 9110, 10.2.3).

    Args:
        text: of the header, if there was one.
        now: aware; needed to read a date, and without it only seconds are read.

    Returns:
        0 to 3600 seconds; None if there is nothing that can be read.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT_SECONDS)
    if now is None:
        return None
    try:
        seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
