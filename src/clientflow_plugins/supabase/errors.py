"""What an answer of Supabase's, or the lack of one, means.

Every call here only reads, so that it may be asked again. Error answers:
https://supabase.com/docs/guides/auth/debugging/error-codes.
"""

from http import HTTPStatus

import attrs

from clientflow_core.errors import AuthFailed, ProviderError, ProviderUnavailable, RateLimited
from clientflow_core.providers.retry_after import read_retry_after_seconds


@attrs.frozen
class BadAnswer(Exception):
    """An answer that is not 200.

    Attributes:
        status: of HTTP.
        retry_after: the header, as it came.
    """

    status: int
    retry_after: str = ""


def map_error(error: Exception) -> ProviderError:
    """Translate what a call raised; raise the result from *error*."""
    if not isinstance(error, BadAnswer):
        return ProviderUnavailable(f"Supabase does not answer ({type(error).__name__})")
    if error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        msg = f"Supabase refuses the key (HTTP {error.status}); copy it anew from its API settings"
        return AuthFailed(msg)
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = read_retry_after_seconds(error.retry_after)
        return RateLimited("Supabase is asked too often (HTTP 429)", retry_after_seconds=wait)
    return ProviderUnavailable(f"Supabase answers HTTP {error.status}")
