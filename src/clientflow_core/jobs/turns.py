"""Whose jobs a lane takes next, once more of them are due than it can take at once."""

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Final

from clientflow_core.domain.jobs import Job

# Who comes new into a crowd has so many jobs done before they must take turns with the others.
_CREDIT: Final = 500
# By age now and then: it is the way of jobs of no organization, and nobody waits for ever.
_TURNS_FOR_ONE_BY_AGE: Final = 8
# A round costs half as much again as a claim by age; a crowd of one organization's jobs needs none
# but to see whether another one's have come.
_BY_AGE_IF_LONELY: Final = 3
_MOST_REMEMBERED: Final = 1_000


class Turns:
    """What a lane remembers of a crowd.

    Attributes:
        had: for each organization, how many of its jobs were claimed of late.
        after: the organization behind which the next round begins.
    """

    def __init__(self) -> None:
        self.had: Counter[uuid.UUID] = Counter()
        self.after: uuid.UUID | None = None
        self._in_turn = 0
        self._by_age = 0

    @property
    def are_next(self) -> bool:
        """Whether the next claim is one in turn, rather than one by age."""
        return self._in_turn > 0 and self._by_age <= 0

    def note_by_age(self, claimed: Sequence[Job], *, is_full: bool) -> None:
        """Note a claim by age; one that *is_full* leaves others waiting behind it, perhaps."""
        self._by_age -= 1
        self._in_turn = _TURNS_FOR_ONE_BY_AGE if is_full else 0
        if is_full:
            self._count(claimed)
        else:
            self.had.clear()

    def note_in_turn(
        self, claimed: Sequence[Job], *, after: uuid.UUID | None, is_lonely: bool
    ) -> None:
        """Note a claim in turn."""
        self.after = after
        self._in_turn -= 1
        self._by_age = _BY_AGE_IF_LONELY if is_lonely else 0
        self._count(claimed)

    def _count(self, claimed: Sequence[Job]) -> None:
        if len(self.had) > _MOST_REMEMBERED:
            self.had.clear()
        for job in claimed:
            if job.organization_id:
                self.had[job.organization_id] = min(self.had[job.organization_id] + 1, _CREDIT)
