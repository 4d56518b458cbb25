"""``/api/docs``: the API to read and to try, in Swagger UI from our own files."""

from typing import Final

from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.rendering import render
from clientflow_host.pages.templating import page_headers

# Swagger UI draws its icons from data URLs.
_HEADERS: Final = page_headers(img_src="'self' data:")


async def show_api_docs(request: ApiRequest[None, None, None]) -> web.Response:
    """Show the API's documentation."""
    response = render(request.raw, "api_docs.html")
    response.headers.update(_HEADERS)
    return response


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/docs",
        role=Role.PUBLIC,
        handler=show_api_docs,
        tag="pages",
        media_type="text/html",
    ),
)
