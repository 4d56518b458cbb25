"""What an answer of Twilio's, or the lack of one, means for the work at hand.

Codes: https://www.twilio.com/docs/api/errors. A POST has no idempotency key (the official OpenAPI
document has none among its 25 properties), so that whatever leaves open whether a text was taken
becomes :class:`OutcomeUnknown`.
"""

import json
from http import HTTPStatus
from typing import Final

import aiohttp
import attrs

from clientflow_core.errors import (
    AuthFailed,
    ClientRefused,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)

UNSUBSCRIBED: Final = "21610"
# 20429: "never processed and always safe to retry", https://www.twilio.com/docs/api/errors/20429;
# 21611: ten hours' worth of texts wait for this sender, https://www.twilio.com/docs/errors/21611.
_TOO_FAST: Final = frozenset({"20429", "21611"})
_LONGEST_DETAIL: Final = 300
# The connection never came to be, or the URL is none: surely nothing was sent.
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


@attrs.frozen
class ErrorAnswer(Exception):
    """An answer outside 2xx; the SDK's own exceptions do not carry its headers.

    Attributes:
        status: of HTTP.
        code: Twilio's own, if the body had one.
        detail: Twilio's words, or a remark on the body.
        retry_after_seconds: from the header, if there was one.
    """

    status: int
    code: str | None
    detail: str
    retry_after_seconds: float | None = None


def read_error_answer(status: int, text: str, retry_after_seconds: float | None) -> ErrorAnswer:
    """Read an answer outside 2xx, which may be Twilio's JSON, RFC 9457, or some proxy's page."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return ErrorAnswer(status, None, "the answer is not from Twilio's API", retry_after_seconds)
    code = body.get("code")
    detail = body.get("message") or body.get("detail") or body.get("title") or "no reason given"
    return ErrorAnswer(
        status,
        str(code) if code is not None else None,
        str(detail)[:_LONGEST_DETAIL],
        retry_after_seconds,
    )


def map_error(error: Exception, *, is_create: bool) -> ProviderError:
    """Translate what a call raised; raise the result from *error*.

    Args:
        error: anything that a call through the SDK raised.
        is_create: whether the call would have sent a text, so that not knowing matters.
    """
    if isinstance(error, ErrorAnswer):
        return _map_answer(error, is_create=is_create)
    if isinstance(error, _NEVER_SENT):
        return ProviderUnavailable(f"Twilio cannot be reached ({type(error).__name__})")
    if isinstance(error, (TimeoutError, aiohttp.ClientError, OSError)):
        return _unclear(f"the connection to Twilio broke ({type(error).__name__})", is_create)
    return _unclear(f"Twilio's answer cannot be read ({type(error).__name__})", is_create)


def _map_answer(answer: ErrorAnswer, *, is_create: bool) -> ProviderError:
    detail = f"Twilio: {answer.detail} (HTTP {answer.status})"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.code in _TOO_FAST:
        return RateLimited(
            detail, provider_code=answer.code, retry_after_seconds=answer.retry_after_seconds
        )
    kind = _refusal(answer)
    if kind is not None:
        return kind(detail, provider_code=answer.code)
    return _unclear(detail, is_create, answer)


def _refusal(answer: ErrorAnswer) -> type[ProviderRefused] | None:
    status = answer.status
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or answer.code == "20003":
        return AuthFailed
    if answer.code == UNSUBSCRIBED:
        return ClientRefused
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
        return RejectedInput
    # 408 comes from whoever stands between, who may have passed the request on.
    is_no = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return ProviderRefused if is_no and status != HTTPStatus.REQUEST_TIMEOUT else None


def _unclear(detail: str, is_create: bool, answer: ErrorAnswer | None = None) -> ProviderError:  # noqa: FBT001
    code = answer.code if answer else None
    if is_create:
        return OutcomeUnknown(f"{detail}; the text may have been taken", provider_code=code)
    wait = answer.retry_after_seconds if answer else None
    return ProviderUnavailable(detail, provider_code=code, retry_after_seconds=wait)
