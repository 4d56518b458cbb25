"""``/x/{plugin}/...``: the pages that plugins bring. They give data; the HTML is all ours."""

from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from aiohttp import web

from clientflow_core.contributions.context import Asking, PluginContext
from clientflow_core.contributions.pages import PageContent, PageRequest, PageSpec, Show
from clientflow_core.errors import ClientFlowError, PluginError
from clientflow_core.registry.bound import plugin_context
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.fence import fenced
from clientflow_core.services.run_plugin_job import enqueue_asked
from clientflow_host.assembly import ASSEMBLY, Assembly
from clientflow_host.openapi import ApiRequest, Handler, Operation
from clientflow_host.pages.rendering import page_path, render

log = structlog.get_logger(__name__)


def plugin_pages(assembly: Assembly) -> Iterator[Operation]:
    """Give the operations of the pages that the enabled plugins bring."""
    for plugin in assembly.registry.plugins:
        context = plugin_context(plugin, providers=assembly.registry, clock=assembly.clock)
        for spec in plugin.contributions.pages:
            yield _operation("GET", plugin, spec, _handler(plugin, spec, spec.render, context))
            if spec.submit is not None:
                yield _operation("POST", plugin, spec, _handler(plugin, spec, spec.submit, context))


def _operation(method: Any, plugin: Plugin, spec: PageSpec, handler: Handler) -> Operation:
    path = page_path(plugin, spec)
    return Operation(
        method=method,
        path=path,
        role=spec.role,
        handler=handler,
        tag="pages",
        operation_id=f"{method.lower()}{path}",
        summary=spec.title,
        foreign=True,
        deadline_seconds=None,
    )


def _handler(plugin: Plugin, spec: PageSpec, show: Show, context: PluginContext) -> Handler:
    async def handle(request: ApiRequest[None, None, None]) -> web.Response:
        asking = Asking(plugin.contributions.job_names)
        asked = PageRequest(
            caller=request.principal,
            query=_firsts(request.raw.query),
            form=_firsts(await request.raw.post()),
            context=context,
            asking=asking,
        )
        content = await _ask(plugin, spec, show, asked)
        if asking.jobs:
            database = request.raw.app[ASSEMBLY].database
            async with database.organization(request.principal.organization_id) as transaction:
                await enqueue_asked(transaction, plugin, asking.jobs)
        return render(request.raw, "plugin_page.html", title=spec.title, blocks=content.blocks)

    return handle


async def _ask(plugin: Plugin, spec: PageSpec, show: Show, asked: PageRequest) -> PageContent:
    """Let the plugin say what stands on the page.

    Raises:
        PluginError: it fails at that.
        ClientFlowError: it says so itself, such as that there is no such thing.
    """
    what = f"the page {spec.path!r}"
    try:
        answer: Any = await fenced(
            lambda: show(asked), plugin=plugin, what=what, deadline_seconds=spec.deadline_seconds
        )
        if not isinstance(answer, PageContent):
            msg = f"{what} of {plugin.source} gives {type(answer).__name__}, not a PageContent"
            raise TypeError(msg)
    except Exception as error:
        if isinstance(error, ClientFlowError) and not isinstance(error, PluginError):
            raise
        log.exception("plugin_page_failed", plugin=plugin.name, page=spec.path, exc_info=error)
        msg = f"{what} of {plugin.source} failed"
        raise PluginError(msg) from error
    return answer


def _firsts(given: Mapping[str, Any]) -> dict[str, str]:
    """Give the first text of each name; a file is none."""
    first = {name: given[name] for name in given}
    return {name: text.replace("\0", "") for name, text in first.items() if isinstance(text, str)}
