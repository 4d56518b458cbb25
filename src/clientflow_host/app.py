"""The host: webhooks come in, the API answers."""

from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from typing import Final

from aiohttp import web

from clientflow_core.contributions.context import Process
from clientflow_core.domain.roles import Role
from clientflow_core.persistence.intake import Intake
from clientflow_host.assembly import ASSEMBLY, Assembly, assemble
from clientflow_host.heartbeat import beating
from clientflow_host.live import LIVE, LiveHub, live_updates
from clientflow_host.middleware.authentication import authenticate
from clientflow_host.middleware.problems import answer_problems
from clientflow_host.middleware.sessions import authenticate_session
from clientflow_host.openapi import ApiRequest, Operation, add_operations, build_document
from clientflow_host.pages import billing as billing_pages
from clientflow_host.pages import calendar as calendar_page
from clientflow_host.pages import contacts as contact_pages
from clientflow_host.pages import drafts as draft_pages
from clientflow_host.pages import emails, entry, inbox, problems
from clientflow_host.pages.api_docs import API_DOCS
from clientflow_host.pages.design import DESIGN
from clientflow_host.pages.error_pages import show_errors
from clientflow_host.pages.plugin_pages import plugin_pages
from clientflow_host.pages.static_files import FILES
from clientflow_host.pages.stream import STREAM
from clientflow_host.plugin_moments import plugins_running
from clientflow_host.routes import (
    attachments,
    billing,
    calendars,
    channels,
    contacts,
    conversations,
    drafts,
    health,
    messages,
    providers,
)
from clientflow_host.routes.plugins import plugin_operations
from clientflow_host.routes.webhooks import INTAKE, webhook_operations
from clientflow_host.serving import listening, wait_for_stop

_API: Final = (
    *contacts.OPERATIONS,
    *conversations.OPERATIONS,
    *drafts.OPERATIONS,
    *messages.OPERATIONS,
    *attachments.OPERATIONS,
    *channels.OPERATIONS,
    *providers.OPERATIONS,
    *billing.OPERATIONS,
    *calendars.OPERATIONS,
)
PAGES: Final = (
    *entry.OPERATIONS,
    *inbox.OPERATIONS,
    *emails.OPERATIONS,
    *draft_pages.OPERATIONS,
    *contact_pages.OPERATIONS,
    *billing_pages.OPERATIONS,
    *calendar_page.OPERATIONS,
    *problems.OPERATIONS,
    API_DOCS,
    DESIGN,
    FILES,
    STREAM,
)
_MOST_BODY_BYTES: Final = 1024 * 1024


def build_app(assembly: Assembly) -> web.Application:
    """Give the application that serves *assembly*."""
    app = web.Application(client_max_size=_MOST_BODY_BYTES, middlewares=[show_errors])
    answer_problems(app, observers=assembly.observers)
    app[ASSEMBLY] = assembly
    app[INTAKE] = Intake(assembly.database)
    app[LIVE] = LiveHub(assembly.direct_url)
    app.cleanup_ctx.extend([_intake, live_updates])
    published = [
        *health.OPERATIONS,
        *webhook_operations(assembly.registry.webhooks.values()),
        *_API,
        *plugin_operations(assembly),
    ]
    document = _document_operation(published)
    add_operations(app, [*published, document], authenticate=authenticate)
    pages = [*PAGES, *plugin_pages(assembly)]
    add_operations(app, pages, authenticate=authenticate_session)
    return app


async def serve(values: Mapping[str, str]) -> None:
    """Run the host until the process is told to stop.

    Raises:
        SettingsError, PluginError, DatabaseUnfit: it cannot be put together as *values* ask.
        PortTaken: something else listens at its port.
    """
    async with assemble(values) as assembly:
        settings = assembly.settings
        async with (
            plugins_running(assembly, Process.SERVE),
            beating(assembly.database, kind="serve"),
            listening(
                build_app(assembly),
                host=settings.host,
                port=settings.port,
                port_env="CLIENTFLOW_PORT",
            ),
        ):
            await wait_for_stop()


async def _intake(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[INTAKE].close()


def _document_operation(published: list[Operation]) -> Operation:
    async def openapi_document(request: ApiRequest[None, None, None]) -> web.Response:
        """Give this document."""
        return web.json_response(document)

    operation = Operation(
        method="GET",
        path="/api/openapi.json",
        role=Role.PUBLIC,
        handler=openapi_document,
        tag="operation",
        media_type="application/json",
    )
    document = build_document(
        [*published, operation], title="ClientFlow", version=version("clientflow")
    )
    return operation
