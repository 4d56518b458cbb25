"""Whether a provider can be called now, and what has to happen until it can.

A provider that fails again and again is left alone for a while, so that what it would have done
waits, or goes another way, instead of running into each deadline: a circuit breaker. After the
while one call tries it.
"""

import datetime as dt
import enum
from typing import Final

import attrs

from clientflow_core.clock import Clock
from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_core.registry.failure_news import Failing, FailureNews, NewsDesk
from clientflow_core.registry.reporting import log

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 300.0
_MOST_DOUBLINGS: Final = 16

FAILURES_IN_A_ROW: Final = 5
"""So many calls that a provider does not answer in a row, and it is left alone."""
_FIRST_REST_SECONDS: Final = 15.0


class ProviderState(enum.StrEnum):
    """Where a provider stands in this process."""

    NOT_OPENED = "not opened"
    READY = "ready"
    WAITING = "waiting"
    FAILING = "failing"
    AUTH_FAILED = "auth failed"


@attrs.define(eq=False, kw_only=True)
class Lifecycle:
    """The state of one provider; the guard moves it on.

    Attributes:
        provider: its name.
        plugin: whose it is, with the version, for the log.
        state: at the moment.
        instance: names it among all processes.
        news: lets the other processes know when it fails.
    """

    provider: str
    plugin: str
    clock: Clock
    instance: str = attrs.Factory(lambda self: self.provider, takes_self=True)
    news: FailureNews = attrs.field(factory=NewsDesk)
    state: ProviderState = ProviderState.NOT_OPENED
    _failures: int = attrs.field(default=0, init=False)
    _in_a_row: int = attrs.field(default=0, init=False)
    _again_at: dt.datetime | None = attrs.field(default=None, init=False)
    _is_tried: bool = attrs.field(default=False, init=False)

    @property
    def is_fit(self) -> bool:
        """Whether nothing is wrong with it, as far as is known."""
        return self.state in (ProviderState.NOT_OPENED, ProviderState.READY)

    def describe(self) -> str:
        """Give the state and what to do about it, for everybody's eyes."""
        match self.state:
            case ProviderState.WAITING:
                return f"waiting: it did not answer; tried again in {self._pause():.0f} s"
            case ProviderState.FAILING:
                return f"failing: call after call; tried again in {self._pause():.0f} s"
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
                " more: correct them in the settings"
            )
            raise AuthFailed(msg)
        if self.state is ProviderState.WAITING and (pause := self._pause()) > 0:
            msg = f"the provider {self.provider!r} did not answer; it is tried again soon"
            raise ProviderUnavailable(msg, retry_after_seconds=pause)
        if self.state is ProviderState.FAILING and (pause := self._pause()) > 0:
            msg = f"the provider {self.provider!r} fails call after call; it is tried again soon"
            raise ProviderUnavailable(msg, retry_after_seconds=pause)

    def try_again(self) -> None:
        """Take note that a call begins: while a provider is failing, one at a time tries it."""
        if self.state is ProviderState.FAILING:
            self._is_tried = True
            self._again_at = self.clock.now() + dt.timedelta(seconds=_FIRST_REST_SECONDS)

    def succeed(self) -> None:
        """Take note that the provider has answered."""
        self._in_a_row, self._is_tried = 0, False
        if self.state is not ProviderState.READY and self.state is not ProviderState.AUTH_FAILED:
            self.state, self._failures, self._again_at = ProviderState.READY, 0, None

    def fail(self) -> None:
        """Take note that a call was not answered, or not by what makes sense."""
        self._in_a_row += 1
        if self.state is ProviderState.AUTH_FAILED or self._in_a_row < FAILURES_IN_A_ROW:
            return
        if self.state is ProviderState.FAILING and not self._is_tried:
            # One of many that were under way when it began to fail: they say nothing new.
            return
        self._is_tried = False
        seconds = self._leave_alone(ProviderState.FAILING, _FIRST_REST_SECONDS)
        log().warning(
            "provider_fails", provider=self.provider, plugin=self.plugin, again_in_seconds=seconds
        )
        self.news.tell(Failing(instance=self.instance, rest_seconds=seconds))

    def hear(self, rest_seconds: float) -> None:
        """Take note that it fails in another process: leave it alone here too."""
        if self.is_fit:
            self._in_a_row = FAILURES_IN_A_ROW
            self._again_at = self.clock.now() + dt.timedelta(seconds=rest_seconds)
            self.state = ProviderState.FAILING

    def close(self) -> None:
        """Take note that the provider was closed; what it has refused, it may take next time."""
        self._in_a_row, self._is_tried = 0, False
        self.state, self._failures, self._again_at = ProviderState.NOT_OPENED, 0, None

    def wait(self) -> None:
        """Leave the provider alone for a while, each time for twice as long."""
        if self.state is ProviderState.AUTH_FAILED:
            return
        seconds = self._leave_alone(ProviderState.WAITING, _FIRST_PAUSE_SECONDS)
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

    def _leave_alone(self, state: ProviderState, first_seconds: float) -> float:
        doubled: float = first_seconds * 2 ** min(self._failures, _MOST_DOUBLINGS)
        seconds = min(doubled, _LONGEST_PAUSE_SECONDS)
        self._failures += 1
        self._again_at = self.clock.now() + dt.timedelta(seconds=seconds)
        self.state = state
        return seconds

    def _pause(self) -> float:
        if self._again_at is None:
            return 0.0
        return max(0.0, (self._again_at - self.clock.now()).total_seconds())
