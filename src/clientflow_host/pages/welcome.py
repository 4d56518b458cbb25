"""``/``: what runs here, for whoever opens the address in a browser."""

from typing import Final

from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_host.openapi import ApiRequest, Operation

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ClientFlow</title>
</head>
<body>
<main>
<h1>ClientFlow</h1>
<p>Texts of clients come in here, and answers go out. This is the service behind it:</p>
<ul>
<li><a href="/api/openapi.json">The API, described by OpenAPI 3.1</a></li>
<li><a href="/ready">Whether everything that it needs is there</a></li>
<li><a href="/metrics">What it counts, for Prometheus</a></li>
</ul>
</main>
</body>
</html>
"""


async def welcome(request: ApiRequest[None, None, None]) -> web.Response:
    """Tell what runs here."""
    return web.Response(text=_PAGE, content_type="text/html", headers=_HEADERS)


WELCOME: Final = Operation(
    method="GET",
    path="/",
    role=Role.PUBLIC,
    handler=welcome,
    tag="pages",
    media_type="text/html",
)
