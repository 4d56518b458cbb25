"""The host: webhooks come in, the API answers."""

import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from typing import Any, Final

from aiohttp import web

from clientflow_core.contributions.context import Process
from clientflow_core.domain.roles import Role
from clientflow_core.persistence.intake import Intake
from clientflow_host.assembly import ASSEMBLY, Assembly, assemble
from clientflow_host.heartbeat import beating
from clientflow_host.live import LIVE, LiveHub, live_updates
from clientflow_host.middleware.access import log_requests
from clientflow_host.middleware.authentication import authenticate
from clientflow_host.middleware.edge import guard_edge
from clientflow_host.middleware.problems import answer_problems
from clientflow_host.middleware.sessions import authenticate_session
from clientflow_host.openapi import ApiRequest, Operation, add_operations, build_document
from clientflow_host.openapi.postman import build_collection
from clientflow_host.pages import billing as billing_pages
from clientflow_host.pages import calendar as calendar_page
from clientflow_host.pages import (
    calendar_feed,
    cookies,
    crawlers,
    emails,
    entry,
    home,
    inbox,
    legal,
    operation,
    problems,
)
from clientflow_host.pages import consents as consent_pages
from clientflow_host.pages import contacts as contact_pages
from clientflow_host.pages import drafts as draft_pages
from clientflow_host.pages import jobs as job_pages
from clientflow_host.pages import providers as provider_page
from clientflow_host.pages.api_docs import API_DOCS
from clientflow_host.pages.design import DESIGN
from clientflow_host.pages.error_pages import show_errors
from clientflow_host.pages.plugin_pages import plugin_pages
from clientflow_host.pages.site import SITE, site_facts
from clientflow_host.pages.static_files import FILES
from clientflow_host.pages.stream import STREAM
from clientflow_host.plugin_moments import plugins_running
from clientflow_host.routes import (
    appointments,
    attachments,
    billing,
    calendars,
    channels,
    consents,
    contacts,
    conversations,
    drafts,
    feeds,
    health,
    jobs,
    messages,
    providers,
)
from clientflow_host.routes.plugins import plugin_operations
from clientflow_host.routes.webhooks import INTAKE, webhook_operations
from clientflow_host.self_description import describe_process
from clientflow_host.serving import has_parent, leaving_in_time, listening, wait_for_stop

_API: Final = (
    *contacts.OPERATIONS,
    *consents.OPERATIONS,
    *conversations.OPERATIONS,
    *drafts.OPERATIONS,
    *messages.OPERATIONS,
    *attachments.OPERATIONS,
    *channels.OPERATIONS,
    *providers.OPERATIONS,
    *billing.OPERATIONS,
    *calendars.OPERATIONS,
    *appointments.OPERATIONS,
    *feeds.OPERATIONS,
    *jobs.OPERATIONS,
)
PAGES: Final = (
    *home.OPERATIONS,
    *entry.OPERATIONS,
    *cookies.OPERATIONS,
    *legal.OPERATIONS,
    *crawlers.OPERATIONS,
    *inbox.OPERATIONS,
    *emails.OPERATIONS,
    *draft_pages.OPERATIONS,
    *contact_pages.OPERATIONS,
    *consent_pages.OPERATIONS,
    *billing_pages.OPERATIONS,
    *calendar_page.OPERATIONS,
    *provider_page.OPERATIONS,
    *calendar_feed.OPERATIONS,
    *operation.OPERATIONS,
    *job_pages.OPERATIONS,
    *problems.OPERATIONS,
    API_DOCS,
    DESIGN,
    FILES,
    STREAM,
)
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
    guard_edge(app, assembly)
    app[INTAKE] = Intake(assembly.database)
    app[LIVE] = LiveHub(assembly.direct_url)
    app.cleanup_ctx.extend([_intake, live_updates])
    published = [
        *health.OPERATIONS,
        *webhook_operations(assembly.registry.webhooks.values()),
        *_API,
        *plugin_operations(assembly),
    ]
    documents = _document_operations(published, url=assembly.settings.url)
    add_operations(app, [*published, *documents], authenticate=authenticate)
    pages = [*PAGES, *plugin_pages(assembly)]
    app[SITE] = site_facts(assembly.settings, assembly.registry, pages)
    add_operations(app, pages, authenticate=authenticate_session)
    return app


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
    operations = [*health.OPERATIONS, *_API]
    return build_document(operations, title=_TITLE, version=version("clientflow"))


def _document_operations(published: list[Operation], *, url: str) -> list[Operation]:
    """Give the operations that tell what *published* are, and they themselves."""

    async def openapi_document(request: ApiRequest[None, None, None]) -> web.Response:
        """Give this document."""
        return web.json_response(document)

    async def postman_collection(request: ApiRequest[None, None, None]) -> web.Response:
        """Give the same as a collection for Postman."""
        return web.json_response(build_collection(document, url=url))

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
    document = build_document(
        [*published, *operations], title=_TITLE, version=version("clientflow")
    )
    return operations
