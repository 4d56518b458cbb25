"""How the stand-in says no: a ``google.rpc.Status``, as OTLP asks for.

https://opentelemetry.io/docs/specs/otlp/#failures-1.
"""

from http import HTTPStatus
from typing import Final

import attrs
from aiohttp import web
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

PROTOBUF: Final = "application/x-protobuf"
# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
_CODES: Final = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.TOO_MANY_REQUESTS: 8,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
_INTERNAL: Final = 13


@attrs.frozen
class Refusal(Exception):
    """A request is refused, for a reason."""

    status: int
    reason: str


def malformed(reason: str) -> Refusal:
    """Give a refusal of what was sent."""
    return Refusal(HTTPStatus.BAD_REQUEST, reason)


def error_response(refusal: Refusal) -> web.Response:
    """Give the protobuf for *refusal*."""
    code = _CODES.get(HTTPStatus(refusal.status), _INTERNAL)
    body = Status(code=code, message=refusal.reason).SerializeToString()
    return web.Response(body=body, status=refusal.status, content_type=PROTOBUF)
