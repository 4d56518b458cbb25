"""Providers as they are opened: one instance for each set of settings, behind its own guard."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack
from typing import Any, Final, Self, TypeVar, cast

import attrs
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.errors import PluginError, ProviderUnavailable
from clientflow_core.providers.interfaces import interface_of
from clientflow_core.providers.spec import AnySpec, ProviderContext, ProviderKind
from clientflow_core.registry.call_watch import CallWatch
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.failure_news import FailureNews
from clientflow_core.registry.guard import Guard, Origin
from clientflow_core.registry.guarded import guarded
from clientflow_core.registry.leaks import secrets_of
from clientflow_core.registry.lifecycle import Lifecycle
from clientflow_core.registry.meter import CallMeter
from clientflow_core.registry.operations import Operation
from clientflow_core.registry.reporting import log
from clientflow_core.registry.selection import requirement

T = TypeVar("T")

_OPEN: Final = Operation(name="open", is_read=True, fits=lambda _: True)


@attrs.frozen(kw_only=True)
class EnabledProvider:
    """A provider whose settings are complete."""

    plugin: Plugin
    spec: AnySpec
    settings: Any


@attrs.define(eq=False)
class Calls:
    """Counts the calls in flight, and refuses new ones once it is told to.

    Attributes:
        in_flight: how many there are.
    """

    provider: str
    in_flight: int = 0
    _is_refusing: bool = False
    _ended: asyncio.Event = attrs.field(factory=asyncio.Event)

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Count a call while the block lasts.

        Raises:
            ProviderUnavailable: there shall be none any more; surely not accepted.
        """
        if self._is_refusing:
            msg = f"this instance of {self.provider!r} was closed: ask the registry for it again"
            raise ProviderUnavailable(msg, retry_after_seconds=0)
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self._ended.set()

    async def end(self) -> None:
        """Refuse new calls, and wait for those in flight."""
        self._is_refusing = True
        while self.in_flight:
            self._ended.clear()
            await self._ended.wait()


