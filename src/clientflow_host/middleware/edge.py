"""What stands around everything that is served: limits before it, headers behind it."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from clientflow_host.assembly import ASSEMBLY, Assembly
from clientflow_host.middleware.body_deadline import body_deadline
from clientflow_host.middleware.client_address import came_by_http
from clientflow_host.middleware.cors import answer_preflight, cors_headers
from clientflow_host.middleware.rate_limits import (
    RATE_LIMITS,
    limit_rate,
    note_credential,
    open_rate_limits,
    rate_limit_headers,
)
from clientflow_host.middleware.response_headers import add_missing, default_headers

_DEFAULT_HEADERS: Final = web.AppKey("default_headers", dict[str, str])
# Whoever watches over the processes asks them past the proxy.
_ALSO_BY_HTTP: Final = ("/health", "/ready", "/metrics")


def guard_edge(app: web.Application, assembly: Assembly) -> None:
    """Put the limits and the headers around what *app* serves, inside of its other middlewares."""
    settings = assembly.settings
    app[RATE_LIMITS] = open_rate_limits(settings.edge, redis_url=settings.redis_url)
    app.cleanup_ctx.append(_rate_limits)
    app.middlewares.append(_guard)
    send_default_headers(app, url=settings.url)
    app.on_response_prepare.append(_tell_caller)


def send_default_headers(app: web.Application, *, url: str) -> None:
    """Have every answer of *app* say what it must to a browser, and of which release it is.

    Args:
        app: not running yet.
        url: where the world reaches it.
    """
    app[_DEFAULT_HEADERS] = default_headers(url)
    app.on_response_prepare.append(_add_defaults)


async def _rate_limits(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[RATE_LIMITS].buckets.close()


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    settings = request.app[ASSEMBLY].settings
    _refuse_plain_http(request, settings.url)
    preflight = answer_preflight(request, settings.edge.cors_origins)
    if preflight is not None:
        return preflight
    await limit_rate(request)
    try:
        if request.content.is_eof():
            # All of it came together with the head, as it nearly always does.
            return await handler(request)
        with body_deadline(request):
            return await handler(request)
    finally:
        note_credential(request)


def _refuse_plain_http(request: web.Request, url: str) -> None:
    """Lead to https who has come to a proxy of ours without it.

    Raises:
        aiohttp.web.HTTPPermanentRedirect: with the same method and body.
    """
    is_http = url.startswith("https://") and came_by_http(request)
    if is_http and request.path not in _ALSO_BY_HTTP:
        raise web.HTTPPermanentRedirect(url + request.raw_path)


async def _add_defaults(request: web.Request, response: web.StreamResponse) -> None:
    add_missing(response, request.app[_DEFAULT_HEADERS])


async def _tell_caller(request: web.Request, response: web.StreamResponse) -> None:
    origins = request.app[ASSEMBLY].settings.edge.cors_origins
    response.headers.update(cors_headers(request, origins))
    response.headers.update(rate_limit_headers(request))
