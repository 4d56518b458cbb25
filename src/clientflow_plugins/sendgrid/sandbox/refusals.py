"""How the stand-in says no: SendGrid's errors, as in its OpenAPI document ``tsg_mail_v3.json``."""

from http import HTTPStatus

import attrs
from aiohttp import web


@attrs.frozen
class Refusal(Exception):
    """A call is refused, with what it is about."""

    status: int
    message: str
    field: str | None = None


def bad_request(message: str, *, field: str | None = None) -> Refusal:
    """Give a refusal of what was asked."""
    return Refusal(HTTPStatus.BAD_REQUEST, message, field)


def error_response(refusal: Refusal) -> web.Response:
    """Give SendGrid's JSON for *refusal*."""
    error = {"message": refusal.message, "field": refusal.field}
    return web.json_response({"errors": [error]}, status=refusal.status)
