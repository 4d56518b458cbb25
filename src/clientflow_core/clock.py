"""The one place that asks what time it is."""

import datetime as dt
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests bring their own."""

    def now(self) -> dt.datetime:
        """Give the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> dt.datetime:
        """Give the present moment, aware, in UTC."""
        return dt.datetime.now(dt.UTC)
