"""Which other sites' scripts may call the API from a browser: those that are listed, and no others.

No credentials go along: a script sends its API key, and never gets at anybody's session.
"""

from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web

_API: Final = "/api/"
_KEPT_SECONDS: Final = 600
_ALLOWED_HEADERS: Final = "Authorization, Content-Type, Idempotency-Key, X-Request-Id"
_EXPOSED_HEADERS: Final = (
    "Idempotent-Replayed, RateLimit, RateLimit-Policy, Retry-After, X-Release, X-Request-Id"
)


def answer_preflight(request: web.Request, origins: Collection[str]) -> web.Response | None:
    """Answer a browser that asks whether a script may do what it wants to; None if it may not.

    The answer to a script that may not is that of any other request: no such method.

    Args:
        request: any.
        origins: the sites that may.
    """
    if request.method != hdrs.METH_OPTIONS or not is_allowed(request, origins):
        return None
    wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
    error = request.match_info.http_exception
    methods = error.allowed_methods if isinstance(error, web.HTTPMethodNotAllowed) else set()
    if wanted not in methods:
        return None
    headers = {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(methods)),
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _ALLOWED_HEADERS,
        hdrs.ACCESS_CONTROL_MAX_AGE: str(_KEPT_SECONDS),
    }
    return web.Response(status=204, headers=headers)


def cors_headers(request: web.Request, origins: Collection[str]) -> dict[str, str]:
    """Give what lets a script of a listed site read the answer; nothing for all others."""
    if not origins or not request.path.startswith(_API):
        return {}
    headers: dict[str, str] = {hdrs.VARY: hdrs.ORIGIN}
    if is_allowed(request, origins):
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
        headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED_HEADERS
        # The answer is for another site than ours.
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return headers


def is_allowed(request: web.Request, origins: Collection[str]) -> bool:
    """Tell whether *request* comes from a script of a listed site, and asks the API."""
    return request.path.startswith(_API) and request.headers.get(hdrs.ORIGIN) in origins
