"""The one guard around every call to a provider.

It holds the call to its deadline, lets nothing out but the errors of the taxonomy, checks that the
answer is of the promised type, names the plugin and its version, keeps secrets out of what is said,
and measures. A plugin can be as bad as it likes; who calls it meets the few errors that the
interface names.
"""

import asyncio
import inspect
import os.path
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import monotonic, perf_counter
from typing import Any, Final, TypeVar

import attrs

from clientflow_core.errors import (
    AuthFailed,
    ClientFlowError,
    OutcomeUnknown,
    PluginError,
    ProviderCannot,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    SettingsError,
    Unauthenticated,
)
from clientflow_core.registry.call_watch import CallWatch
from clientflow_core.registry.leaks import hide
from clientflow_core.registry.lifecycle import Lifecycle
from clientflow_core.registry.meter import CallMeter
from clientflow_core.registry.operations import Operation
from clientflow_core.registry.reporting import log
from clientflow_core.registry.steps import Held, timed

T = TypeVar("T")

HELD_TOO_LONG_SECONDS: Final = 0.25
"""A plugin that holds the event loop for longer than this is named in the log."""
_WARNING_PAUSE_SECONDS: Final = 60.0
# What an interface may let through. A bare ProviderError would not say what to do next.
_KNOWN: Final = (
    ProviderRefused,
    ProviderUnavailable,
    ProviderCannot,
    OutcomeUnknown,
    PluginError,
    SettingsError,
    Unauthenticated,
)

# What tells whether the provider can be used at all.
_PROBES: Final = frozenset({"open", "verify"})
# What is no reason to wait: to try again at once would say the same, at no cost.
_REPLIES: Final = (ProviderRefused, ProviderCannot, Unauthenticated)
_ANSWERS: Final = (*_REPLIES, PluginError, SettingsError)


@attrs.frozen(kw_only=True)
class Origin:
    """Whose provider it is.

    Attributes:
        provider: its name.
        plugin: the name of the plugin.
        version: that of its distribution.
        source: both and the distribution, in words.
    """

    provider: str
    plugin: str
    version: str
    source: str

    @property
    def note(self) -> str:
        """What is added to every error that comes out of the plugin."""
        return f"plugin {self.plugin} {self.version}"


@attrs.define(eq=False)
class _Call:
    """What is noted of a call while it lasts."""

    operation: Operation
    outcome: str = "fault"
    began: float = attrs.field(factory=perf_counter)
    held: Held = attrs.field(factory=Held)


