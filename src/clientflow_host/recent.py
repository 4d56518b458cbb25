"""How much of what was done in the last minutes has failed, in this process."""

import time
from collections import deque
from typing import Final

import attrs

_SLICE_SECONDS: Final = 30
_SLICES: Final = 10
WINDOW_SECONDS: Final = _SLICE_SECONDS * _SLICES
"""So far back is looked."""


@attrs.define
class _Slice:
    number: int
    done: int = 0
    failed: int = 0


class Recent:
    """Counts what was done and what of it has failed, for five minutes."""

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque(maxlen=_SLICES)

    def note(self, *, is_failure: bool, now: float | None = None) -> None:
        """Count something that has ended.

        Args:
            is_failure: how.
            now: seconds of a clock that only goes forward, by default that of the process.
        """
        number = _number(now)
        if not self._slices or self._slices[-1].number != number:
            self._slices.append(_Slice(number))
        self._slices[-1].done += 1
        self._slices[-1].failed += is_failure

    def totals(self, *, now: float | None = None) -> tuple[int, int]:
        """Give how many have ended in the last five minutes, and how many of them failed."""
        oldest = _number(now) - _SLICES
        kept = [one for one in self._slices if one.number > oldest]
        return sum(one.done for one in kept), sum(one.failed for one in kept)


def _number(now: float | None) -> int:
    return int((time.monotonic() if now is None else now) // _SLICE_SECONDS)
