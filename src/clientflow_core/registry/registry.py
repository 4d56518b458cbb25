"""The providers that are enabled, by name; opened when they are first needed."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast

import aiohttp
import attrs

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.errors import PluginError, SettingsError
from clientflow_core.providers.interfaces import interface_of
from clientflow_core.providers.spec import AnySpec, ProviderContext, ProviderKind
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.registry.discovery import Plugin, discover_plugins, refuse_unknown
from clientflow_core.settings import Completeness, completeness, load_all

if TYPE_CHECKING:
    from clientflow_core.providers.assistant import AssistantProvider
    from clientflow_core.providers.billing import BillingProvider
    from clientflow_core.providers.calendar import CalendarProvider
    from clientflow_core.providers.channel import ChannelProvider
    from clientflow_core.providers.identity import IdentityProvider
    from clientflow_core.providers.observer import ObserverProvider

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)
_CONNECTIONS_PER_HOST: Final = 20


@attrs.frozen(kw_only=True)
class EnabledProvider:
    """A provider whose settings are complete."""

    plugin: Plugin
    spec: AnySpec
    settings: Any


@attrs.frozen(kw_only=True)
class BoundWebhook:
    """A webhook with the settings of its provider: all that it takes to serve it."""

    plugin: str
    spec: WebhookSpec
    settings: Any

    def verify(self, request: WebhookRequest) -> Verified:
        """Check who sent *request*.

        Raises:
            SignatureRefused: it cannot be proven.
            BadPayload: it cannot be read.
        """
        return self.spec.verify(request, self.settings)

    def parse(self, request: WebhookRequest) -> Sequence[ProviderEvent]:
        """Read what *request*, which was verified before, means; nothing if it concerns nobody.

        Raises:
            BadPayload: it cannot be read.
        """
        return self.spec.parse(request)


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
    states = {completeness(spec.settings, values) for spec in plugin.specs}
    return bool(states - {Completeness.NONE})


class ProviderRegistry:
    """The enabled providers; an async context that owns the shared HTTP session.

    Args:
        plugins: from :func:`select_plugins`.
        values: the settings.
        public_url: where the world reaches the host; None in library use.
        clock: for tests.

    Attributes:
        providers: the enabled ones, by name.
        webhooks: theirs, by the last part of their path.

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
    ) -> None:
        pairs = [(plugin, spec) for plugin in plugins for spec in plugin.specs]
        loaded = load_all([spec.settings for _, spec in pairs], values)
        self.providers: Mapping[str, EnabledProvider] = {
            spec.name: EnabledProvider(plugin=plugin, spec=spec, settings=loaded[spec.settings])
            for plugin, spec in pairs
        }
        self.webhooks: Mapping[str, BoundWebhook] = {
            webhook.name: BoundWebhook(plugin=name, spec=webhook, settings=enabled.settings)
            for name, enabled in self.providers.items()
            for webhook in enabled.spec.webhooks
        }
        _refuse_public_url(self.providers.values(), public_url)
        self._public_url = public_url
        self._clock = clock or SystemClock()
        self._stack = AsyncExitStack()
        self._context: ProviderContext | None = None
        self._opened: dict[tuple[ProviderKind, str], object] = {}
        self._opening = asyncio.Lock()

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
            PluginError: an installed plugin cannot be loaded.
        """
        plugins = select_plugins(discover_plugins(names=names), values, names=names)
        return cls(plugins, values, public_url=public_url)

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
        async with self._opening:
            self._context = None
            self._opened.clear()
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

    async def channel(self, name: str) -> "ChannelProvider":
        """Give the channel provider *name*; its first use opens it.

        Raises:
            PluginError: it is not enabled, is no channel, or its SDK is not installed.
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
        async with self._opening:
            if (kind, name) not in self._opened:
                self._opened[kind, name] = await self._open(enabled)
        return self._opened[kind, name]

    async def _open(self, enabled: EnabledProvider) -> object:
        if self._context is None:
            msg = "open the registry first: async with ProviderRegistry(...) as registry"
            raise PluginError(msg)
        try:
            opened = enabled.spec.open(self._context, enabled.settings)
            provider: object = await opened.__aenter__()
        except ImportError as error:
            msg = (
                f"the provider {enabled.spec.name!r} cannot be opened ({error}):"
                f" pip install '{_requirement(enabled)}'"
            )
            raise PluginError(msg) from error
        # Closed as at a good end: what failed elsewhere is nothing to throw into this provider.
        self._stack.push_async_callback(opened.__aexit__, None, None, None)
        interface = interface_of(enabled.spec.kind)
        if not isinstance(provider, interface):
            msg = (
                f"{enabled.plugin.source} opens {provider!r} as {enabled.spec.name!r},"
                f" which is no {interface.__name__}"
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


def _requirement(enabled: EnabledProvider) -> str:
    extra = f"[{enabled.spec.requires}]" if enabled.spec.requires else ""
    return f"{enabled.plugin.distribution or enabled.plugin.name}{extra}"
