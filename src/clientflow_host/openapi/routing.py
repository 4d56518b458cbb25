"""Operations to routes: who asks, may they, what do they say, and what is the answer."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler as AiohttpHandler

from clientflow_core.domain.roles import Principal
from clientflow_core.errors import NotAllowed, Overloaded
from clientflow_host.openapi.operations import (
    Answer,
    ApiRequest,
    Authenticate,
    Operation,
    kinds_of,
    refuse_duplicates,
)
from clientflow_host.openapi.requests import RequestReader
from clientflow_host.openapi.responses import to_response
from clientflow_host.openapi.schemas import compile_schemas

CALLER: Final = web.RequestKey("caller", Principal)
"""On whose behalf a request is made, once that is known."""


def add_operations(
    app: web.Application, operations: Iterable[Operation], *, authenticate: Authenticate
) -> None:
    """Serve *operations* in *app*; what is asked with GET is answered to HEAD as well.

    Everything is compiled here, so that a type that cannot be published stops the start.

    Args:
        app: not yet started.
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
        app.router.add_route(operation.method, operation.path, handler)
        if operation.method == hdrs.METH_GET:
            app.router.add_route(hdrs.METH_HEAD, operation.path, handler)


def _bind(
    operation: Operation, reader: RequestReader, authenticate: Authenticate
) -> AiohttpHandler:
    async def serve(request: web.Request) -> web.StreamResponse:
        caller = None if operation.is_public else await authenticate(request)
        if caller is not None:
            _note_caller(request, caller)
            _require_right(caller, operation)
        answer = await _in_time(operation, await reader.read(request, caller=caller))
        return to_response(answer, operation=operation)

    return serve


async def _in_time(operation: Operation, request: ApiRequest[Any, Any, Any]) -> Answer:
    if operation.deadline_seconds is None:
        return await operation.handler(request)
    deadline = asyncio.timeout(operation.deadline_seconds)
    try:
        async with deadline:
            return await operation.handler(request)
    except TimeoutError as error:
        if not deadline.expired():
            raise
        msg = f"what was asked for was not done within {operation.deadline_seconds:g} seconds"
        raise Overloaded(msg) from error


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
