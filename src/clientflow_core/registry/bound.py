"""What the enabled plugins bring beside providers, bound to what it works with."""

from collections.abc import Iterable, Mapping, Sequence

import attrs
import structlog

from clientflow_core.clock import Clock
from clientflow_core.contributions.context import HostContext, PluginContext, Process, Providers
from clientflow_core.contributions.drafts import SendPhase, SendStep
from clientflow_core.domain.jobs import ListenerJob, plugin_lane
from clientflow_core.registry.discovery import Plugin


def job_kind(plugin: str, job: str) -> str:
    """Tell what the record of jobs calls the *job* of a plugin."""
    return f"{plugin}.{job}"


def listener_kind(plugin: str, listener: str) -> str:
    """Tell what the record of jobs calls an event that is to be told to a listener."""
    return f"{plugin}.on_event.{listener}"


def plugin_context(plugin: Plugin, *, providers: Providers, clock: Clock) -> PluginContext:
    """Make what the code of *plugin* works with."""
    log = structlog.get_logger(plugin.name).bind(plugin=plugin.name)
    return PluginContext(plugin=plugin.name, providers=providers, clock=clock, log=log)


def host_context(context: PluginContext, process: Process) -> HostContext:
    """Make what the startup and shutdown of a plugin work with."""
    return HostContext(
        plugin=context.plugin,
        providers=context.providers,
        clock=context.clock,
        log=context.log,
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
    plugins: Iterable[Plugin], *, providers: Providers, clock: Clock
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
