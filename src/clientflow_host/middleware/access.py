"""One line of the log for each request, and its time in the metrics."""

import http
import time
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from clientflow_host.metrics import record_request
from clientflow_host.openapi.problems import REQUEST_ID
from clientflow_host.openapi.routing import CALLER

# They come every few seconds and say nothing.
_PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
# They stay open for as long as a page does.
_STREAMS: Final = frozenset({"/stream"})
# As nginx has it: the caller has gone before there was an answer.
_CALLER_GONE: Final = 499

log = structlog.get_logger(__name__)


def log_requests(app: web.Application) -> None:
    """Have each request that *app* serves told in the log; comes after whatever answers errors."""
    app.middlewares.insert(0, access_middleware)


@web.middleware
async def access_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell of the request once it is answered: nothing of its query, its headers or its body."""
    began = time.perf_counter()
    status = int(http.HTTPStatus.INTERNAL_SERVER_ERROR)
    try:
        answer = await handler(request)
        status = answer.status
    except web.HTTPException as error:
        status = error.status
        raise
    except BaseException:
        if request.transport is None or request.transport.is_closing():
            status = _CALLER_GONE
        raise
    finally:
        _tell(request, status, time.perf_counter() - began)
    return answer


def _tell(request: web.Request, status: int, seconds: float) -> None:
    resource = request.match_info.route.resource
    # The template, since a path may hold what is personal.
    route = resource.canonical if resource is not None else "none"
    if route not in _STREAMS:
        record_request(route, request.method, status, seconds)
    is_dull = route in _PROBES and status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    caller = request.get(CALLER)
    (log.debug if is_dull else log.info)(
        "request",
        request_id=request.get(REQUEST_ID),
        organization_id=str(caller.organization_id) if caller else None,
        method=request.method,
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 1),
    )
