"""The time by which several machines decide together: that of the database they share."""

import datetime as dt
import time
from typing import Final

import structlog

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.persistence.database import Transaction

# An answer that took longer says too little of the moment at which it was given.
_PROMPT_SECONDS: Final = 1.0
_WRONG_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class DatabaseClock:
    """Tells the time of the database, as it was told it, and has counted on since.

    It does not follow the clock of this machine, which may be wrong, run too fast or be set anew.
    Until it was told for the first time it can only begin with that.

    Args:
        machine: the clock of this machine; tests bring their own.
    """

    def __init__(self, machine: Clock | None = None) -> None:
        self._machine = machine or SystemClock()
        self._told = self._machine.now()
        self._told_at = time.monotonic()
        self._is_set = self._is_wrong = False

    def now(self) -> dt.datetime:
        """Give the present moment, aware, in UTC."""
        return self._told + dt.timedelta(seconds=time.monotonic() - self._told_at)

    async def set(self, transaction: Transaction) -> None:
        """Ask for the time, which is right to within half a second then.

        An answer that took longer than a second is left, unless it is the first.
        """
        asked_at = time.monotonic()
        told = await transaction.now()
        took = time.monotonic() - asked_at
        if self._is_set and took > _PROMPT_SECONDS:
            return
        self._told, self._told_at, self._is_set = told, asked_at + took / 2, True
        self._tell()

    def _tell(self) -> None:
        """Say it when the clock of this machine begins to be wrong, and when that ends."""
        ahead = (self._machine.now() - self.now()).total_seconds()
        is_wrong = abs(ahead) > _WRONG_SECONDS
        if is_wrong != self._is_wrong:
            level = log.warning if is_wrong else log.info
            event = "clock_is_wrong" if is_wrong else "clock_is_right_again"
            level(event, seconds_ahead=round(ahead, 1))
        self._is_wrong = is_wrong
