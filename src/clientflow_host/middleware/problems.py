"""Every error becomes one answer, RFC 9457, and every request has an id by which it is found."""

import http
import re
import secrets
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy import exc

from clientflow_core.errors import (
    BadPayload,
    ClientFlowError,
    DatabaseUnfit,
    Overloaded,
    PluginError,
)
from clientflow_core.providers.observers import NOBODY, Observers
from clientflow_host.openapi.problems import (
    REQUEST_ID,
    REQUEST_ID_HEADER,
    internal_problem,
    problem_of,
    problem_of_http,
    status_of,
)

_INCOMING_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BEGUN: Final = web.RequestKey("begun", web.StreamResponse)
"""The response that has begun to be sent, after which no other can be."""

_OBSERVERS: Final = web.AppKey("observers", Observers)
# They come every few seconds and say nothing, or stay open for as long as a page does.
_UNTIMED: Final = frozenset({"/health", "/ready", "/metrics", "/stream"})

log = structlog.get_logger(__name__)


class ServerError(Exception):
    """The answer says that we have failed; only observers see this error."""

    def __init__(self, answer: web.StreamResponse) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


class _CallerGone(BadPayload):
    """Nobody is there any more to be answered; no failure of ours."""


def answer_problems(app: web.Application, *, observers: Observers = NOBODY) -> None:
    """Make *app* answer every error with a problem and name each request; comes first of all.

    Args:
        app: not running yet.
        observers: are told of what is answered 500, and how long each request takes.
    """
    app[_OBSERVERS] = observers
    app.middlewares.insert(0, problems_middleware)
    app.on_response_prepare.append(send_request_id)


@web.middleware
async def problems_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, and make a problem of whatever *handler* raises.

    A valid ``X-Request-Id`` is taken over, so that a caller finds its own requests in our log.
    """
    request_id = _request_id(request)
    request[REQUEST_ID] = request_id
    # Not as a context manager, which looks through every context variable there is.
    bound = structlog.contextvars.bind_contextvars(request_id=request_id, organization_id=None)
    try:
        if request.app[_OBSERVERS] and request.path not in _UNTIMED:
            return await _observed(request, handler)
        return await _answered(request, handler)
    finally:
        structlog.contextvars.reset_contextvars(**bound)


async def _observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    about = _about(request)
    name = f"{about['method']} {about['route']}"
    try:
        with request.app[_OBSERVERS].span(name, fields=about):
            answer = await _answered(request, handler)
            if answer.status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                return answer
            raise ServerError(answer)
    except ServerError as failed:
        return failed.answer


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if _BEGUN in request:
            # aiohttp would send it behind what was sent already, in the middle of the body.
            msg = f"{type(error).__name__} was raised after another answer had begun"
            return _answer(RuntimeError(msg), request)
        if error.status < http.HTTPStatus.BAD_REQUEST:
            raise
        return problem_of_http(error, request_id=request[REQUEST_ID])
    except Exception as error:  # noqa: BLE001 - nothing may reach the caller as it is
        return _answer(error, request)


async def send_request_id(request: web.Request, response: web.StreamResponse) -> None:
    """Put the id on *response*, also on a stream, just before its headers are sent."""
    request[_BEGUN] = response
    request_id = request.get(REQUEST_ID)
    if request_id is not None:
        response.headers[REQUEST_ID_HEADER] = request_id


def _answer(error: Exception, request: web.Request) -> web.StreamResponse:
    begun: web.StreamResponse | None = request.get(_BEGUN)
    known = _to_known(error, request)
    if begun is not None and isinstance(known, _CallerGone):
        return begun
    if known is None or status_of(known) == http.HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", exc_info=error, **_about(request))
        request.app[_OBSERVERS].report_error(error, fields=_about(request))
    elif status_of(known) > http.HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_not_served", code=known.code, reason=str(known), **_about(request))
        if isinstance(known, PluginError):
            request.app[_OBSERVERS].report_error(known, fields=_about(request))
    if begun is not None:
        # The caller must not take the part that was sent for the whole: aiohttp cuts it off.
        raise error
    request_id = request[REQUEST_ID]
    if known is None:
        return internal_problem(request_id=request_id)
    return problem_of(known, request_id=request_id)


def _to_known(error: Exception, request: web.Request) -> ClientFlowError | None:
    match error:
        case ClientFlowError():
            return error
        case ConnectionError() if request.transport is None or request.transport.is_closing():
            return _CallerGone("the caller has closed the connection")
        case exc.TimeoutError():
            return Overloaded("the database has too much to do, or does not answer; come back soon")
        case (
            exc.OperationalError()
            | exc.InterfaceError()
            | exc.DBAPIError(connection_invalidated=True)
        ):
            return DatabaseUnfit(str(error.orig).partition("\n")[0])
        case _:
            return None


def _about(request: web.Request) -> dict[str, str]:
    resource = request.match_info.route.resource
    # The template, since a path may hold what is personal.
    route = resource.canonical if resource is not None else "none"
    return {"method": request.method, "route": route, "request_id": request[REQUEST_ID]}


def _request_id(request: web.Request) -> str:
    incoming = request.headers.get(REQUEST_ID_HEADER, "")
    return incoming if _INCOMING_ID.fullmatch(incoming) else secrets.token_hex(16)
