"""What a handler gives, made into an HTTP response."""

import http

import msgspec
from aiohttp import web

from clientflow_host.openapi.bodies import JSON_MEDIA_TYPE
from clientflow_host.openapi.operations import Answer, Operation, Reply


def to_response(answer: Answer, *, operation: Operation) -> web.StreamResponse:
    """Make the response for what the handler of *operation* gave; aiohttp's own stay as they are.

    Raises:
        RuntimeError: its status is none that the operation publishes.
    """
    if isinstance(answer, web.StreamResponse):
        return answer
    reply = answer if isinstance(answer, Reply) else Reply(body=answer)
    status = reply.status or _default_status(reply, operation)
    if status not in operation.statuses:
        msg = f"{operation.operation_id} answers {status}, which it does not publish"
        raise RuntimeError(msg)
    if reply.body is None:
        return web.Response(status=status, headers=reply.headers)
    return web.Response(
        status=status,
        body=msgspec.json.encode(reply.body),
        content_type=JSON_MEDIA_TYPE,
        headers=reply.headers,
    )


def _default_status(reply: Reply[object], operation: Operation) -> int:
    if reply.body is None and operation.types.response is not None:
        return http.HTTPStatus.NO_CONTENT
    return operation.status
