"""How the stand-in says no, as Sentry's ingest server does.

https://github.com/getsentry/relay: relay-server/src/endpoints/common.rs and
relay-server/src/extractors/request_meta.rs.
"""

from http import HTTPStatus

import attrs
from aiohttp import web


@attrs.frozen
class Refusal(Exception):
    """A call is refused, in Sentry's words."""

    status: int
    detail: str


def bad_envelope(cause: str) -> Refusal:
    """Give a refusal of what was sent."""
    return Refusal(HTTPStatus.BAD_REQUEST, f"invalid event envelope: {cause}")


def error_response(refusal: Refusal) -> web.Response:
    """Give Sentry's JSON for *refusal*."""
    return web.json_response({"detail": refusal.detail}, status=refusal.status)
