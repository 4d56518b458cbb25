"""What the enabled plugins bring beside providers, bound to what it works with."""

import functools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import attrs
import structlog

from clientflow_core.clock import Clock
from clientflow_core.contributions.context import HostContext, PluginContext, Process, Providers
from clientflow_core.contributions.drafts import SendPhase, SendStep
from clientflow_core.contributions.routing import Candidate, OutgoingMessage, Router
from clientflow_core.domain.jobs import ListenerJob, plugin_lane
from clientflow_core.providers.observers import NOBODY, Observers
from clientflow_core.registry.discovery import Plugin

log = structlog.get_logger(__name__)


def job_kind(plugin: str, job: str) -> str:
    """Tell what the record of jobs calls the *job* of a plugin."""
    return f"{plugin}.{job}"


def listener_kind(plugin: str, listener: str) -> str:
    """Tell what the record of jobs calls an event that is to be told to a listener."""
    return f"{plugin}.on_event.{listener}"


class Lending(Providers, Protocol):
    """What lends providers and settings to the code of plugins: the registry."""

    def settings_of(self, plugin: Plugin) -> Mapping[type, Any]:
        """Give the loaded settings of *plugin* and of its providers, by their classes."""
        ...

    async def own_provider(self, plugin: Plugin, name: str) -> Any:
        """Give the provider *name* of *plugin* itself, with nothing around it."""
        ...


def plugin_context(plugin: Plugin, *, providers: Lending, clock: Clock) -> PluginContext:
    """Make what the code of *plugin* works with."""
    own_log = structlog.get_logger(plugin.name).bind(plugin=plugin.name)
    return PluginContext(
        plugin=plugin.name,
        providers=providers,
        clock=clock,
        log=own_log,
        own_settings=providers.settings_of(plugin),
        open_own=functools.partial(providers.own_provider, plugin),
    )


def context_for(context: PluginContext, organization_id: uuid.UUID | None) -> PluginContext:
    """Give *context* as it is for what is done on behalf of an organization, if it is for one."""
    if organization_id is None:
        return context
    return attrs.evolve(context, providers=context.providers.for_organization(organization_id))


def host_context(context: PluginContext, process: Process) -> HostContext:
    """Make what the startup and shutdown of a plugin work with."""
    return HostContext(
        plugin=context.plugin,
        providers=context.providers,
        clock=context.clock,
        log=context.log,
        own_settings=context.own_settings,
        open_own=context.open_own,
        process=process,
    )


def listener_jobs(plugins: Iterable[Plugin]) -> Mapping[str, Sequence[ListenerJob]]:
    """Give for each kind of event by which jobs listeners are told of it."""
    found: dict[str, list[ListenerJob]] = {}
    for plugin in plugins:
        for listener in plugin.contributions.listeners:
            job = ListenerJob(plugin_lane(plugin.name), listener_kind(plugin.name, listener.name))
            for kind in listener.kinds:
                found.setdefault(kind.value, []).append(job)
    return found


@attrs.frozen(kw_only=True)
class BoundStep:
    """A step before sending, with whose it is and what it works with."""

    plugin: Plugin
    step: SendStep
    context: PluginContext


def send_steps(
    plugins: Iterable[Plugin], *, providers: Lending, clock: Clock
) -> Sequence[BoundStep]:
    """Give the steps of *plugins* in the order in which a message passes them."""
    found = [
        BoundStep(
            plugin=plugin,
            step=step,
            context=plugin_context(plugin, providers=providers, clock=clock),
        )
        for plugin in plugins
        for step in plugin.contributions.send_steps
    ]
    phases = list(SendPhase)
    return sorted(found, key=lambda bound: phases.index(bound.step.phase))


@attrs.frozen(kw_only=True)
class BoundRouter:
    """A router, with whose it is, and who is told when it fails."""

    plugin: Plugin
    router: Router
    observers: Observers = NOBODY

    def choose(
        self, message: OutgoingMessage, candidates: tuple[Candidate, ...]
    ) -> Sequence[uuid.UUID] | None:
        """Give the channels that may carry *message*, the first choice first.

        Returns:
            Some of *candidates*, at least one, each once; None if the router has no opinion. One
            that fails, or gives anything else, has none either, and that is logged.
        """
        try:
            answer: Any = self.router.choose(message, candidates)
            return None if answer is None else _checked_choice(answer, candidates)
        except (Exception, SystemExit) as error:
            log.warning(
                "route_failed",
                plugin=self.plugin.name,
                version=self.plugin.version,
                router=self.router.name,
                message_id=str(message.message_id),
                error=type(error).__name__,
                exc_info=error,
            )
            fields = {"plugin": self.plugin.name, "router": self.router.name}
            self.observers.report_error(error, fields=fields)
            return None


def routers(plugins: Iterable[Plugin], *, observers: Observers = NOBODY) -> Sequence[BoundRouter]:
    """Give the routers of *plugins*, in the order in which they are asked."""
    return [
        BoundRouter(plugin=plugin, router=router, observers=observers)
        for plugin in plugins
        for router in plugin.contributions.routers
    ]


def _checked_choice(answer: Any, candidates: Iterable[Candidate]) -> Sequence[uuid.UUID] | None:
    """Give what a router chose, or None where it chose nothing.

    Raises:
        ValueError: it is no list of some of *candidates*, each once.
    """
    known = {candidate.channel_id for candidate in candidates}
    chosen = list(answer) if isinstance(answer, Sequence) else None
    if chosen is None or any(not isinstance(one, uuid.UUID) or one not in known for one in chosen):
        msg = "a router must give a list of the ids of some of its candidates, or None"
        raise ValueError(msg)
    if len(set(chosen)) != len(chosen):
        msg = "a router names a channel twice"
        raise ValueError(msg)
    return chosen or None
