"""What an answer of Google's, or the lack of one, means for the work at hand.

Errors of the API: https://developers.google.com/workspace/calendar/api/guides/errors. A change may
be asked again safely (an event has an id of ours, a change names its version), but whoever asked
has to know that it may be there already.
"""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import aiohttp
import attrs
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.exceptions import TimeoutError as GoogleTimeout

from clientflow_core.errors import (
    AuthFailed,
    CursorExpired,
    EditConflict,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.retry_after import read_retry_after_seconds

DUPLICATE: Final = "duplicate"
NOT_FOUND: Final = "notFound"
DELETED: Final = "deleted"
_TOO_FAST: Final = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"}
)
_BY_STATUS: Final[Mapping[int, type[ProviderRefused]]] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: RejectedInput,
        HTTPStatus.UNAUTHORIZED: AuthFailed,
        HTTPStatus.FORBIDDEN: AuthFailed,
        HTTPStatus.NOT_FOUND: RejectedInput,
        HTTPStatus.GONE: CursorExpired,
        HTTPStatus.PRECONDITION_FAILED: EditConflict,
    }
)
_BY_REASON: Final[Mapping[tuple[int, str | None], type[ProviderRefused]]] = MappingProxyType(
    {
        # These are about one event or calendar, and not about the credentials. The last is said to
        # a service account that invites somebody without acting for a user.
        (HTTPStatus.FORBIDDEN, "forbiddenForNonOrganizer"): ProviderRefused,
        (HTTPStatus.FORBIDDEN, "requiredAccessLevel"): ProviderRefused,
        (HTTPStatus.FORBIDDEN, "forbiddenForServiceAccounts"): ProviderRefused,
        (HTTPStatus.GONE, DELETED): RejectedInput,
    }
)

_SAY_ENOUGH: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.PRECONDITION_FAILED})
_LONGEST_DETAIL: Final = 300
# The connection never came to be, or the URL is none: surely nothing was sent.
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


class TokenUnavailable(GoogleAuthError):
    """The token endpoint gave neither a token nor a no: nothing was asked of the API.

    Not a ``RefreshError``, which google-auth's session turns into the 401 that it met before.
    """

    def __init__(self, detail: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail, retryable=True)  # type: ignore[no-untyped-call]
        self.retry_after_seconds = retry_after_seconds


@attrs.frozen
class ErrorAnswer(Exception):
    """An answer of the API outside 2xx.

    Attributes:
        status: of HTTP.
        reason: Google's word for it; None where the body is not Google's.
        detail: Google's words, or a remark on the body.
        retry_after_seconds: from the header, if there was one.
    """

    status: int
    reason: str | None
    detail: str
    retry_after_seconds: float | None = None


def read_error_answer(status: int, content: bytes, retry_after: str | None) -> ErrorAnswer:
    """Read an answer outside 2xx, which may be Google's JSON or some proxy's page."""
    try:
        error = json.loads(content)["error"]
        detail, reason = str(error["message"]), next(_reasons(error))
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError):
        detail, reason = "the answer is not from Google's API", None
    wait = read_retry_after_seconds(retry_after)
    return ErrorAnswer(status, reason, detail[:_LONGEST_DETAIL], wait)


def map_error(error: Exception, *, is_change: bool) -> ProviderError:
    """Translate what a call raised; raise the result from *error*.

    Args:
        error: anything that a call through the SDK raised.
        is_change: whether the call would have changed something, so that not knowing matters.
    """
    if isinstance(error, ErrorAnswer):
        return _map_answer(error, is_change=is_change)
    if isinstance(error, (RefreshError, TokenUnavailable)):
        return _map_token_error(error)
    # What has failed below google-auth is the cause of what it raises.
    cause = error.__cause__ if isinstance(error, GoogleAuthError) else error
    if isinstance(cause, _NEVER_SENT):
        return ProviderUnavailable(f"Google cannot be reached ({type(cause).__name__})")
    if isinstance(error, (GoogleAuthError, GoogleTimeout, TimeoutError, aiohttp.ClientError)):
        detail = f"the connection to Google broke ({type(error).__name__})"
        return unclear(detail, is_change=is_change)
    detail = f"Google's answer cannot be read ({type(error).__name__})"
    return unclear(detail, is_change=is_change)


def unclear(detail: str, *, is_change: bool, answer: ErrorAnswer | None = None) -> ProviderError:
    """Give the error for a call of which nobody knows whether it was done."""
    code = answer.reason if answer else None
    if is_change:
        return OutcomeUnknown(f"{detail}; it may have been done", provider_code=code)
    wait = answer.retry_after_seconds if answer else None
    return ProviderUnavailable(detail, provider_code=code, retry_after_seconds=wait)


def _map_token_error(error: RefreshError | TokenUnavailable) -> ProviderError:
    detail = f"no token from Google: {str(error.args[0])[:_LONGEST_DETAIL]}"
    if error.retryable:
        wait = getattr(error, "retry_after_seconds", None)
        return ProviderUnavailable(detail, retry_after_seconds=wait)
    return AuthFailed(detail)


def _map_answer(answer: ErrorAnswer, *, is_change: bool) -> ProviderError:
    detail = f"Google: {answer.detail} (HTTP {answer.status})"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or _is_quota(answer):
        return RateLimited(
            detail, provider_code=answer.reason, retry_after_seconds=answer.retry_after_seconds
        )
    kind = _refusal(answer)
    if kind is not None:
        return kind(detail, provider_code=answer.reason)
    return unclear(detail, is_change=is_change, answer=answer)


def _is_quota(answer: ErrorAnswer) -> bool:
    return answer.status == HTTPStatus.FORBIDDEN and answer.reason in _TOO_FAST


def _refusal(answer: ErrorAnswer) -> type[ProviderRefused] | None:
    kind = _BY_STATUS.get(answer.status)
    # By its status alone, nobody knows whether it is Google that says no, and to what.
    if answer.reason is None and answer.status not in _SAY_ENOUGH:
        return None
    if kind is None:
        return ProviderRefused if _is_no(answer.status) else None
    return _BY_REASON.get((answer.status, answer.reason), kind)


def _is_no(status: int) -> bool:
    # 408 comes from whoever stands between, who may have passed the request on.
    is_ours = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_ours and status != HTTPStatus.REQUEST_TIMEOUT


def _reasons(error: Any) -> Iterator[str]:
    """Give Google's words for an error: of this API, or as its newer ones say it."""
    for one in (*error.get("errors", ()), *error.get("details", ())):
        if isinstance(one, dict) and isinstance(one.get("reason"), str):
            yield one["reason"]
    if isinstance(error.get("status"), str):
        yield error["status"]
