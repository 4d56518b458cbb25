"""What may be set of the two webhooks, as SendGrid takes it."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from clientflow_plugins.sendgrid.sandbox.refusals import Refusal
from clientflow_plugins.sendgrid.sandbox.resources import EVENTS

EVENT_FIELDS: Final[Mapping[str, type]] = {
    "url": str, "enabled": bool, "friendly_name": str, **dict.fromkeys(EVENTS, bool),
}  # fmt: skip
# The policy is not in the official document, but in Twilio's guide on securing Parse.
PARSE_FIELDS: Final[Mapping[str, type]] = {
    "url": str, "hostname": str, "spam_check": bool, "send_raw": bool, "security_policy": str,
}  # fmt: skip
_URL: Final = re.compile(r"https?://[!-~]+")


async def read_event_setting(request: web.Request) -> dict[str, Any]:
    """Read what is set of the event webhook; a kind of event that is left out is switched off.

    Raises:
        Refusal: it is not what SendGrid takes.
    """
    return {"enabled": False, **dict.fromkeys(EVENTS, False)} | await _read(request, EVENT_FIELDS)


async def read_parse_setting(request: web.Request) -> dict[str, Any]:
    """Read what is set of Inbound Parse; what is left out stays as it is.

    Raises:
        Refusal: it is not what SendGrid takes.
    """
    return await _read(request, PARSE_FIELDS)


async def _read(request: web.Request, fields: Mapping[str, type]) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body is no JSON") from error
    if not isinstance(body, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body is no object")
    for name, value in body.items():
        if not isinstance(value, fields.get(name, ())):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} is not known, or of another type")
    if not _URL.fullmatch(body.get("url", "")):
        raise Refusal(HTTPStatus.BAD_REQUEST, "url is not a valid URL")
    return body
