"""What an answer of a CalDAV server's, or the lack of one, means for the work at hand.

A PUT says which version it is of, or that it is a new one (``If-Match``, ``If-None-Match: *``): so
it may be asked again after it is not known what became of it.
"""

from http import HTTPStatus
from typing import Final

import aiohttp
import attrs

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
from clientflow_plugins.caldav.answers import read_condition

# RFC 6578, 3.2: the server does not know the token (any more). It is what 410 is to others.
_TOKEN: Final = "valid-sync-token"  # noqa: S105 - the name of a condition
# Conditions by which a server means the value, and not who sends it: RFC 4791, 5.3.2.1.
_OF_A_VALUE: Final = frozenset(
    {
        "calendar-collection-location-ok",
        "max-attendees-per-instance",
        "max-date-time",
        "max-instances",
        "max-resource-size",
        "min-date-time",
        "no-uid-conflict",
        "supported-calendar-component",
        "supported-calendar-data",
        "supported-filter",
        "valid-calendar-data",
        "valid-calendar-object-resource",
        "valid-filter",
    }
)
_A_VALUE: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        # RFC 4918, 9.7.1: there is no such calendar to put something into.
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)

# Surely not done: somebody else writes at this moment, or there is no room.
_NOT_NOW: Final = frozenset({HTTPStatus.LOCKED, HTTPStatus.INSUFFICIENT_STORAGE})
# The connection never came to be, or the URL is none: surely nothing was sent.
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


@attrs.frozen(kw_only=True)
class Refusal(Exception):
    """An answer outside 2xx.

    Attributes:
        condition: which one of the protocol's was not met, if the server says so.
        retry_after: the header, if there was one.
    """

    status: int
    condition: str | None = None
    retry_after: str | None = None

    @classmethod
    def of(cls, status: int, body: bytes, retry_after: str | None) -> "Refusal":
        """Read an answer, which may be the server's XML or some proxy's page."""
        return cls(status=status, condition=read_condition(body), retry_after=retry_after)


def map_error(error: Exception, *, is_change: bool) -> ProviderError:
    """Translate what a call raised; raise the result from *error*.

    Args:
        error: anything that a call raised.
        is_change: whether the call changes something, so that not knowing matters.
    """
    if isinstance(error, Refusal):
        return _map_refusal(error, is_change=is_change)
    what = type(error).__name__
    if isinstance(error, _NEVER_SENT):
        return ProviderUnavailable(f"the CalDAV server cannot be reached ({what})")
    if isinstance(error, (TimeoutError, aiohttp.ClientError, OSError)):
        return _unclear(f"the connection to the CalDAV server broke ({what})", is_change=is_change)
    return _unclear(f"the CalDAV server's answer cannot be read ({what})", is_change=is_change)


def _map_refusal(refusal: Refusal, *, is_change: bool) -> ProviderError:
    code, status = refusal.condition, refusal.status
    detail = f"the CalDAV server: {code or _phrase(status)} (HTTP {status})"
    wait_seconds = read_retry_after_seconds(refusal.retry_after)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(detail, provider_code=code, retry_after_seconds=wait_seconds)
    if status in _NOT_NOW:
        return ProviderUnavailable(detail, provider_code=code, retry_after_seconds=wait_seconds)
    kind = _kind(refusal)
    if kind is not None:
        return kind(detail, provider_code=code)
    return _unclear(detail, is_change=is_change, code=code, wait_seconds=wait_seconds)


def _kind(refusal: Refusal) -> type[ProviderRefused] | None:
    status = refusal.status
    # 408 comes from whoever stands between, who may have passed the request on.
    is_no = status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT
    if not is_no:
        return None
    if refusal.condition == _TOKEN:
        return CursorExpired
    if refusal.condition in _OF_A_VALUE or status in _A_VALUE:
        return RejectedInput
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return AuthFailed
    if status == HTTPStatus.PRECONDITION_FAILED:
        return EditConflict
    return ProviderRefused


def _unclear(
    detail: str, *, is_change: bool, code: str | None = None, wait_seconds: float | None = None
) -> ProviderError:
    if is_change:
        return OutcomeUnknown(f"{detail}; it may have been done", provider_code=code)
    return ProviderUnavailable(detail, provider_code=code, retry_after_seconds=wait_seconds)


def _phrase(status: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "it is somewhere else; set CALDAV_URL to where that is"
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
