"""What Stripe refuses, in its own words: https://docs.stripe.com/api/errors."""

from http import HTTPStatus
from typing import Final

import attrs
from aiohttp import web

INVALID: Final = "invalid_request_error"


@attrs.frozen(kw_only=True)
class Refusal(Exception):
    """A call is refused.

    Attributes:
        kind: the ``type`` of the error.
    """

    message: str
    status: int = HTTPStatus.BAD_REQUEST
    kind: str = INVALID
    code: str | None = None
    param: str | None = None
    decline_code: str | None = None

    def as_response(self) -> web.Response:
        """Give the answer that says so."""
        said = {"code": self.code, "decline_code": self.decline_code, "param": self.param}
        error = {"message": self.message, "type": self.kind}
        error |= {name: value for name, value in said.items() if value is not None}
        return web.json_response({"error": error}, status=self.status)


def no_such(what: str, name: str, *, param: str) -> Refusal:
    """Refuse a name of nothing that is given as a parameter."""
    message = f"No such {what}: '{name}'"
    return Refusal(message=message, code="resource_missing", param=param)


def not_found(what: str, name: str) -> Refusal:
    """Refuse a path that leads to nothing."""
    message = f"No such {what}: '{name}'"
    return Refusal(
        message=message, status=HTTPStatus.NOT_FOUND, code="resource_missing", param="id"
    )


def unknown_url(method: str, path: str) -> Refusal:
    """Refuse a path that there is not."""
    message = f"Unrecognized request URL ({method}: {path})."
    return Refusal(message=message, status=HTTPStatus.NOT_FOUND)


def unauthorized(key: str) -> Refusal:
    """Refuse a key; of a wrong one only the end is shown, as Stripe does."""
    message = "You did not provide an API key."
    if key:
        message = f"Invalid API Key provided: {'*' * 8}{key[-4:]}"
    return Refusal(message=message, status=HTTPStatus.UNAUTHORIZED)


def key_reused(key: str) -> Refusal:
    """Refuse an idempotency key that was for something else."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request."
    )
    return Refusal(message=message, kind="idempotency_error")
