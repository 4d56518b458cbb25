"""What Sentry does not want to hear of for a while, https://develop.sentry.dev/sdk/expected-features/rate-limiting/.

What is sent nevertheless is thrown away, and makes the limit last.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

_EVERYTHING: Final = ""
_HEADER: Final = "X-Sentry-Rate-Limits"
# Without a number: the wait that the SDKs agree on.
_DEFAULT_SECONDS: Final = 60.0
_LONGEST_SECONDS: Final = 3600.0


class RateLimits:
    """Until when which category of data is not wanted, by the time of the event loop."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def allow(self, category: str) -> bool:
        """Tell whether *category*, such as ``error`` or ``transaction``, may be sent now."""
        if not self._until:
            return True
        now = asyncio.get_running_loop().time()
        return all(self._until.get(one, 0.0) <= now for one in (category, _EVERYTHING))

    def learn(self, headers: Mapping[str, str], *, is_refused: bool) -> float | None:
        """Note what *headers* of an answer say.

        Args:
            headers: by any case.
            is_refused: the answer was 429, which counts for everything where it names nothing.

        Returns:
            The longest wait in seconds; None if there is none.
        """
        limits = [_read(one) for one in headers.get(_HEADER, "").split(",") if one.strip()]
        if not limits and is_refused:
            limits = [(_seconds(headers.get("Retry-After", "")), [_EVERYTHING])]
        now = asyncio.get_running_loop().time()
        for seconds, categories in limits:
            for category in categories:
                self._until[category] = max(self._until.get(category, 0.0), now + seconds)
        return max((seconds for seconds, _ in limits), default=None)


def _read(limit: str) -> tuple[float, list[str]]:
    seconds, _, rest = limit.strip().partition(":")
    return _seconds(seconds), rest.partition(":")[0].split(";")


def _seconds(text: str) -> float:
    text = text.strip()
    is_number = text.isascii() and text.isdigit()
    return min(float(text), _LONGEST_SECONDS) if is_number else _DEFAULT_SECONDS
