"""What an answer of Sentry's, or the lack of one, means.

Answers of its ingest server, https://github.com/getsentry/relay: endpoints/common.rs and
extractors/request_meta.rs of relay-server/src.
"""

from http import HTTPStatus
from typing import Final

import attrs

from clientflow_core.errors import AuthFailed, ProviderError, ProviderUnavailable, RateLimited

# 400: a key that cannot be one; 401: no key; 403: not of this project; 404: no such address.
_WRONG_DSN: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
    }
)


@attrs.frozen
class BadAnswer(Exception):
    """An answer that is not 200.

    Attributes:
        status: of HTTP.
        retry_after_seconds: how long Sentry wants to hear nothing, if it says so.
    """

    status: int
    retry_after_seconds: float | None = None


def map_error(error: Exception) -> ProviderError:
    """Translate what a call raised; raise the result from *error*."""
    if not isinstance(error, BadAnswer):
        return ProviderUnavailable(f"Sentry does not answer ({type(error).__name__})")
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        msg = "Sentry takes no more for now: a quota is used up, or a limit reached (HTTP 429)"
        return RateLimited(msg, retry_after_seconds=error.retry_after_seconds)
    if error.status in _WRONG_DSN:
        msg = f"Sentry refuses the DSN (HTTP {error.status}); compare it with the project's"
        return AuthFailed(msg)
    return ProviderUnavailable(f"Sentry answers HTTP {error.status}")
