"""The providers that are enabled, by name; opened when they are first needed."""

import contextlib
import functools
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import attrs
from typing_extensions import override

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.domain.provider_settings import OrganizationValues
from clientflow_core.errors import PluginError, SettingsError, SignatureRefused
from clientflow_core.providers.observers import Observers
from clientflow_core.providers.records import MemoryRecordStore, OnlyRecords, RecordStore
from clientflow_core.providers.spec import AnySpec, ProviderContext, ProviderKind
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.registry.by_kind import ProvidersByKind
from clientflow_core.registry.call_watch import CallWatch
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.failure_news import Failing, FailureNews, NewsDesk
from clientflow_core.registry.finding import Wanted, find_plugins
from clientflow_core.registry.instances import (
    EnabledProvider,
    Instance,
    ReplaceableInstance,
    guard_of,
)
from clientflow_core.registry.lifecycle import Lifecycle
from clientflow_core.registry.meter import CallMeter, NoMeter
from clientflow_core.registry.operations import Operation
from clientflow_core.registry.organization_providers import OrganizationProviders
from clientflow_core.registry.organizations import (
    CachedSettings,
    Claimants,
    OrganizationInstances,
    OrganizationSettings,
    instance_name,
    load_for_organization,
)
from clientflow_core.registry.plugin_webhooks import bind_plugin_webhooks
from clientflow_core.registry.quarantine import Quarantined, report_quarantined
from clientflow_core.registry.results import fits
from clientflow_core.registry.selection import select
from clientflow_core.registry.webhooks import BoundWebhook, Proof
from clientflow_core.settings import load_all

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)
_CONNECTIONS_PER_HOST: Final = 20
_ACCOUNT: Final = Operation(name="account", is_read=True, fits=fits(str | None), is_async=False)
_BUDGET: Final = Operation(
    name="monthly_budget", is_read=True, fits=fits(Decimal | None), is_async=False
)


