"""How the stand-in says no: Twilio's errors, https://www.twilio.com/docs/api/errors."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import attrs
from aiohttp import web

# The one parameter that may be there several times.
MEDIA_URL: Final = "MediaUrl"


@attrs.frozen
class Refusal(Exception):
    """A call is refused, with Twilio's own code and words."""

    status: int
    code: int
    message: str


def bad_request(code: int, message: str) -> Refusal:
    """Give a refusal of what was asked."""
    return Refusal(HTTPStatus.BAD_REQUEST, code, message)


def not_found(request: web.Request) -> Refusal:
    """Give the refusal of something that is not there."""
    message = f"The requested resource {request.path} was not found"
    return Refusal(HTTPStatus.NOT_FOUND, 20404, message)


def refuse_unknown(given: Iterable[str], known: frozenset[str]) -> None:
    """Refuse parameters that are not *known*.

    Raises:
        Refusal: there is one.
    """
    unknown = sorted(set(given) - known)
    if unknown:
        raise bad_request(20001, f"the sandbox does not know the parameter {unknown[0]}")


async def read_form(request: web.Request) -> dict[str, str]:
    """Read the form of a call.

    Raises:
        Refusal: it cannot be decoded, or a parameter is there twice that may not.
    """
    try:
        form = await request.post()
    except (ValueError, LookupError) as error:
        raise bad_request(20001, "the body is not a form in UTF-8") from error
    for name in form:
        if name != MEDIA_URL and len(form.getall(name)) > 1:
            raise bad_request(20001, f"the parameter {name} is there twice")
    return {name: str(value) for name, value in form.items()}


def error_response(refusal: Refusal) -> web.Response:
    """Give Twilio's JSON for *refusal*."""
    body = {
        "code": refusal.code,
        "message": refusal.message,
        "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
        "status": int(refusal.status),
    }
    return web.json_response(body, status=refusal.status)