@attrs.define(eq=False, kw_only=True)
class CountingGuard(Guard):
    """A guard that knows of the calls in flight, for an instance that is replaced one day."""

    calls: Calls

    @override
    async def call(self, operation: Operation, make: Callable[[], Awaitable[T]]) -> T:
        with self.calls.one():
            return await super().call(operation, make)

    @override
    async def stream(
        self, operation: Operation, make: Callable[[], AsyncIterator[T]]
    ) -> AsyncIterator[T]:
        with self.calls.one():
            parts = cast("AsyncGenerator[T, None]", super().stream(operation, make))
            async with contextlib.aclosing(parts):
                async for part in parts:
                    yield part

    @override
    @contextlib.contextmanager
    def span(
        self, operation: Operation, make: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[None]:
        # By its name: in a decorated method, attrs does not find the class that super() means.
        with self.calls.one(), Guard.span(self, operation, make):
            yield


@attrs.define(eq=False, kw_only=True)
class Instance:
    """A provider with one set of settings; its first use opens it.

    Args:
        enabled: the provider, with those settings.
        guard: stands before it.
        lend: gives what it works with; raises PluginError while nothing may be opened.
    """

    enabled: EnabledProvider
    guard: Guard
    lend: Callable[[], ProviderContext]
    _provider: object | None = attrs.field(default=None, init=False)
    _unguarded: object | None = attrs.field(default=None, init=False)
    _closing: AsyncExitStack = attrs.field(factory=AsyncExitStack, init=False)
    # One for each instance, so that one that is slow to open holds up no other.
    _opening: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def provider(self) -> object:
        """Give the provider, guarded.

        Raises:
            PluginError: what it opens is no provider of its kind, or its SDK is not installed.
            AuthFailed: it refused our credentials as it was opened.
            ProviderUnavailable: it cannot be opened now; it is tried again after a while.
        """
        if self._provider is not None:
            return self._provider
        async with self._opening:
            if self._provider is None:
                enter = functools.partial(self._enter, self.lend())
                opened = self._unguarded = await self.guard.call(_OPEN, enter)
                self._provider = guarded(self.enabled.spec.kind, opened, self.guard)
        return self._provider

    async def unguarded(self) -> object:
        """Give the provider itself, for the code of the plugin that brings it; as provider()."""
        await self.provider()
        return self._unguarded

    async def close(self) -> None:
        """Close what was opened, once nobody opens it any more; it may be opened again."""
        async with self._opening:
            self._provider = self._unguarded = None
            self.guard.lifecycle.close()
            await self._closing.aclose()

    async def _enter(self, context: ProviderContext) -> object:
        spec, plugin = self.enabled.spec, self.enabled.plugin
        try:
            opened = spec.open(context, self.enabled.settings)
            provider: object = await opened.__aenter__()
        except ImportError as error:
            msg = (
                f"the provider {spec.name!r} cannot be opened ({error}):"
                f" pip install '{requirement(plugin, spec)}'"
            )
            raise PluginError(msg) from error
        # Closed as at a good end: what failed elsewhere is nothing to throw into this provider.
        self._closing.push_async_callback(opened.__aexit__, None, None, None)
        interface = interface_of(spec.kind)
        if not isinstance(provider, interface):
            msg = (
                f"{plugin.source} opens {type(provider).__name__} as"
                f" {spec.name!r}, which is no {interface.__name__}"
            )
            raise PluginError(msg)
        return provider


def guard_of(
    enabled: EnabledProvider,
    *,
    clock: Clock,
    meter: CallMeter,
    news: FailureNews,
    watch: CallWatch,
) -> Guard:
    """Make what stands between *enabled* and whoever calls it."""
    name = enabled.spec.name
    arguments = _guard_arguments(enabled, clock=clock, meter=meter, news=news, instance=name)
    # Who is told of calls is not told of the calls that it is told by.
    is_observer = enabled.spec.kind is ProviderKind.OBSERVER
    return Guard(**arguments, watch=CallWatch() if is_observer else watch)


@attrs.define(kw_only=True, eq=False)
class ReplaceableInstance(Instance):
    """An instance that can be taken out of use while it is in use."""

    guard: CountingGuard

    @classmethod
    def of(  # noqa: PLR0913 - each is a part of its guard
        cls,
        enabled: EnabledProvider,
        *,
        lend: Callable[[], ProviderContext],
        clock: Clock,
        meter: CallMeter,
        news: FailureNews,
        watch: CallWatch,
        name: str,
    ) -> Self:
        """Make one, with a guard of its own; *name* tells it from all others."""
        arguments = _guard_arguments(enabled, clock=clock, meter=meter, news=news, instance=name)
        guard = CountingGuard(calls=Calls(enabled.spec.name), watch=watch, **arguments)
        return cls(enabled=enabled, guard=guard, lend=lend)

    @property
    def is_idle(self) -> bool:
        """Whether nobody calls it at the moment."""
        return not self.guard.calls.in_flight

    async def retire(self) -> None:
        """Let the calls in flight end, and close it; what fails then is only logged.

        A stream that takes longer than one call may is cut off.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.enabled.spec.deadline_seconds):
                await self.guard.calls.end()
        try:
            await self.close()
        except Exception as error:  # noqa: BLE001 - nobody needs it any more
            name = self.enabled.spec.name
            log().warning("instance_not_closed", provider=name, error=type(error).__name__)


def _guard_arguments(
    enabled: EnabledProvider, *, clock: Clock, meter: CallMeter, news: FailureNews, instance: str
) -> dict[str, Any]:
    plugin, spec = enabled.plugin, enabled.spec
    origin = Origin(
        provider=spec.name, plugin=plugin.name, version=plugin.version, source=plugin.source
    )
    return {
        "origin": origin,
        "deadline_seconds": spec.deadline_seconds,
        "lifecycle": Lifecycle(
            provider=spec.name, plugin=plugin.source, clock=clock, instance=instance, news=news
        ),
        "meter": meter,
        "secrets": secrets_of(enabled.settings),
    }
