"""Whether a provider can be called now, and what has to happen until it can."""

import datetime as dt
import enum
from typing import Final

import attrs

from clientflow_core.clock import Clock
from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_core.registry.reporting import log

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 300.0
_MOST_DOUBLINGS: Final = 16


class ProviderState(enum.StrEnum):
    """Where a provider stands in this process."""

    NOT_OPENED = "not opened"
    READY = "ready"
    WAITING = "waiting"
    AUTH_FAILED = "auth failed"


@attrs.define(eq=False, kw_only=True)
class Lifecycle:
    """The state of one provider; the guard moves it on.

    Attributes:
        provider: its name.
        plugin: whose it is, with the version, for the log.
        state: at the moment.
    """

    provider: str
    plugin: str
    clock: Clock
    state: ProviderState = ProviderState.NOT_OPENED
    _failures: int = attrs.field(default=0, init=False)
    _again_at: dt.datetime | None = attrs.field(default=None, init=False)

    @property
    def is_fit(self) -> bool:
        """Whether nothing is wrong with it, as far as is known."""
        return self.state in (ProviderState.NOT_OPENED, ProviderState.READY)

    def describe(self) -> str:
        """Give the state and what to do about it, for everybody's eyes."""
        match self.state:
            case ProviderState.WAITING:
                return f"waiting: it did not answer; tried again in {self._pause():.0f} s"
            case ProviderState.AUTH_FAILED:
                return "auth failed: correct its credentials in the settings and restart"
            case ProviderState.READY | ProviderState.NOT_OPENED:
                return self.state.value

    def require_fit(self) -> None:
        """Make sure that the provider may be called.

        Raises:
            AuthFailed: it has refused our credentials; until a restart it is left alone.
            ProviderUnavailable: it could not be opened just now, and is left alone for a while.
        """
        if self.state is ProviderState.AUTH_FAILED:
            msg = (
                f"the provider {self.provider!r} has refused our credentials and is not asked any"
                " more: correct them in the settings and restart"
            )
            raise AuthFailed(msg)
        if self.state is ProviderState.WAITING and (pause := self._pause()) > 0:
            msg = f"the provider {self.provider!r} did not answer; it is tried again soon"
            raise ProviderUnavailable(msg, retry_after_seconds=pause)

    def succeed(self) -> None:
        """Take note that the provider has answered."""
        if self.state is not ProviderState.READY and self.state is not ProviderState.AUTH_FAILED:
            self.state, self._failures, self._again_at = ProviderState.READY, 0, None

    def close(self) -> None:
        """Take note that the provider was closed; what it has refused, it may take next time."""
        self.state, self._failures, self._again_at = ProviderState.NOT_OPENED, 0, None

    def wait(self) -> None:
        """Leave the provider alone for a while, each time for twice as long."""
        if self.state is ProviderState.AUTH_FAILED:
            return
        doubled = _FIRST_PAUSE_SECONDS * 2 ** min(self._failures, _MOST_DOUBLINGS)
        seconds = min(doubled, _LONGEST_PAUSE_SECONDS)
        self._failures += 1
        self._again_at = self.clock.now() + dt.timedelta(seconds=seconds)
        self.state = ProviderState.WAITING
        log().warning(
            "provider_waits", provider=self.provider, plugin=self.plugin, again_in_seconds=seconds
        )

    def refuse(self, reason: str) -> None:
        """Call the provider no more: it does not accept our credentials, for a *reason*."""
        if self.state is not ProviderState.AUTH_FAILED:
            self.state = ProviderState.AUTH_FAILED
            log().error(
                "provider_auth_failed", provider=self.provider, plugin=self.plugin, reason=reason
            )

    def _pause(self) -> float:
        if self._again_at is None:
            return 0.0
        return max(0.0, (self._again_at - self.clock.now()).total_seconds())
