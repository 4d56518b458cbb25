"""What an answer of Acme SMS's, or the lack of one, means for the work at hand."""

import json
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import attrs
from clientflow_core import (
    AuthFailed,
    ClientRefused,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
    read_retry_after_seconds,
)

_OUR_CREDENTIALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_A_VALUE: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
)
# The client has told Acme SMS so; it is no value that is wrong, though it has the status of one.
_UNSUBSCRIBED: Final = "unsubscribed"
# The connection never came to be, or the URL is none: surely nothing was sent.
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_LONGEST_DETAIL: Final = 300


@attrs.frozen(kw_only=True)
class Answer:
    """What came back.

    Attributes:
        retry_after: the header, if there was one.
    """

    status: int
    body: bytes
    retry_after: str | None = None


def read_answer(answer: Answer, *, is_send: bool) -> dict[str, Any]:
    """Give the JSON object of an answer that says yes.

    Args:
        answer: to the call.
        is_send: whether the call sends a text, so that not knowing matters.

    Raises:
        ProviderError: it says no, or nobody can read it.
    """
    body = _read_object(answer.body)
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise _refusal(answer, body or {}, is_send=is_send)
    if body is None:
        raise unclear("the answer cannot be read", is_send=is_send)
    return body


def map_failure(error: Exception, *, is_send: bool) -> ProviderError:
    """Translate what was raised instead of an answer; raise the result from *error*."""
    what = type(error).__name__
    if isinstance(error, _NEVER_SENT):
        return ProviderUnavailable(f"Acme SMS cannot be reached ({what})")
    return unclear(f"the connection to Acme SMS broke ({what})", is_send=is_send)


def unclear(detail: str, *, is_send: bool, wait_seconds: float | None = None) -> ProviderError:
    """Give the error for a call of which nobody knows what it has done."""
    if is_send:
        return OutcomeUnknown(f"{detail}; the text may have been taken")
    return ProviderUnavailable(detail, retry_after_seconds=wait_seconds)


def _refusal(answer: Answer, body: dict[str, Any], *, is_send: bool) -> ProviderError:
    error = body.get("error")
    error = error if isinstance(error, dict) else {}
    code = str(error["code"]) if "code" in error else None
    words = str(error.get("message") or "no reason given")[:_LONGEST_DETAIL]
    detail = f"Acme SMS: {words} (HTTP {answer.status})"
    wait_seconds = read_retry_after_seconds(answer.retry_after)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(detail, provider_code=code, retry_after_seconds=wait_seconds)
    kind = ClientRefused if code == _UNSUBSCRIBED else _kind(answer.status)
    if kind is not None:
        return kind(detail, provider_code=code)
    return unclear(detail, is_send=is_send, wait_seconds=wait_seconds)


def _kind(status: int) -> type[ProviderRefused] | None:
    if status in _OUR_CREDENTIALS:
        return AuthFailed
    if status in _A_VALUE:
        return RejectedInput
    # 408 comes from whoever stands between, who may have passed the request on.
    is_no = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return ProviderRefused if is_no and status != HTTPStatus.REQUEST_TIMEOUT else None


def _read_object(body: bytes) -> dict[str, Any] | None:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
