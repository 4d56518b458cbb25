"""What the worker does for plugins: their jobs, schedules and webhooks, and telling of events."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from clientflow_core.domain.jobs import plugin_lane
from clientflow_core.jobs.handlers import Handler, ProviderJob
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.registry.bound import job_kind, listener_kind, plugin_context
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.plugin_webhooks import webhook_kind
from clientflow_core.services.handle_inbound_event import give_up_inbound_event
from clientflow_core.services.handle_plugin_webhook import handle_plugin_webhook
from clientflow_core.services.run_plugin_job import run_plugin_job
from clientflow_core.services.tell_listener import tell_listener
from clientflow_host.assembly import Assembly

# Each has a lane of its own: one that hangs keeps nobody waiting but itself.
_JOBS_AT_ONCE: Final = 5
# The plugin's own deadline ends its code; this is for the transactions around it.
_AROUND_SECONDS: Final = 30.0


def plugin_handlers(assembly: Assembly) -> dict[str, Handler]:
    """Give who does which kind of job for the enabled plugins."""
    found: dict[str, Handler] = {}
    for plugin in assembly.registry.plugins:
        found |= _handlers_of(plugin, assembly)
    return found


def plugin_lanes(plugins: Sequence[Plugin]) -> Mapping[str, int]:
    """Give the lanes of those *plugins* that have work, and how many jobs of each run at once."""
    busy = (plugin.name for plugin in plugins if plugin.contributions.has_work)
    return {plugin_lane(name): _JOBS_AT_ONCE for name in busy}


def plugin_schedules(plugins: Sequence[Plugin]) -> list[Schedule]:
    """Give what *plugins* want done at regular times."""
    found: list[Schedule] = []
    for plugin in plugins:
        attempts = {job.name: job.max_attempts for job in plugin.contributions.jobs}
        found.extend(
            Schedule(
                name=job_kind(plugin.name, schedule.name),
                every_seconds=schedule.every_seconds,
                lane=plugin_lane(plugin.name),
                kind=job_kind(plugin.name, schedule.job),
                max_attempts=attempts[schedule.job],
            )
            for schedule in plugin.contributions.schedules
        )
    return found


def _handlers_of(plugin: Plugin, assembly: Assembly) -> dict[str, Handler]:
    context = plugin_context(plugin, providers=assembly.registry, clock=assembly.clock)
    found: dict[str, Handler] = {}
    for spec in plugin.contributions.jobs:
        found[job_kind(plugin.name, spec.name)] = ProviderJob(
            handle=partial(run_plugin_job, plugin=plugin, spec=spec, context=context),
            deadline_seconds=spec.deadline_seconds + _AROUND_SECONDS,
        )
    for listener in plugin.contributions.listeners:
        found[listener_kind(plugin.name, listener.name)] = ProviderJob(
            handle=partial(tell_listener, plugin=plugin, listener=listener, context=context),
            deadline_seconds=listener.deadline_seconds + _AROUND_SECONDS,
        )
    for webhook in plugin.contributions.webhooks:
        found[webhook_kind(plugin.name, webhook.name)] = ProviderJob(
            handle=partial(handle_plugin_webhook, plugin=plugin, webhook=webhook, context=context),
            on_dead=give_up_inbound_event,
            deadline_seconds=webhook.deadline_seconds + _AROUND_SECONDS,
        )
    return found
