"""What the service lends to a plugin's own code."""

import enum
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import attrs

from clientflow_core.clock import Clock

if TYPE_CHECKING:
    from clientflow_core.providers.assistant import AssistantProvider
    from clientflow_core.providers.billing import BillingProvider
    from clientflow_core.providers.calendar import CalendarProvider
    from clientflow_core.providers.channel import ChannelProvider
    from clientflow_core.providers.identity import IdentityProvider

S = TypeVar("S")
LONGEST_ARGUMENT: Final = 200
"""The most characters of an argument of a job: an id or a code, never what somebody wrote."""

OpenOwn = Callable[[str], Awaitable[Any]]
"""Gives a provider of the plugin's own, by its name; opens it if need be."""


class Providers(Protocol):
    """The enabled providers, by name; a provider's first use opens it.

    Each method raises PluginError for one that is not enabled or is of another kind.
    """

    async def channel(self, name: str) -> "ChannelProvider":
        """Give the channel provider *name*."""
        ...

    async def billing(self, name: str) -> "BillingProvider":
        """Give the billing provider *name*."""
        ...

    async def calendar(self, name: str) -> "CalendarProvider":
        """Give the calendar provider *name*."""
        ...

    async def assistant(self, name: str) -> "AssistantProvider":
        """Give the assistant *name*."""
        ...

    async def identity(self, name: str) -> "IdentityProvider":
        """Give the issuer of identities *name*."""
        ...

    def for_organization(self, organization_id: uuid.UUID) -> "Providers":
        """Give them as they serve one organization, with what it has set for itself."""
        ...


class Log(Protocol):
    """A log whose lines name the plugin. An event is a name; what it is about goes into fields."""

    def debug(self, event: str, **fields: Any) -> Any:
        """Tell what only the author wants to know."""
        ...

    def info(self, event: str, **fields: Any) -> Any:
        """Tell what has happened."""
        ...

    def warning(self, event: str, **fields: Any) -> Any:
        """Tell what somebody should look at."""
        ...

    def error(self, event: str, **fields: Any) -> Any:
        """Tell what somebody must look at."""
        ...


async def _nothing_of_its_own(name: str) -> Any:
    msg = f"this plugin has no provider {name!r} that is enabled"
    raise LookupError(msg)


class Process(enum.StrEnum):
    """Which process of the service it is."""

    SERVE = "serve"
    WORKER = "worker"


@attrs.frozen(kw_only=True)
class PluginContext:
    """What a plugin's code works with, wherever it is called.

    Attributes:
        plugin: the plugin's name.
        providers: the enabled providers, of every plugin; in what is done for an organization they
            serve that one.
        clock: ask it for the time.
        log: its lines name the plugin.
        own_settings: the settings of the plugin and of its providers, by their classes.
        open_own: see ``own_provider``.
    """

    plugin: str
    providers: Providers
    clock: Clock
    log: Log
    own_settings: Mapping[type, Any] = attrs.field(factory=dict, repr=False)
    open_own: OpenOwn = attrs.field(default=_nothing_of_its_own, repr=False)

    async def own_provider(self, name: str) -> Any:
        """Give a provider of this plugin, opened for the operator, with all of its own methods.

        Nothing guards it: what others ask of it, by the methods of its kind, is in *providers*.

        Raises:
            LookupError: the plugin has no such provider, or it is not enabled.
            AuthFailed, ProviderUnavailable: it cannot be opened now.
        """
        return await self.open_own(name)

    def settings(self, settings_class: type[S]) -> S:
        """Give the loaded settings of a class that the plugin, or one of its providers, names.

        Raises:
            LookupError: they name no such class, or that provider is not enabled.
        """
        try:
            found: S = self.own_settings[settings_class]
        except KeyError:
            msg = f"the plugin {self.plugin!r} has no settings {settings_class.__name__}"
            raise LookupError(msg) from None
        return found


@attrs.frozen(kw_only=True)
class HostContext(PluginContext):
    """What a plugin is given when a process starts and stops.

    Attributes:
        process: which one it is.
    """

    process: Process


@attrs.frozen(kw_only=True)
class AskedJob:
    """A job that a plugin's code asks for, not yet written down.

    Attributes:
        name: of one of the plugin's own jobs.
        args: ids and codes.
        delay_seconds: 0 for at once.
    """

    name: str
    args: Mapping[str, str]
    delay_seconds: float


@attrs.frozen
class Asking:
    """Collects the jobs that a plugin's code asks for; they are written when it has ended well.

    Args:
        known: the names of the plugin's jobs.

    Attributes:
        jobs: what was asked for.
    """

    known: frozenset[str]
    jobs: list[AskedJob] = attrs.field(init=False, factory=list)

    def ask(self, name: str, args: Mapping[str, str] | None, *, delay_seconds: float) -> None:
        """Ask for the job *name*.

        Raises:
            LookupError: the plugin brings no such job.
            ValueError: an argument is no text of at most 200 characters.
        """
        if name not in self.known:
            msg = f"this plugin brings no job {name!r}; it brings {sorted(self.known)}"
            raise LookupError(msg)
        given: dict[str, Any] = {} if args is None else dict(args)
        for key, value in given.items():
            if not isinstance(value, str) or len(value) > LONGEST_ARGUMENT:
                msg = f"the argument {key!r} of a job must be an id or a code, as short text"
                raise ValueError(msg)
        self.jobs.append(AskedJob(name=name, args=given, delay_seconds=delay_seconds))
