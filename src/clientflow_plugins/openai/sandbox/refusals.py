"""How the stand-in says no: https://developers.openai.com/api/docs/guides/error-codes."""

from http import HTTPStatus

import attrs
from aiohttp import web

_INVALID = "invalid_request_error"


@attrs.frozen(kw_only=True)
class Refusal(Exception):
    """A call is refused, in OpenAI's own form."""

    status: int
    message: str
    type: str = _INVALID
    code: str | None = None
    param: str | None = None

    def as_response(self) -> web.Response:
        """Give the answer that says so."""
        error = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        return web.json_response({"error": error}, status=self.status)


def invalid(message: str, *, param: str | None, code: str | None = "invalid_value") -> Refusal:
    """Give the refusal of a value."""
    return Refusal(status=HTTPStatus.BAD_REQUEST, message=message, code=code, param=param)


def unknown_model(model: str) -> Refusal:
    """Give the refusal of a model that there is not."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Refusal(
        status=HTTPStatus.NOT_FOUND, message=message, code="model_not_found", param="model"
    )


def strange_key() -> Refusal:
    """Give the refusal of a key; OpenAI repeats a part of it here."""
    message = (
        "Incorrect API key provided. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    )
    return Refusal(status=HTTPStatus.UNAUTHORIZED, message=message, code="invalid_api_key")


def no_money() -> Refusal:
    """Give the refusal of an account that has no money left; its status is that of "too fast"."""
    message = "You exceeded your current quota, please check your plan and billing details."
    code = "insufficient_quota"
    return Refusal(status=HTTPStatus.TOO_MANY_REQUESTS, message=message, type=code, code=code)


def trouble(status: int) -> Refusal:
    """Give OpenAI's words for 429, 500 or 503."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message, code = "Rate limit reached for requests.", "rate_limit_exceeded"
        return Refusal(status=status, message=message, type="requests", code=code)
    message = "The server had an error while processing your request."
    return Refusal(status=status, message=message, type="server_error")
