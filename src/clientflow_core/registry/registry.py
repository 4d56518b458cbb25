"""The providers that are enabled, by name; opened when they are first needed."""

import asyncio
import functools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast

import aiohttp
import attrs

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.errors import PluginError, SettingsError
from clientflow_core.providers.interfaces import interface_of
from clientflow_core.providers.spec import AnySpec, ProviderContext, ProviderKind
from clientflow_core.registry.discovery import Plugin, refuse_unknown
from clientflow_core.registry.guard import Guard, Origin
from clientflow_core.registry.guarded import guarded
from clientflow_core.registry.leaks import secrets_of
from clientflow_core.registry.lifecycle import Lifecycle
from clientflow_core.registry.meter import CallMeter, NoMeter
from clientflow_core.registry.operations import Operation
from clientflow_core.registry.selection import (
    Quarantined,
    Wanted,
    begun,
    find_plugins,
    report_quarantined,
    requirement,
    select,
)
from clientflow_core.registry.webhooks import BoundWebhook
from clientflow_core.settings import Completeness, load_all

if TYPE_CHECKING:
    from clientflow_core.providers.assistant import AssistantProvider
    from clientflow_core.providers.billing import BillingProvider
    from clientflow_core.providers.calendar import CalendarProvider
    from clientflow_core.providers.channel import ChannelProvider
    from clientflow_core.providers.identity import IdentityProvider
    from clientflow_core.providers.observer import ObserverProvider

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)
_CONNECTIONS_PER_HOST: Final = 20
_OPEN: Final = Operation(name="open", is_read=True, fits=lambda _: True)


@attrs.frozen(kw_only=True)
class EnabledProvider:
    """A provider whose settings are complete."""

    plugin: Plugin
    spec: AnySpec
    settings: Any


def select_plugins(
    plugins: Sequence[Plugin], values: Mapping[str, str], *, names: Sequence[str] | None
) -> Sequence[Plugin]:
    """Tell which plugins are enabled.

    Args:
        plugins: those that are installed.
        values: the settings.
        names: those that must be enabled, in this order; None enables every plugin whose settings
            are complete, or half set, so that :class:`ProviderRegistry` says what is missing.

    Raises:
        SettingsError: a name is not installed.
    """
    if names is None:
        return [plugin for plugin in plugins if _is_begun(plugin, values)]
    installed = {plugin.name: plugin for plugin in plugins}
    refuse_unknown(names, installed=installed)
    return [installed[name] for name in dict.fromkeys(names)]


def _is_begun(plugin: Plugin, values: Mapping[str, str]) -> bool:
    if not plugin.specs:
        return bool(plugin.contributions)
    return bool(set(begun(plugin, values).values()) - {Completeness.NONE})


