"""Buckets of tokens: how much more somebody may ask at the moment.

Each is one number, the moment at which it is full again (the generic cell rate algorithm): taking a
token is a look and a write, in this process or in Redis. Not by the library *limits*: its store in
memory (5.8.0) goes through every key at every request, 1 ms with 10,000 of them.
"""

import abc
import time
from collections.abc import Callable
from typing import Final

import attrs
from typing_extensions import override

# Of some 150 bytes each.
_MOST_BUCKETS: Final = 50_000
_ROUNDING_SECONDS: Final = 0.001


@attrs.frozen
class Rule:
    """How much is allowed.

    Attributes:
        name: of the buckets that follow it.
        amount: how many tokens a bucket holds, at least 1.
        seconds: how long an empty one takes until it is full.
    """

    name: str
    amount: int
    seconds: float

    @property
    def every(self) -> float:
        """After how many seconds there is one token more."""
        return self.seconds / self.amount


@attrs.frozen
class Taken:
    """What became of a wish for a token.

    Attributes:
        rule: that of the bucket.
        debt_seconds: how long the bucket takes until it is full, the token that was asked for
            included.
    """

    rule: Rule
    debt_seconds: float

    @property
    def is_refused(self) -> bool:
        """Whether there was none."""
        return self.debt_seconds > self.rule.seconds + _ROUNDING_SECONDS

    @property
    def wait_seconds(self) -> float:
        """After how long there is one."""
        return max(0.0, self.debt_seconds - self.rule.seconds)

    @property
    def left(self) -> int:
        """How many are left."""
        free = self.rule.seconds - self.debt_seconds + _ROUNDING_SECONDS
        return max(0, int(free / self.rule.every))


class Buckets(abc.ABC):
    """Where buckets are kept."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Which kind of place it is at the moment: ``memory`` or ``redis``."""

    @abc.abstractmethod
    async def take(self, rule: Rule, whose: str) -> Taken:
        """Take a token out of the bucket of *whose*, if there is one."""

    @abc.abstractmethod
    async def fill(self, rule: Rule, whose: str) -> None:
        """Fill the bucket of *whose*."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Let go what is held."""


class LocalBuckets(Buckets):
    """Those of this process alone.

    Args:
        clock: tells seconds that only ever grow.
        most: how many are kept; of more, those that were made first are forgotten.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, most: int = _MOST_BUCKETS
    ) -> None:
        self._clock = clock
        self._most = most
        self._full_at: dict[str, float] = {}

    @property
    @override
    def name(self) -> str:
        return "memory"

    @override
    async def take(self, rule: Rule, whose: str) -> Taken:
        key, now = bucket_key(rule, whose), self._clock()
        full = max(self._full_at.get(key, 0.0), now) + rule.every
        taken = Taken(rule, full - now)
        if not taken.is_refused:
            self._full_at[key] = full
            if len(self._full_at) > self._most:
                self._forget(now)
        return taken

    @override
    async def fill(self, rule: Rule, whose: str) -> None:
        self._full_at.pop(bucket_key(rule, whose), None)

    def _forget(self, now: float) -> None:
        """Drop the full ones; where that is too few, half of the rest."""
        kept = {key: full for key, full in self._full_at.items() if full > now}
        dropped = len(kept) // 2 if len(kept) > self._most // 2 else 0
        self._full_at = dict(list(kept.items())[dropped:])

    @override
    async def close(self) -> None:
        self._full_at.clear()


def bucket_key(rule: Rule, whose: str) -> str:
    """Name the bucket of *whose*."""
    return f"{rule.name}:{whose}"