class ProviderRegistry(ProvidersByKind):
    """The enabled providers; an async context that owns the shared HTTP session.

    Args:
        plugins: from :func:`discover_plugins`, each with the providers that are to be enabled;
            :meth:`from_values` finds and chooses them by itself.
        values: the settings.
        public_url: where the world reaches the host; None in library use.
        clock: for tests.
        meter: is told of every call to a provider.
        organization_settings: where what organizations have set for themselves is kept; without
            it, all of them are served with the settings of the operator.

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
        organization_settings: OrganizationSettings | None = None,
    ) -> None:
        self.plugins: Sequence[Plugin] = tuple(plugins)
        pairs = [(plugin, spec) for plugin in self.plugins for spec in plugin.specs]
        self.quarantined: Sequence[Quarantined] = ()
        own = [one for plugin in self.plugins for one in plugin.contributions.settings]
        loaded = load_all([*(spec.settings for _, spec in pairs), *own], values)
        self._loaded = loaded
        self.providers: Mapping[str, EnabledProvider] = {
            spec.name: EnabledProvider(plugin=plugin, spec=spec, settings=loaded[spec.settings])
            for plugin, spec in pairs
        }
        self._values = values
        self._clock, self._meter = clock or SystemClock(), meter or NoMeter()
        self._news, self._watch = NewsDesk(), CallWatch()
        self._own: Mapping[str, Instance] = {
            name: Instance(
                enabled=enabled,
                guard=guard_of(
                    enabled,
                    clock=self._clock,
                    meter=self._meter,
                    news=self._news,
                    watch=self._watch,
                ),
                lend=functools.partial(self._lend, name, None),
            )
            for name, enabled in self.providers.items()
        }
        self.webhooks: Mapping[str, BoundWebhook] = {
            webhook.name: BoundWebhook(
                provider=name, spec=webhook, settings=enabled.settings, guard=self._own[name].guard
            )
            for name, enabled in self.providers.items()
            for webhook in enabled.spec.webhooks
        } | bind_plugin_webhooks(self.plugins, loaded, clock=self._clock, meter=meter or NoMeter())
        _refuse_public_url(self.providers.values(), public_url)
        self._public_url = public_url
        self._stack = AsyncExitStack()
        self._context: ProviderContext | None = None
        # By name alone: to look a kind up as well takes ten times as long.
        self._opened: dict[str, tuple[ProviderKind, object]] = {}
        self._records: dict[str, RecordStore] = {}
        self._make_records: Callable[[str], RecordStore] = lambda _: MemoryRecordStore(self._clock)
        self._accounts: dict[str, str | None] = {}
        self._organizations: OrganizationInstances | None = None
        if organization_settings is not None:
            self.keep_settings_in(organization_settings)

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
            values: such as ``os.environ``; where that names a folder for caches, by
                ``XDG_CACHE_HOME`` or ``HOME``, what is installed is kept there for the next time.
            names: the plugins to enable; by default every one whose settings are complete.
            public_url: where the world reaches an application that serves the webhooks by their
                paths; with it providers are asked to report there how far a message has come.

        Raises:
            SettingsError: one of *names* is not installed, or settings are missing or malformed.
            PluginError: one of *names* cannot be loaded, or lacks its SDK. What is merely
                installed is quarantined.
        """
        wanted = Wanted(required=None if names is None else tuple(names))
        found = find_plugins(wanted, values=values)
        selection = select(found, values, wanted=wanted, public_url=public_url)
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
        last = [self._own[name] for name in self._opened]
        self._opened.clear()
        async with self._stack:
            # The last one opened is closed first. One that is only being opened is waited for.
            for instance in (*self._own.values(), *last):
                self._stack.push_async_callback(instance.close)
            if self._organizations is not None:
                self._stack.push_async_callback(self._organizations.close)

    def keep_settings_in(self, organization_settings: OrganizationSettings) -> None:
        """Serve organizations with what they have set for themselves; call it before any is."""
        self._organizations = OrganizationInstances(
            settings=CachedSettings(source=organization_settings, clock=self._clock),
            claimants=Claimants(source=organization_settings, clock=self._clock),
            make=self._make,
        )

    def keep_records_with(self, make: Callable[[str], RecordStore]) -> None:
        """Let providers, by name, keep their records in what *make* gives; before any is opened."""
        self._make_records = make

    def drop_settings(self, name: str, *, organization_id: uuid.UUID) -> None:
        """Read at once what an organization has set for the provider *name*: it was changed."""
        if self._organizations is not None:
            self._organizations.drop(organization_id, name)

    def for_organization(self, organization_id: uuid.UUID) -> "OrganizationProviders":
        """Give the providers as they serve one organization."""
        return OrganizationProviders(self, organization_id)

    @property
    def http(self) -> aiohttp.ClientSession:
        """The one shared session.

        Raises:
            PluginError: the registry is not open.
        """
        return self._lent().http

    def spec(self, name: str) -> AnySpec:
        """Give the spec of an enabled provider.

        Raises:
            PluginError: it is not enabled.
        """
        return (self.providers.get(name) or self._enabled(name)).spec

    def addresses(self, name: str) -> Sequence[str]:
        """Give the addresses of ours, such as a telephone number, that the settings of *name* hold.

        Raises:
            PluginError: it is not enabled.
        """
        enabled = self._enabled(name)
        return enabled.spec.addresses(enabled.settings)

    def settings_of(self, plugin: Plugin) -> Mapping[type, Any]:
        """Give the loaded settings of *plugin* and of its providers, by their classes."""
        wanted = [*(spec.settings for spec in plugin.specs), *plugin.contributions.settings]
        return {one: self._loaded[one] for one in wanted if one in self._loaded}

    def load_settings(self, name: str, own: Mapping[str, str]) -> Any:
        """Load the settings of the provider *name* for an organization that has set *own*.

        Raises:
            PluginError: it is not enabled.
            SettingsError: with every problem in them.
        """
        spec = self._enabled(name).spec
        loaded = load_for_organization(spec.settings, self._values, own=own)
        if self._public_url is not None:
            problems = list(spec.check_public_url(loaded, self._public_url))
            if problems:
                raise SettingsError(problems)
        return loaded

    def account_of(self, name: str, settings: Any) -> str | None:
        """Give the account at the provider *name* that *settings* belong to, if it tells.

        Raises:
            PluginError: it is not enabled, or fails over them.
        """
        spec = self._enabled(name).spec
        return self._own[name].guard.call_now(_ACCOUNT, lambda: spec.account(settings))

    async def monthly_budget(self, name: str, *, organization_id: uuid.UUID) -> Decimal | None:
        """Give the most that an organization may spend at the provider *name* in a month.

        Returns:
            US dollars; None where nobody has set a limit.

        Raises:
            PluginError: it is not enabled, or fails over the settings.
            SettingsError: what the organization has set cannot be read, or does not fit any more.
            ProviderUnavailable: what it has set cannot be read now.
        """
        enabled, guard = self._enabled(name), self._own[name].guard
        theirs = None
        if self._organizations is not None:
            theirs = await self._organizations.find(organization_id, name)
        settings = theirs.enabled.settings if theirs else enabled.settings
        return guard.call_now(_BUDGET, lambda: enabled.spec.monthly_budget(settings))

    async def prove(self, webhook: BoundWebhook, request: WebhookRequest) -> Proof:
        """Check who sent *request*, with the settings of whom it may be for.

        Raises:
            SignatureRefused: it cannot be proven by the operator's settings, nor by those of an
                organization that has set the account which it names.
            BadPayload: it cannot be read.
            PluginError: the plugin failed over it.
            Overloaded: whose it may be cannot be looked up now.
        """
        name = webhook.provider
        if self._organizations is None or webhook.spec.account_hint is None:
            return Proof(webhook.verify(request))
        if name not in self._accounts:
            self._accounts[name] = self.account_of(name, webhook.settings)
        account = webhook.foreign_account(request, own=self._accounts[name])
        if account is None:
            return Proof(webhook.verify(request))
        for one in await self._organizations.claimants.find(name, account=account):
            with contextlib.suppress(SettingsError, SignatureRefused):
                theirs = webhook.for_settings(self.load_settings(name, one.values.values))
                return Proof(theirs.verify(request), one.organization_id)
        return Proof(webhook.verify(request))

    def require_fit(self, name: str, *, organization_id: uuid.UUID | None = None) -> None:
        """Make sure that the provider *name* may be called now, as far as is known.

        Args:
            name: of the provider.
            organization_id: for whom; its own settings count if they were read already.

        Raises:
            PluginError: it is not enabled.
            AuthFailed: it has refused the credentials, and is not asked again with them.
            ProviderUnavailable: it could not be opened, and is left alone for a while.
        """
        self.lifecycle(name, organization_id=organization_id).require_fit()

    def lifecycle(self, name: str, *, organization_id: uuid.UUID | None = None) -> Lifecycle:
        """Give how the provider *name* is for an organization, as far as is known.

        Raises:
            PluginError: it is not enabled.
        """
        self._enabled(name)
        theirs = None
        if organization_id is not None and self._organizations is not None:
            theirs = self._organizations.known(organization_id, name)
        return (theirs or self._own[name]).guard.lifecycle

    def share_failures(self, carrier: FailureNews | None) -> None:
        """Let other processes know from now on which providers fail; None lets nobody know."""
        self._news.carrier = carrier

    def observe_with(self, observers: Observers) -> None:
        """Let *observers* know from now on how long each call to a provider takes."""
        self._watch.observers = observers

    def hear(self, failing: Failing) -> None:
        """Leave alone what fails in another process; what is not open here is of no interest."""
        instance = self._own.get(failing.instance)
        if instance is None and self._organizations is not None:
            instance = self._organizations.named(failing.instance)
        if instance is not None:
            instance.guard.lifecycle.hear(failing.rest_seconds)

    def lifecycles(self) -> Mapping[str, Lifecycle]:
        """Give how each enabled provider is, by its name, with the settings of the operator."""
        return {name: instance.guard.lifecycle for name, instance in self._own.items()}

    async def verify(self, name: str, *, organization_id: uuid.UUID | None = None) -> str:
        """Prove that the credentials for *name*, of whichever kind, work; give the account's name.

        Raises:
            AuthFailed: they do not.
            ProviderUnavailable: it did not answer, or cannot be opened.
            PluginError: it is not enabled, or its SDK is not installed.
            SettingsError: what the organization has set cannot be read, or does not fit any more.
        """
        found = await self._provider(name, self.spec(name).kind, organization_id)
        return str(await found.verify())

    async def own_provider(self, plugin: Plugin, name: str) -> Any:
        """Give the provider *name* of *plugin* itself, for its own code; with nothing around it.

        Raises:
            LookupError: it is not enabled, or another plugin's.
            AuthFailed, ProviderUnavailable, PluginError: it cannot be opened.
        """
        enabled = self.providers.get(name)
        if enabled is None or enabled.plugin.name != plugin.name:
            msg = f"the plugin {plugin.name!r} has no provider {name!r} that is enabled"
            raise LookupError(msg)
        return await self._own[name].unguarded()

    @override
    def _ready(self, name: str, kind: ProviderKind, organization_id: uuid.UUID | None) -> Any:
        if organization_id is not None and self._organizations is not None:
            return None
        opened = self._opened.get(name)
        return opened[1] if opened is not None and opened[0] is kind else None

    @override
    async def _provider(
        self, name: str, kind: ProviderKind, organization_id: uuid.UUID | None
    ) -> Any:
        enabled = self._enabled(name)
        if enabled.spec.kind is not kind:
            msg = f"the provider {name!r} is of the kind {enabled.spec.kind}, not {kind}"
            raise PluginError(msg)
        if organization_id is not None and self._organizations is not None:
            theirs = await self._organizations.find(organization_id, name)
            if theirs is not None:
                return await theirs.provider()
        provider = await self._own[name].provider()
        self._opened[name] = kind, provider
        return provider

    def _make(
        self, name: str, organization_id: uuid.UUID, found: OrganizationValues
    ) -> ReplaceableInstance:
        mine = self._enabled(name)
        loaded = self.load_settings(name, found.values)
        enabled = EnabledProvider(plugin=mine.plugin, spec=mine.spec, settings=loaded)
        return ReplaceableInstance.of(
            enabled,
            lend=functools.partial(self._lend, name, organization_id),
            clock=self._clock,
            meter=self._meter,
            news=self._news,
            watch=self._watch,
            name=instance_name(name, organization_id, found.version),
        )

    def _lend(self, name: str, organization_id: uuid.UUID | None) -> ProviderContext:
        store = self._records.get(name)
        if store is None:
            store = self._records[name] = self._make_records(name)
        if organization_id is not None:
            store = OnlyRecords(store, organization_id)
        return attrs.evolve(self._lent(), records=store, organization_id=organization_id)

    def _lent(self) -> ProviderContext:
        if self._context is None:
            msg = "open the registry first: async with ProviderRegistry(...) as registry"
            raise PluginError(msg)
        return self._context

    def _enabled(self, name: str) -> "EnabledProvider":
        found = self.providers.get(name)
        if found is not None:
            return found
        enabled = ", ".join(sorted(self.providers)) or "none"
        msg = (
            f"the provider {name!r} is not enabled (enabled are: {enabled}); set its settings,"
            " and list it in CLIENTFLOW_PLUGINS if that is set"
        )
        raise PluginError(msg)


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
