"""How the stand-in says no: the words of Supabase's gateway, and of its auth server.

https://supabase.com/docs/guides/auth/debugging/error-codes.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs
from aiohttp import web


@attrs.frozen
class Refusal(Exception):
    """A call is refused."""

    status: int
    body: Mapping[str, Any]


def auth_refusal(status: int, code: str, message: str) -> Refusal:
    """Give a refusal of the auth server."""
    return Refusal(status, {"code": int(status), "error_code": code, "msg": message})


def no_key() -> Refusal:
    """Give the gateway's refusal of a call without a key."""
    hint = "No `apikey` request header or url param was found."
    return Refusal(
        HTTPStatus.UNAUTHORIZED, {"message": "No API key found in request", "hint": hint}
    )


def wrong_key() -> Refusal:
    """Give the gateway's refusal of a key that is none."""
    hint = "Double check your Supabase `anon` or `service_role` API key."
    return Refusal(HTTPStatus.UNAUTHORIZED, {"message": "Invalid API key", "hint": hint})


def error_response(refusal: Refusal) -> web.Response:
    """Give the JSON for *refusal*."""
    return web.json_response(dict(refusal.body), status=refusal.status)
