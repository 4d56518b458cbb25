"""What an answer of SendGrid's, or the lack of one, means for the work at hand.

Errors: https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses.
Sending has no idempotency key, so that whatever leaves open whether an e-mail was taken becomes
:class:`OutcomeUnknown`; its event webhook then tells, by the attempt's id.
"""

import json
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import attrs

from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)

_LONGEST_DETAIL: Final = 300
# The connection never came to be, or the URL is none: surely nothing was sent.
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_REJECTED: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
)


@attrs.frozen
class ErrorAnswer(Exception):
    """An answer outside 2xx.

    Attributes:
        status: of HTTP.
        field: what SendGrid's first error is about, such as ``personalizations.0.to``.
        detail: SendGrid's words, or a remark on the body.
        retry_after_seconds: from the headers, if they say.
    """

    status: int
    field: str | None
    detail: str
    retry_after_seconds: float | None = None


def read_error_answer(
    status: int, body: bytes, retry_after_seconds: float | None = None
) -> ErrorAnswer:
    """Read an answer outside 2xx, which may be SendGrid's JSON or some proxy's page."""
    try:
        first = json.loads(body)["errors"][0]
        detail, field = first["message"], first.get("field")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        detail = "the answer is not from SendGrid's API"
        return ErrorAnswer(status, None, detail, retry_after_seconds)
    # The official document writes no field as the text "null".
    is_named = isinstance(field, str) and field not in {"", "null"}
    return ErrorAnswer(
        status, field if is_named else None, str(detail)[:_LONGEST_DETAIL], retry_after_seconds
    )


def map_error(error: Exception, *, is_send: bool) -> ProviderError:
    """Translate what a call raised; raise the result from *error*.

    Args:
        error: anything that building or sending a request raised.
        is_send: whether the call would have sent an e-mail, so that not knowing matters.
    """
    if isinstance(error, ErrorAnswer):
        return _map_answer(error, is_send=is_send)
    if isinstance(error, _NEVER_SENT):
        return ProviderUnavailable(f"SendGrid cannot be reached ({type(error).__name__})")
    if isinstance(error, (TimeoutError, aiohttp.ClientError, OSError)):
        detail = f"the connection to SendGrid broke ({type(error).__name__})"
        return _unclear(detail, is_send=is_send)
    return _unclear(f"SendGrid's answer cannot be read ({type(error).__name__})", is_send=is_send)


def _map_answer(answer: ErrorAnswer, *, is_send: bool) -> ProviderError:
    about = f", about {answer.field}" if answer.field else ""
    detail = f"SendGrid: {answer.detail} (HTTP {answer.status}{about})"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(
            detail, provider_code="429", retry_after_seconds=answer.retry_after_seconds
        )
    kind = _refusal(answer)
    if kind is not None:
        return kind(detail, provider_code=str(answer.status))
    return _unclear(detail, is_send=is_send, answer=answer)


def _refusal(answer: ErrorAnswer) -> type[ProviderRefused] | None:
    status = answer.status
    if status == HTTPStatus.FORBIDDEN and answer.field == "from":
        # The address is no verified sender; the key is a good one, and others may send with it.
        return RejectedInput
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return AuthFailed
    if status in _REJECTED:
        return RejectedInput
    # 408 comes from whoever stands between, who may have passed the request on.
    is_no = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return ProviderRefused if is_no and status != HTTPStatus.REQUEST_TIMEOUT else None


def _unclear(detail: str, *, is_send: bool, answer: ErrorAnswer | None = None) -> ProviderError:
    told: dict[str, Any] = {"provider_code": str(answer.status)} if answer else {}
    if is_send:
        return OutcomeUnknown(f"{detail}; the e-mail may have been taken", **told)
    wait = answer.retry_after_seconds if answer else None
    return ProviderUnavailable(detail, retry_after_seconds=wait, **told)
