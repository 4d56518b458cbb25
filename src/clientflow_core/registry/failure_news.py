"""Where the processes of one service tell each other which providers fail."""

from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class Failing:
    """A provider that is left alone for a while.

    Attributes:
        instance: names it, with the settings that it has.
        rest_seconds: how long.
    """

    instance: str
    rest_seconds: float


class FailureNews(Protocol):
    """Carries the news; what gets lost each process finds out by itself."""

    def tell(self, failing: Failing) -> None:
        """Let the other processes know, some time soon; never waits and never raises."""
        ...


@attrs.define(eq=False)
class NewsDesk:
    """Where every instance of a process leaves its news.

    Attributes:
        carrier: takes them to the other processes; None for a process that is alone.
    """

    carrier: FailureNews | None = None

    def tell(self, failing: Failing) -> None:
        """Pass it on, if there is anybody."""
        if self.carrier is not None:
            self.carrier.tell(failing)
