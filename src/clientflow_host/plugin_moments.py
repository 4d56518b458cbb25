"""When a process begins and ends, the plugins are told: one after the other, each on a deadline."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog

from clientflow_core.contributions.context import HostContext, Process
from clientflow_core.providers.observers import Observers
from clientflow_core.registry.bound import host_context, plugin_context
from clientflow_core.registry.contributions import Moment
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.fence import fenced
from clientflow_host.assembly import Assembly

_STARTUP_SECONDS: Final = 10.0
_SHUTDOWN_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def plugins_running(assembly: Assembly, process: Process) -> AsyncIterator[None]:
    """Let each enabled plugin begin, and end in the opposite order.

    One that fails to begin is logged, and not asked to end; the process goes on without it.
    """
    begun: list[tuple[Plugin, HostContext]] = []
    passes = partial(_passes, observers=assembly.observers)
    try:
        for plugin in assembly.registry.plugins:
            plain = plugin_context(plugin, providers=assembly.registry, clock=assembly.clock)
            context = host_context(plain, process)
            startup = plugin.contributions.startup
            if await passes(startup, plugin, context, "startup", _STARTUP_SECONDS):
                begun.append((plugin, context))
        yield
    finally:
        for plugin, context in reversed(begun):
            shutdown = plugin.contributions.shutdown
            await passes(shutdown, plugin, context, "shutdown", _SHUTDOWN_SECONDS)


async def _passes(
    moment: Moment | None,
    plugin: Plugin,
    context: HostContext,
    what: str,
    seconds: float,
    *,
    observers: Observers,
) -> bool:
    """Await one moment of one plugin; False if it failed."""
    if moment is None:
        return True
    try:
        await fenced(
            partial(moment, context),
            plugin=plugin,
            what=f"the {what}",
            deadline_seconds=seconds,
        )
    except Exception as error:
        log.exception(
            "plugin_moment_failed",
            plugin=plugin.name,
            moment=what,
            process=context.process.value,
            exc_info=error,
        )
        observers.report_error(error, fields={"plugin": plugin.name, "moment": what})
        return False
    return True
