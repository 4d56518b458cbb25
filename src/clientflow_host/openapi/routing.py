"""Operations to routes: who asks, may they, what do they say, and what is the answer."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, TypeVar

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler as AiohttpHandler

from clientflow_core.domain.roles import Principal
from clientflow_core.errors import NotAllowed
from clientflow_host.openapi.operations import (
    REQUEST_SECONDS,
    Authenticate,
    Operation,
    kinds_of,
    refuse_duplicates,
)
from clientflow_host.openapi.problems import HttpProblem
from clientflow_host.openapi.requests import RequestReader
from clientflow_host.openapi.responses import to_response
from clientflow_host.openapi.schemas import compile_schemas

_TOOK_TOO_LONG: Final = (
    "it could not be done in time, and may be done all the same: ask again, under the same"
    " Idempotency-Key if there was one"
)
_RETRY: Final[Mapping[str, str]] = MappingProxyType({"Retry-After": "1"})
_T = TypeVar("_T")

CALLER: Final = web.RequestKey("caller", Principal)
"""On whose behalf a request is made, once that is known."""


def add_operations(
    app: web.Application, operations: Iterable[Operation], *, authenticate: Authenticate
) -> None:
    """Serve *operations* in *app*, which has not yet started; see :func:`route_operations`."""
    route_operations(app.router, operations, authenticate=authenticate)


def route_operations(
    router: web.UrlDispatcher, operations: Iterable[Operation], *, authenticate: Authenticate
) -> None:
    """Have *router* lead to *operations*; what is asked with GET is answered to HEAD as well.

    Everything is compiled here, so that a type that cannot be published is found at once.

    Args:
        router: not frozen.
        operations: all of them at once, since their schemas refer to each other.
        authenticate: finds out who asks; not called for public operations.

    Raises:
        TypeError: a type cannot be published, or not be read from a request.
        ValueError: two operations have the same name, or the same method and path.
    """
    served = tuple(operations)
    refuse_duplicates(served)
    schemas = compile_schemas(kinds_of(served))
    for operation in served:
        reader = RequestReader.of(operation, schemas)
        handler = _bind(operation, reader, authenticate)
        router.add_route(operation.method, operation.path, handler)
        if operation.method == hdrs.METH_GET:
            router.add_route(hdrs.METH_HEAD, operation.path, handler)


def _bind(
    operation: Operation, reader: RequestReader, authenticate: Authenticate
) -> AiohttpHandler:
    now = time.monotonic

    async def serve(request: web.Request) -> web.StreamResponse:
        begun, caller = now(), None
        if not operation.is_public:
            caller = await _in_time(authenticate(request), seconds=REQUEST_SECONDS)
            _note_caller(request, caller)
            _require_right(caller, operation)
        spent = now() - begun
        asked = await reader.read(request, caller=caller)
        most = operation.deadline_seconds
        left = None if most is None else most - spent
        answer = await _in_time(operation.handler(asked), seconds=left)
        return to_response(answer, operation=operation)

    return serve


async def _in_time(work: Awaitable[_T], *, seconds: float | None) -> _T:
    """Wait for *work*, which is given up after so many *seconds*.

    Raises:
        HttpProblem: 503, it was. What it was about to commit may be committed all the same.
    """
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await work
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise HttpProblem(
            HTTPStatus.SERVICE_UNAVAILABLE, "took_too_long", _TOOK_TOO_LONG, headers=_RETRY
        ) from error


def _note_caller(request: web.Request, caller: Principal) -> None:
    request[CALLER] = caller
    # Whoever has bound the request's id takes this back as well.
    structlog.contextvars.bind_contextvars(organization_id=str(caller.organization_id))


def _require_right(caller: Principal, operation: Operation) -> None:
    if operation.for_operators and not caller.is_operator:
        msg = "this is for who runs the service: CLIENTFLOW_OPERATORS names their addresses"
        raise NotAllowed(msg)
    if caller.role.includes(operation.role):
        return
    msg = f"this needs the role {operation.role} or a higher one; yours is {caller.role}"
    raise NotAllowed(msg)
