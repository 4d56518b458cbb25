"""Errors as a person can read them, where a browser asked for a page."""

from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from clientflow_core.errors import ClientFlowError
from clientflow_host.openapi import REQUEST_ID, status_of

_TITLES: Final = {
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not just now",
}
_NOT_PAGES: Final = ("/api/", "/webhooks/", "/health", "/ready", "/metrics", "/stream", "/static/")

log = structlog.get_logger(__name__)


@web.middleware
async def show_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make a page of what goes wrong below, if it was a page that was asked for."""
    if not _wants_page(request):
        return await handler(request)
    try:
        return await handler(request)
    except ClientFlowError as error:
        status = status_of(error)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        is_hidden = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return _page(request, status, None if is_hidden else str(error))
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return _page(request, error.status, None)


def _wants_page(request: web.Request) -> bool:
    is_browser = "text/html" in request.headers.get(hdrs.ACCEPT, "")
    return is_browser and not request.path.startswith(_NOT_PAGES)


def _page(request: web.Request, status: int, detail: str | None) -> web.Response:
    from clientflow_host.pages.rendering import render  # noqa: PLC0415 - only where one is shown

    title = _TITLES.get(HTTPStatus(status), HTTPStatus(status).phrase)
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return render(
        request,
        "error.html",
        status=status,
        title=title,
        detail=detail,
        is_ours=is_ours,
        request_id=request.get(REQUEST_ID),
    )
