"""What an answer of Stripe's, or the lack of one, means for the work at hand.

Errors: https://docs.stripe.com/api/errors, codes: https://docs.stripe.com/error-codes. Whatever
leaves open whether a change was made becomes :class:`OutcomeUnknown`: asked again with the same
key, Stripe makes it no second time.
"""

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import stripe

from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.retry_after import read_retry_after_seconds

_LONGEST_DETAIL: Final = 300
# The connection never came to be, or the URL is none: surely nothing was sent.
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)

_REFUSALS: Final[Mapping[type[stripe.StripeError], type[ProviderRefused]]] = {
    stripe.AuthenticationError: AuthFailed,
    stripe.PermissionError: AuthFailed,
    stripe.InvalidRequestError: RejectedInput,
    stripe.CardError: ProviderRefused,
    stripe.IdempotencyError: ProviderRefused,
}


def map_error(error: Exception, *, is_change: bool) -> ProviderError:
    """Translate what a call raised; raise the result from *error*.

    Args:
        error: anything that a call through the SDK, or the reading of its answer, raised.
        is_change: whether the call makes or changes something, so that not knowing matters.
    """
    if isinstance(error, stripe.APIConnectionError) and isinstance(error.__cause__, Exception):
        # The SDK's own wrapping of what our HTTP client lets through.
        return map_error(error.__cause__, is_change=is_change)
    if isinstance(error, stripe.StripeError):
        return _map_answer(error, is_change=is_change)
    if isinstance(error, _NEVER_SENT):
        return ProviderUnavailable(f"Stripe cannot be reached ({type(error).__name__})")
    if isinstance(error, (TimeoutError, aiohttp.ClientError, OSError)):
        what = f"the connection to Stripe broke ({type(error).__name__})"
        return _unclear(what, is_change=is_change)
    what = f"Stripe's answer cannot be read ({type(error).__name__})"
    return _unclear(what, is_change=is_change)


def _map_answer(error: stripe.StripeError, *, is_change: bool) -> ProviderError:
    detail, code = _words(error), _code(error)
    wait_seconds = read_retry_after_seconds((error.headers or {}).get("Retry-After"))
    if isinstance(error, stripe.RateLimitError):
        return RateLimited(detail, provider_code=code, retry_after_seconds=wait_seconds)
    # Without a status nobody has answered: the SDK complains of something itself.
    kind = _REFUSALS.get(type(error)) if error.http_status else None
    if kind is not None:
        return kind(detail, provider_code=code)
    # 409 is another request with the same key, which is not answered yet; 5xx may have been done.
    return _unclear(detail, is_change=is_change, code=code, wait_seconds=wait_seconds)


def _unclear(
    detail: str,
    *,
    is_change: bool,
    code: str | None = None,
    wait_seconds: float | None = None,
) -> ProviderError:
    if is_change:
        return OutcomeUnknown(f"{detail}; it may have been done", provider_code=code)
    return ProviderUnavailable(detail, provider_code=code, retry_after_seconds=wait_seconds)


def _words(error: stripe.StripeError) -> str:
    status = f" (HTTP {error.http_status})" if error.http_status else ""
    fields = _fields(error)
    if not fields:
        return f"the answer is not from Stripe's API{status}"
    words = str(fields.get("message") or "no reason given")
    return f"Stripe: {words[:_LONGEST_DETAIL]}{status}"


def _code(error: stripe.StripeError) -> str | None:
    fields = _fields(error)
    # Of a card that is declined, it is the more precise of the two.
    found = fields.get("decline_code") or fields.get("code") or fields.get("type")
    return str(found) if found else None


def _fields(error: stripe.StripeError) -> Mapping[str, Any]:
    body = error.json_body
    fields = body.get("error") if isinstance(body, dict) else None
    return fields if isinstance(fields, dict) else {}
