"""How the stand-in says no: https://developers.google.com/workspace/calendar/api/guides/errors."""

from http import HTTPStatus

import attrs
from aiohttp import web


@attrs.frozen
class Refusal(Exception):
    """A call is refused, with Google's own word and sentence."""

    status: int
    reason: str
    message: str
    domain: str = "global"

    def as_response(self) -> web.Response:
        """Give Google's JSON for it."""
        error = {"domain": self.domain, "reason": self.reason, "message": self.message}
        body = {"errors": [error], "code": int(self.status), "message": self.message}
        return web.json_response({"error": body}, status=self.status)


def bad_request(reason: str, message: str) -> Refusal:
    """Give the refusal of what was asked."""
    return Refusal(HTTPStatus.BAD_REQUEST, reason, message)


def not_found() -> Refusal:
    """Give the refusal of something that is not there."""
    return Refusal(HTTPStatus.NOT_FOUND, "notFound", "Not Found")


def forbidden(reason: str, message: str) -> Refusal:
    """Give the refusal of something that this account may not do."""
    return Refusal(HTTPStatus.FORBIDDEN, reason, message, "calendar")


def busy_answer(status: int) -> Refusal:
    """Give what Google says when it is not well, with a *status* of 429, 500 or 503."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Refusal(status, "rateLimitExceeded", "Rate Limit Exceeded", "usageLimits")
    return Refusal(status, "backendError", "Backend Error")
