"""``/``: what this is, for who comes by; who is signed in is led to their inbox."""

from typing import Final

from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_host.middleware.sessions import find_signed_in
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.entry import INBOX
from clientflow_host.pages.rendering import render


async def show_home(request: ApiRequest[None, None, None]) -> web.StreamResponse:
    """Tell what this is."""
    if await find_signed_in(request.raw) is not None:
        raise web.HTTPSeeOther(INBOX)
    return render(request.raw, "home.html")


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/",
        role=Role.PUBLIC,
        handler=show_home,
        tag="pages",
        media_type="text/html",
        foreign=True,
    ),
)
