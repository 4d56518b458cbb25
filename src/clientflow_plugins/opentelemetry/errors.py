"""What an answer of a collector, or the lack of one, means.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response.
"""

from http import HTTPStatus
from typing import Final

import attrs

from clientflow_core.errors import AuthFailed, ProviderError, ProviderUnavailable, RateLimited

_WRONG_CREDENTIALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@attrs.frozen
class BadAnswer(Exception):
    """An answer that is not 200.

    Attributes:
        status: of HTTP.
        retry_after_seconds: how long the collector wants to hear nothing, if it says so.
    """

    status: int
    retry_after_seconds: float | None = None


def map_error(error: Exception) -> ProviderError:
    """Translate what a call raised; raise the result from *error*."""
    if not isinstance(error, BadAnswer):
        return ProviderUnavailable(f"the collector does not answer ({type(error).__name__})")
    wait = error.retry_after_seconds
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited("the collector takes no more for now", retry_after_seconds=wait)
    msg = f"the collector answers HTTP {error.status}"
    if error.status in _WRONG_CREDENTIALS:
        return AuthFailed(f"{msg}; correct OTEL_EXPORTER_OTLP_HEADERS")
    return ProviderUnavailable(msg, retry_after_seconds=wait)
