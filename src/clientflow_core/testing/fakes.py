"""What tests put in the place of the world: a clock that stands still, a plugin without a wheel."""

import datetime as dt
from typing import Final

from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.discovery import Plugin

_NOON: Final = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


class StillClock:
    """A clock that stands still until it is told.

    Args:
        at: aware.
    """

    def __init__(self, at: dt.datetime = _NOON) -> None:
        self._at = at

    def now(self) -> dt.datetime:
        """Give the moment at which it stands."""
        return self._at

    def move(self, *, seconds: float) -> None:
        """Move it by *seconds*, which may be less than nothing."""
        self._at += dt.timedelta(seconds=seconds)


def memory_plugin(*specs: AnySpec, name: str = "memory", version: str = "0") -> Plugin:
    """Give a plugin that brings *specs*, as if it were installed; for a ``ProviderRegistry``."""
    return Plugin(name=name, version=version, specs=specs)
