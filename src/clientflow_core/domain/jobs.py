"""A piece of work, as its row says."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

import attrs

INBOUND: Final = "inbound"
OUTBOUND: Final = "outbound"
UPKEEP: Final = "upkeep"
BILLING: Final = "billing"
CALENDARS: Final = "calendars"
ASSISTANCE: Final = "assistance"
LANES: Final = (INBOUND, OUTBOUND, UPKEEP, BILLING, CALENDARS, ASSISTANCE)
"""The lanes of our own; each plugin that has work has one more, see :func:`plugin_lane`."""

# Seconds before the next attempt; together with the last one repeated, 3.8 days in 14 attempts.
_SCHEDULE: Final = (5, 30, 120, 600, 3_600, 21_600, 43_200)


@attrs.frozen(kw_only=True)
class Job:
    """A claimed job.

    Attributes:
        args: ids, and how far something has come; whatever else a handler needs it reads.
        attempts: how often it was begun, this time included.
        claimed_by: the number of the worker that may finish it.
        request_id: of the request that has asked for it, if it was one.
    """

    id: int
    lane: str
    kind: str
    organization_id: uuid.UUID | None
    args: Mapping[str, Any]
    attempts: int
    max_attempts: int
    claimed_by: int
    request_id: str | None = None

    def id_arg(self, name: str) -> uuid.UUID:
        """Read an id from the arguments."""
        return uuid.UUID(self.args[name])


def plugin_lane(plugin: str) -> str:
    """Name the lane of a plugin: whatever goes on in it, no other has to wait for it."""
    return f"plugin.{plugin}"


@attrs.frozen
class ListenerJob:
    """What is asked for when something has happened that a plugin wants to be told of."""

    lane: str
    kind: str


def retry_delay_seconds(attempts: int, *, chance: float) -> float:
    """Tell how long to wait after the attempt number *attempts* failed.

    Args:
        attempts: 1 or more.
        chance: from 0 to 1; spreads the delay over ±20 %, so that what failed together does not
            come back together.
    """
    delay = _SCHEDULE[min(attempts, len(_SCHEDULE)) - 1]
    return delay * (0.8 + 0.4 * chance)
