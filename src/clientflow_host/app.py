"""The host: webhooks come in, the API answers."""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Mapping
from importlib.metadata import version
from typing import Any, Final

from aiohttp import web

from clientflow_core.contributions.context import Process
from clientflow_core.domain.roles import Role
from clientflow_core.persistence.intake import Intake
from clientflow_host import pages, routes
from clientflow_host.assembly import ASSEMBLY, Assembly, assemble
from clientflow_host.heartbeat import beating
from clientflow_host.live import LIVE, LiveHub, live_updates
from clientflow_host.middleware.access import log_requests
from clientflow_host.middleware.authentication import authenticate
from clientflow_host.middleware.edge import guard_edge
from clientflow_host.middleware.problems import answer_problems
from clientflow_host.middleware.sessions import authenticate_session
from clientflow_host.openapi import (
    ApiRequest,
    Chapter,
    Operation,
    add_chapters,
    add_operations,
    build_document,
    load_all,
)
from clientflow_host.openapi.postman import build_collection
from clientflow_host.pages.error_pages import show_errors
from clientflow_host.pages.site import SITE, site_facts
from clientflow_host.plugin_moments import plugins_running
from clientflow_host.routes import health
from clientflow_host.routes.plugins import plugin_operations
from clientflow_host.routes.webhooks import INTAKE, webhook_operations
from clientflow_host.self_description import describe_process
from clientflow_host.serving import has_parent, leaving_in_time, listening, wait_for_stop

# Who asks /ready each second, or is told of a stop by others, sends nothing new here by then.
_NOTICE_SECONDS: Final = 2.0
_GRACE_SECONDS: Final = 6.0
# Under `up` nobody spreads requests.
_SHORT_NOTICE_SECONDS: Final = 0.2
_MOST_BODY_BYTES: Final = 1024 * 1024
_TITLE: Final = "ClientFlow"


def build_app(assembly: Assembly) -> web.Application:
    """Give the application that serves *assembly*."""
    app = web.Application(client_max_size=_MOST_BODY_BYTES, middlewares=[show_errors])
    answer_problems(app, observers=assembly.observers)
    log_requests(app)
    app[ASSEMBLY] = assembly
    assembly.database.hurry()
    guard_edge(app, assembly)
    app[INTAKE] = Intake(assembly.database)
    app[LIVE] = LiveHub(assembly.direct_url)
    app.cleanup_ctx.extend([_intake, live_updates])
    app[SITE] = site_facts(assembly.settings, assembly.registry)
    _add_api(app, assembly)
    of_plugins = Chapter(paths=("/x",), load=functools.partial(_pages_of_plugins, assembly))
    add_chapters(app, [*pages.CHAPTERS, of_plugins], authenticate=authenticate_session)
    return app


def _add_api(app: web.Application, assembly: Assembly) -> None:
    webhooks = webhook_operations(assembly.registry.webhooks.values())
    # At once, since nobody has seen before whether their types can be published.
    of_plugins = plugin_operations(assembly)

    def published() -> list[Operation]:
        return [*health.OPERATIONS, *webhooks, *load_all(routes.CHAPTERS), *of_plugins]

    documents = _document_operations(published, url=assembly.settings.url)
    at_once = [*health.OPERATIONS, *webhooks, *of_plugins, *documents]
    add_operations(app, at_once, authenticate=authenticate)
    add_chapters(app, routes.CHAPTERS, authenticate=authenticate)


def _pages_of_plugins(assembly: Assembly) -> list[Operation]:
    from clientflow_host.pages.plugin_pages import (  # noqa: PLC0415 - as any other page
        plugin_pages,
    )

    return list(plugin_pages(assembly))


async def serve(values: Mapping[str, str]) -> None:
    """Run the host until the process is told to stop.

    Raises:
        SettingsError, PluginError, DatabaseUnfit: it cannot be put together as *values* ask.
        PortTaken: something else listens at its port.
    """
    with leaving_in_time() as leaving:
        async with assemble(values) as assembly, _serving(assembly):
            await wait_for_stop()
            leaving.start()


@contextlib.asynccontextmanager
async def _serving(assembly: Assembly) -> AsyncIterator[None]:
    settings = assembly.settings
    async with (
        plugins_running(assembly, Process.SERVE),
        beating(
            assembly.database,
            kind="serve",
            describe=functools.partial(describe_process, assembly),
            clock=assembly.clock,
        ),
        listening(
            build_app(assembly),
            host=settings.host,
            port=settings.port,
            port_env="CLIENTFLOW_PORT",
            notice_seconds=_SHORT_NOTICE_SECONDS if has_parent() else _NOTICE_SECONDS,
            grace_seconds=_GRACE_SECONDS,
        ),
    ):
        yield


async def _intake(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[INTAKE].close()


def api_document() -> dict[str, Any]:
    """Give the document of the API as every host has it, whatever is enabled."""
    return _document([*health.OPERATIONS, *load_all(routes.CHAPTERS)])


def _document(operations: list[Operation]) -> dict[str, Any]:
    return build_document(operations, title=_TITLE, version=version("clientflow"))


def _document_operations(published: Callable[[], list[Operation]], *, url: str) -> list[Operation]:
    """Give the operations that tell what *published* are, and they themselves."""

    @functools.cache
    def document() -> dict[str, Any]:
        return _document([*published(), *operations])

    async def openapi_document(request: ApiRequest[None, None, None]) -> web.Response:
        """Give this document."""
        return web.json_response(document())

    async def postman_collection(request: ApiRequest[None, None, None]) -> web.Response:
        """Give the same as a collection for Postman."""
        return web.json_response(build_collection(document(), url=url))

    handlers = {"/api/openapi.json": openapi_document, "/api/postman.json": postman_collection}
    operations = [
        Operation(
            method="GET",
            path=path,
            role=Role.PUBLIC,
            handler=handler,
            tag="operation",
            media_type="application/json",
        )
        for path, handler in handlers.items()
    ]
    return operations
