"""What an error of OpenAI's, or of the SDK, means for the work at hand.

Codes: https://developers.openai.com/api/docs/guides/error-codes. To ask again costs money and
nothing else, so that whatever is not a no becomes :class:`ProviderUnavailable`.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import openai

from clientflow_core.clock import Clock
from clientflow_core.errors import (
    AuthFailed,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.retry_after import read_retry_after_seconds

_LONGEST_DETAIL: Final = 300
# By code, since the status does not tell them apart: "no money left" comes as 429, and within a
# stream there is no status at all.
_BY_CODE: Final[Mapping[str, type[ProviderError]]] = MappingProxyType(
    {
        "insufficient_quota": AuthFailed,
        "billing_hard_limit_reached": AuthFailed,
        "invalid_api_key": AuthFailed,
        "rate_limit_exceeded": RateLimited,
        "content_filter": ProviderRefused,
        "content_policy_violation": ProviderRefused,
        "invalid_prompt": ProviderRefused,
        "bio_policy": ProviderRefused,
        "cyber_policy": ProviderRefused,
    }
)
_BY_STATUS: Final[Mapping[int, type[ProviderError]]] = MappingProxyType(
    {
        HTTPStatus.UNAUTHORIZED: AuthFailed,
        HTTPStatus.FORBIDDEN: AuthFailed,
        # Somebody else's time-out, and "try again": https://docs.python.org/3/library/http.html.
        HTTPStatus.REQUEST_TIMEOUT: ProviderUnavailable,
        HTTPStatus.CONFLICT: ProviderUnavailable,
        HTTPStatus.TOO_EARLY: ProviderUnavailable,
        HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
    }
)


def map_error(error: Exception, *, clock: Clock) -> ProviderError:
    """Translate what a call raised; raise the result from *error*.

    Args:
        error: anything that a call through the SDK, or reading its answer, raised.
        clock: to read a Retry-After that is a date.
    """
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, openai.APIStatusError):
        return _map_answer(error, clock)
    if isinstance(error, openai.APIConnectionError | TimeoutError | OSError):
        return ProviderUnavailable(f"the connection to OpenAI broke ({type(error).__name__})")
    if isinstance(error, openai.APIError) and error.code:
        # Within a stream: https://developers.openai.com/api/reference/resources/responses.
        return from_code(error.code, error.message)
    return ProviderUnavailable(f"OpenAI's answer cannot be read ({type(error).__name__})")


def from_code(code: str | None, message: str | None) -> ProviderError:
    """Translate a failure that is told within an answer."""
    kind = _BY_CODE.get(code or "", ProviderUnavailable)
    detail = (message or "no reason given")[:_LONGEST_DETAIL]
    return kind(f"OpenAI: {detail} ({code})", provider_code=code)


def _map_answer(error: openai.APIStatusError, clock: Clock) -> ProviderError:
    code = error.code or None
    detail = f"OpenAI: {_words(error)} (HTTP {error.status_code})"
    kind = _BY_CODE.get(code or "") or _kind_of(error.status_code)
    if not issubclass(kind, ProviderUnavailable):
        return kind(detail, provider_code=code)
    wait = read_retry_after_seconds(error.response.headers.get("Retry-After"), now=clock.now())
    return kind(detail, provider_code=code, retry_after_seconds=wait)


def _kind_of(status: int) -> type[ProviderError]:
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    is_no = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return RejectedInput if is_no else ProviderUnavailable


def _words(error: openai.APIStatusError) -> str:
    """Give the words of the answer alone: the SDK's own repeat all of a body, such as a page."""
    body = error.body
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or HTTPStatus(error.status_code).phrase)[:_LONGEST_DETAIL]
