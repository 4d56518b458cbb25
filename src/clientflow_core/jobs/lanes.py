"""One lane of work: how much of it is in use, and whether somebody said that there is more."""

import asyncio
import contextlib
from typing import Final

from clientflow_core.jobs.turns import Turns

BATCH: Final = 50
"""The most jobs that are claimed at once."""

_MOMENT_SECONDS: Final = 0.05


class Lane:
    """The places of a lane, each for one job.

    Args:
        name: of the lane.
        slots: how many of its jobs may run at once.

    Attributes:
        free: how many more may.
        has_work: set when somebody says that there is some.
        turns: whose jobs are next, where there are too many.
    """

    def __init__(self, name: str, slots: int) -> None:
        self.name = name
        self.free = slots
        self.has_work = asyncio.Event()
        self.has_work.set()
        self.turns = Turns()
        self._plenty = max(1, min(slots, BATCH) // 2)
        self._has_room = asyncio.Event()
        self._has_plenty = asyncio.Event()
        self._note()

    def take(self, count: int) -> None:
        """Occupy *count* places."""
        self.free -= count
        self._note()

    def give_back(self, count: int) -> None:
        """Leave *count* places."""
        self.free += count
        self._note()

    async def wait_for_work(self) -> None:
        """Wait until somebody says that there is work, and there is room for it."""
        await self.has_work.wait()
        await self.wait_for_room()

    async def wait_for_room(self) -> None:
        """Wait for a free place, and a moment more until a claim is worth its round trip.

        No longer than that: a few slow calls must not keep the other places empty.
        """
        await self._has_room.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT_SECONDS):
                await self._has_plenty.wait()

    def _note(self) -> None:
        for event, least in ((self._has_room, 1), (self._has_plenty, self._plenty)):
            if self.free >= least:
                event.set()
            else:
                event.clear()