class ProviderRegistry:
    """The enabled providers; an async context that owns the shared HTTP session.

    Args:
        plugins: from :func:`select_plugins`.
        values: the settings.
        public_url: where the world reaches the host; None in library use.
        clock: for tests.
        meter: is told of every call to a provider.

    Attributes:
        plugins: the enabled ones.
        providers: theirs, by name.
        webhooks: theirs, by the last part of their path.
        quarantined: what is installed or asked for and cannot be used, with the reason; set by
            whoever has selected the plugins.

    Raises:
        SettingsError: with every problem in the settings of all of them.
    """

    def __init__(
        self,
        plugins: Iterable[Plugin],
        values: Mapping[str, str],
        *,
        public_url: str | None = None,
        clock: Clock | None = None,
        meter: CallMeter | None = None,
    ) -> None:
        self.plugins: Sequence[Plugin] = tuple(plugins)
        pairs = [(plugin, spec) for plugin in self.plugins for spec in plugin.specs]
        self.quarantined: Sequence[Quarantined] = ()
        loaded = load_all([spec.settings for _, spec in pairs], values)
        self.providers: Mapping[str, EnabledProvider] = {
            spec.name: EnabledProvider(plugin=plugin, spec=spec, settings=loaded[spec.settings])
            for plugin, spec in pairs
        }
        self._clock = clock or SystemClock()
        guards = {
            name: _guard(enabled, clock=self._clock, meter=meter or NoMeter())
            for name, enabled in self.providers.items()
        }
        self._guards: Mapping[str, Guard] = guards
        self.webhooks: Mapping[str, BoundWebhook] = {
            webhook.name: BoundWebhook(
                plugin=name, spec=webhook, settings=enabled.settings, guard=guards[name]
            )
            for name, enabled in self.providers.items()
            for webhook in enabled.spec.webhooks
        }
        _refuse_public_url(self.providers.values(), public_url)
        self._public_url = public_url
        self._stack = AsyncExitStack()
        self._context: ProviderContext | None = None
        self._opened: dict[tuple[ProviderKind, str], object] = {}
        # One for each, so that one that is slow to open holds up no other.
        self._opening = {name: asyncio.Lock() for name in self.providers}

    @classmethod
    def from_values(
        cls,
        values: Mapping[str, str],
        *,
        names: Sequence[str] | None = None,
        public_url: str | None = None,
    ) -> Self:
        """Make one for library use.

        Args:
            values: such as ``os.environ``.
            names: the plugins to enable; by default every one whose settings are complete.
            public_url: where the world reaches an application that serves the webhooks by their
                paths; with it providers are asked to report there how far a message has come.

        Raises:
            SettingsError: one of *names* is not installed, or settings are missing or malformed.
            PluginError: one of *names* cannot be loaded, or lacks its SDK. What is merely
                installed is quarantined.
        """
        wanted = Wanted(required=None if names is None else tuple(names))
        selection = select(find_plugins(wanted), values, wanted=wanted, public_url=public_url)
        selection.require_all()
        registry = cls(selection.plugins, values, public_url=public_url)
        registry.quarantined = selection.quarantined
        report_quarantined(registry.quarantined)
        return registry

    async def __aenter__(self) -> Self:
        session = aiohttp.ClientSession(
            timeout=_TIMEOUT, connector=aiohttp.TCPConnector(limit_per_host=_CONNECTIONS_PER_HOST)
        )
        await self._stack.enter_async_context(session)
        self._context = ProviderContext(
            http=session, clock=self._clock, public_url=self._public_url
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._context = None
        async with AsyncExitStack() as opening:
            for lock in self._opening.values():
                await opening.enter_async_context(lock)
            self._opened.clear()
            for guard in self._guards.values():
                guard.lifecycle.close()
            await self._stack.aclose()

    def spec(self, name: str) -> AnySpec:
        """Give the spec of an enabled provider.

        Raises:
            PluginError: it is not enabled.
        """
        return self._enabled(name).spec

    def addresses(self, name: str) -> Sequence[str]:
        """Give the addresses of ours, such as a telephone number, that the settings of *name* hold.

        Raises:
            PluginError: it is not enabled.
        """
        enabled = self._enabled(name)
        return enabled.spec.addresses(enabled.settings)

    def require_fit(self, name: str) -> None:
        """Make sure that the provider *name* may be called now, as far as is known.

        Raises:
            PluginError: it is not enabled.
            AuthFailed: it has refused our credentials, and is not asked again in this process.
            ProviderUnavailable: it could not be opened, and is left alone for a while.
        """
        self._enabled(name)
        self._guards[name].lifecycle.require_fit()

    def lifecycles(self) -> Mapping[str, Lifecycle]:
        """Give how each enabled provider is, by its name."""
        return {name: guard.lifecycle for name, guard in self._guards.items()}

    async def channel(self, name: str) -> "ChannelProvider":
        """Give the channel provider *name*, guarded; its first use opens it.

        Raises:
            PluginError: it is not enabled, is no channel, or its SDK is not installed.
            AuthFailed: it refused our credentials as it was opened.
            ProviderUnavailable: it cannot be opened now; it is tried again after a while.
        """
        return cast("ChannelProvider", await self._provider(name, ProviderKind.CHANNEL))

    async def billing(self, name: str) -> "BillingProvider":
        """Give the billing provider *name*; as :meth:`channel`."""
        return cast("BillingProvider", await self._provider(name, ProviderKind.BILLING))

    async def calendar(self, name: str) -> "CalendarProvider":
        """Give the calendar provider *name*; as :meth:`channel`."""
        return cast("CalendarProvider", await self._provider(name, ProviderKind.CALENDAR))

    async def assistant(self, name: str) -> "AssistantProvider":
        """Give the assistant *name*; as :meth:`channel`."""
        return cast("AssistantProvider", await self._provider(name, ProviderKind.ASSISTANT))

    async def identity(self, name: str) -> "IdentityProvider":
        """Give the issuer of identities *name*; as :meth:`channel`."""
        return cast("IdentityProvider", await self._provider(name, ProviderKind.IDENTITY))

    async def observer(self, name: str) -> "ObserverProvider":
        """Give the observer *name*; as :meth:`channel`."""
        return cast("ObserverProvider", await self._provider(name, ProviderKind.OBSERVER))

    async def _provider(self, name: str, kind: ProviderKind) -> object:
        if (kind, name) in self._opened:
            return self._opened[kind, name]
        enabled = self._enabled(name)
        if enabled.spec.kind is not kind:
            msg = f"the provider {name!r} is of the kind {enabled.spec.kind}, not {kind}"
            raise PluginError(msg)
        async with self._opening[name]:
            if (kind, name) not in self._opened:
                self._opened[kind, name] = await self._open(enabled)
        return self._opened[kind, name]

    async def _open(self, enabled: EnabledProvider) -> object:
        if self._context is None:
            msg = "open the registry first: async with ProviderRegistry(...) as registry"
            raise PluginError(msg)
        guard = self._guards[enabled.spec.name]
        provider = await guard.call(_OPEN, functools.partial(self._enter, enabled, self._context))
        return guarded(enabled.spec.kind, provider, guard)

    async def _enter(self, enabled: EnabledProvider, context: ProviderContext) -> object:
        try:
            opened = enabled.spec.open(context, enabled.settings)
            provider: object = await opened.__aenter__()
        except ImportError as error:
            msg = (
                f"the provider {enabled.spec.name!r} cannot be opened ({error}):"
                f" pip install '{requirement(enabled.plugin, enabled.spec)}'"
            )
            raise PluginError(msg) from error
        # Closed as at a good end: what failed elsewhere is nothing to throw into this provider.
        self._stack.push_async_callback(opened.__aexit__, None, None, None)
        interface = interface_of(enabled.spec.kind)
        if not isinstance(provider, interface):
            msg = (
                f"{enabled.plugin.source} opens {type(provider).__name__} as"
                f" {enabled.spec.name!r}, which is no {interface.__name__}"
            )
            raise PluginError(msg)
        return provider

    def _enabled(self, name: str) -> "EnabledProvider":
        if name not in self.providers:
            enabled = ", ".join(sorted(self.providers)) or "none"
            msg = (
                f"the provider {name!r} is not enabled (enabled are: {enabled}); set its settings,"
                " and list it in CLIENTFLOW_PLUGINS if that is set"
            )
            raise PluginError(msg)
        return self.providers[name]


def _refuse_public_url(providers: Iterable[EnabledProvider], public_url: str | None) -> None:
    if public_url is None:
        return
    problems = [
        problem
        for enabled in providers
        for problem in enabled.spec.check_public_url(enabled.settings, public_url)
    ]
    if problems:
        raise SettingsError(problems)


def _guard(enabled: EnabledProvider, *, clock: Clock, meter: CallMeter) -> Guard:
    plugin, spec = enabled.plugin, enabled.spec
    origin = Origin(
        provider=spec.name, plugin=plugin.name, version=plugin.version, source=plugin.source
    )
    return Guard(
        origin=origin,
        deadline_seconds=spec.deadline_seconds,
        lifecycle=Lifecycle(provider=spec.name, plugin=plugin.source, clock=clock),
        meter=meter,
        secrets=secrets_of(enabled.settings),
    )