@attrs.define(eq=False, kw_only=True)
class Guard:
    """Stands between a provider and whoever calls it.

    Args:
        origin: whose provider it is.
        deadline_seconds: for one call.
        lifecycle: is moved on by what happens; it refuses calls while the provider is unfit.
        meter: is told of each call.
        secrets: never to be seen in an error.
        watch: times each call.
    """

    origin: Origin
    deadline_seconds: float
    lifecycle: Lifecycle
    meter: CallMeter
    secrets: Sequence[str] = ()
    watch: CallWatch = attrs.field(factory=CallWatch)
    _warned_at: dict[str, float] = attrs.field(factory=dict, init=False)

    async def call(self, operation: Operation, make: Callable[[], Awaitable[T]]) -> T:
        """Give what the call that *make* begins gives.

        Raises:
            ClientFlowError: one of those that the interface names.
        """
        self.lifecycle.require_fit()
        self.lifecycle.try_again()
        call = _Call(operation)
        try:
            with self.watch.span(self.origin.provider, operation.name):
                answer = await self._within_deadline(call, make)
            if operation.fits(answer):
                call.outcome = "ok"
                self.lifecycle.succeed()
                return answer
            failure: BaseException = _junk(call, answer)
        except asyncio.CancelledError as error:
            if _is_cancelled():
                call.outcome = "cancelled"
                raise
            failure = error
        # SystemExit would end the process, which is not for a plugin to decide.
        except (Exception, SystemExit) as error:  # noqa: BLE001 - this is the fence
            failure = error
            if isinstance(error, _KNOWN) and call.outcome == "fault":
                call.outcome = error.code
        finally:
            self._measure(call)
        raise self._told(call, failure)

    async def stream(
        self, operation: Operation, make: Callable[[], AsyncIterator[T]]
    ) -> AsyncIterator[T]:
        """Give what the stream that *make* begins gives; each part has the deadline of a call."""
        items: list[AsyncIterator[T]] = []

        async def begin() -> bool:
            items.append(make().__aiter__())
            return True

        async def following() -> T | type[StopAsyncIteration]:
            return await anext(items[0], StopAsyncIteration)

        def fits(answer: object) -> bool:
            return answer is StopAsyncIteration or operation.fits(answer)

        _ = await self.call(attrs.evolve(operation, fits=bool), begin)
        part = attrs.evolve(operation, fits=fits)
        try:
            while True:
                item: Any = await self.call(part, following)
                if item is StopAsyncIteration:
                    return
                yield item
        finally:
            await self._end_stream(items[0])

    def call_now(self, operation: Operation, make: Callable[[], T]) -> T:
        """Give what the plain function *make* gives.

        Raises:
            ClientFlowError: as it raises it.
            PluginError: it raised something else, or gave something else than it should.
        """
        call = _Call(operation)
        try:
            answer = make()
            if operation.fits(answer):
                call.outcome = "ok"
                return answer
            failure: BaseException = _junk(call, answer)
        except ClientFlowError as error:
            call.outcome = error.code
            if hide(error, self.secrets):
                error.add_note(self.origin.note)
                raise
            failure = error
        except (Exception, SystemExit) as error:  # noqa: BLE001 - this is the fence
            failure = error
        finally:
            call.held.see(perf_counter() - call.began)
            self._measure(call)
        msg = self._blame(call, failure)
        raise PluginError(msg) from self._cause(failure)

    def tell(self, operation: Operation, tell: Callable[[], object]) -> None:
        """Call an observer, which is in nobody's way: whatever it raises is only logged."""
        call = _Call(operation)
        try:
            tell()
            call.outcome = "ok"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - this is the fence
            self._blame(call, error)
        finally:
            call.held.see(perf_counter() - call.began)
            self._measure(call)

    @contextmanager
    def span(
        self, operation: Operation, make: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[None]:
        """Keep an observer's span around the block; neither can spoil the other."""
        spans: list[AbstractContextManager[None]] = []

        def begin() -> None:
            made = make()
            made.__enter__()
            spans.append(made)

        self.tell(operation, begin)
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            end = (type(error), error, error.__traceback__) if error else (None, None, None)
            for span in spans:
                self.tell(operation, lambda: span.__exit__(*end))  # noqa: B023 - called at once

    async def _within_deadline(self, call: _Call, make: Callable[[], Awaitable[T]]) -> T:
        deadline = asyncio.timeout(self.deadline_seconds)
        try:
            async with deadline:
                begun = make()
                if not inspect.isawaitable(begun):
                    # A plain function where an async one is due: what it gave is checked as usual.
                    return begun
                return await timed(begun, call.held)
        except TimeoutError:
            if deadline.expired():
                call.outcome = "timeout"
            raise

    async def _end_stream(self, items: AsyncIterator[Any]) -> None:
        close = getattr(items, "aclose", None)
        if close is None:
            return
        try:
            async with asyncio.timeout(self.deadline_seconds):
                await close()
        except Exception as error:  # noqa: BLE001 - nobody waits for it any more
            log().info("stream_not_closed", provider=self.origin.provider, error=_name(error))

    def _told(self, call: _Call, failure: BaseException) -> BaseException:
        """Give what the caller of the interface is prepared for, and move the provider on."""
        is_sayable = hide(failure, self.secrets)
        if isinstance(failure, AuthFailed):
            self.lifecycle.refuse(str(failure) if is_sayable else "")
        elif call.operation.name in _PROBES and not isinstance(failure, _ANSWERS):
            self.lifecycle.wait()
        elif isinstance(failure, _REPLIES):
            self.lifecycle.succeed()
        elif not isinstance(failure, (*_ANSWERS, RateLimited)):
            self.lifecycle.fail()
        is_odd = call.operation.is_read and isinstance(failure, OutcomeUnknown)
        is_known = isinstance(failure, _KNOWN) and is_sayable and not is_odd
        told = failure if is_known else self._translated(call, failure)
        told.add_note(self.origin.note)
        return told

    def _translated(self, call: _Call, failure: BaseException) -> ClientFlowError:
        """Give what *failure* means to the caller, who shall hear none of its words."""
        if call.outcome == "timeout":
            what = f"gave no answer within {self.deadline_seconds:g} seconds"
            msg = f"the provider {self.origin.provider!r} {what} ({call.operation.name})"
        else:
            msg = self._blame(call, failure)
        kind = ProviderUnavailable if call.operation.is_read else OutcomeUnknown
        translated: ClientFlowError = kind(msg)
        translated.__cause__ = self._cause(failure)
        return translated

    def _blame(self, call: _Call, failure: BaseException) -> str:
        """Log whose fault it is, and give it in words that hold none of the plugin's own."""
        what = str(failure) if call.outcome == "junk" else f"failed: {_name(failure)}"
        log().error(
            "provider_fault",
            provider=self.origin.provider,
            plugin=self.origin.plugin,
            version=self.origin.version,
            operation=call.operation.name,
            error=what,
            where=_where(failure),
        )
        return f"{self.origin.source}, in {call.operation.name} of {self.origin.provider!r}, {what}"

    def _cause(self, failure: BaseException) -> BaseException | None:
        return failure if hide(failure, self.secrets) else None

    def _measure(self, call: _Call) -> None:
        seconds = perf_counter() - call.began
        provider, operation = self.origin.provider, call.operation.name
        self.meter.record_call(provider, operation, call.outcome, seconds)
        # Opening imports the SDK, as it should.
        if call.held.seconds < HELD_TOO_LONG_SECONDS or operation == "open":
            return
        self.meter.record_held_loop(provider, operation, call.held.seconds)
        last = self._warned_at.get(operation)
        if last is not None and monotonic() - last < _WARNING_PAUSE_SECONDS:
            return
        self._warned_at[operation] = monotonic()
        log().warning(
            "plugin_holds_event_loop",
            provider=provider,
            plugin=self.origin.plugin,
            version=self.origin.version,
            operation=operation,
            seconds=round(call.held.seconds, 3),
            hint="it must await, or do this in a thread",
        )


def _is_cancelled() -> bool:
    """Tell whether the caller wants to end, rather than the plugin having invented it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _junk(call: _Call, answer: object) -> TypeError:
    call.outcome = "junk"
    what = f"gave {type(answer).__name__}, which is not what it promises, or is not whole"
    return TypeError(what)


def _name(error: BaseException) -> str:
    return type(error).__name__


def _where(error: BaseException) -> str | None:
    """Give file and line of where *error* was raised; never what was in it."""
    frames: Sequence[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)
    if not frames:
        return None
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}"  # noqa: PTH119
