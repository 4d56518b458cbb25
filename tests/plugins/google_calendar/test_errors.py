"""What each answer of Google's means: every row of the error map, and the edges of it."""

import json
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from google.auth.exceptions import RefreshError, TransportError
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
from clientflow_plugins.google_calendar.errors import (
    TokenUnavailable,
    map_error,
    read_error_answer,
)


def googles(status: int, reason: str) -> bytes:
    error = {"errors": [{"domain": "x", "reason": reason, "message": "No."}], "code": status}
    return json.dumps({"error": error | {"message": "No."}}).encode()


def mapped(
    status: int, content: bytes, *, is_change: bool = True, wait: str | None = None
) -> ProviderError:
    return map_error(read_error_answer(status, content, wait), is_change=is_change)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "timeRangeEmpty", RejectedInput),
        (400, "channelIdNotUnique", RejectedInput),
        (401, "authError", AuthFailed),
        (403, "rateLimitExceeded", RateLimited),
        (403, "userRateLimitExceeded", RateLimited),
        (403, "quotaExceeded", RateLimited),
        (403, "dailyLimitExceeded", RateLimited),
        (403, "insufficientPermissions", AuthFailed),
        (403, "accessNotConfigured", AuthFailed),
        (403, "forbiddenForNonOrganizer", ProviderRefused),
        (403, "requiredAccessLevel", ProviderRefused),
        (403, "forbiddenForServiceAccounts", ProviderRefused),
        (404, "notFound", RejectedInput),
        (409, "duplicate", ProviderRefused),
        (410, "fullSyncRequired", CursorExpired),
        (410, "updatedMinTooLongAgo", CursorExpired),
        (410, "deleted", RejectedInput),
        (412, "conditionNotMet", EditConflict),
        (418, "teapot", ProviderRefused),
        (429, "rateLimitExceeded", RateLimited),
    ],
)
@pytest.mark.parametrize("is_change", [True, False])
def test_a_no_of_google(
    status: int, reason: str, kind: type[ProviderError], is_change: bool
) -> None:
    error = mapped(status, googles(status, reason), is_change=is_change)
    assert type(error) is kind
    assert error.provider_code == reason
    assert str(error) == f"Google: No. (HTTP {status})"


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_is_neither_yes_nor_no(status: int) -> None:
    content = googles(status, "backendError")
    assert type(mapped(status, content)) is OutcomeUnknown
    reading = mapped(status, content, is_change=False, wait="7")
    assert type(reading) is ProviderUnavailable
    assert isinstance(reading, ProviderUnavailable)
    assert reading.retry_after_seconds == 7


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[1]",
        b'{"error": "x"}',
        b'{"error": 7}',
        b"[" * 9999,
        b'{"error": {"message": "No.", "errors": [{"reason": 7}, 7]}}',
        b'{"error": {"message": "No."}}',
    ],
)
def test_page_of_somebody_else_is_no_answer_whatever_its_status(content: bytes) -> None:
    for status in (302, 400, 403, 404, 410, 502):
        assert type(mapped(status, content)) is OutcomeUnknown
        assert type(mapped(status, content, is_change=False)) is ProviderUnavailable


def test_status_that_says_enough_by_itself() -> None:
    assert type(mapped(401, b"")) is AuthFailed
    assert type(mapped(412, b"")) is EditConflict
    assert type(mapped(429, b"")) is RateLimited


def test_words_of_googles_newer_apis_are_read() -> None:
    error = {"code": 403, "message": "No.", "status": "PERMISSION_DENIED"}
    assert mapped(403, json.dumps({"error": error}).encode()).provider_code == "PERMISSION_DENIED"
    details = [{"@type": "ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]
    content = json.dumps({"error": error | {"details": details}}).encode()
    assert mapped(403, content).provider_code == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("99999", 3600.0),
        ("soon", None),
        ("²", None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    error = mapped(429, googles(429, "rateLimitExceeded"), wait=text)
    assert isinstance(error, RateLimited)
    assert error.retry_after_seconds == seconds


def test_long_words_are_cut() -> None:
    content = json.dumps({"error": {"message": "x" * 9999, "errors": [{"reason": "r"}]}}).encode()
    assert len(str(mapped(400, content))) < 400


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


REFUSED = aiohttp.ClientConnectorError(
    ConnectionKey("h", 1, False, True, None, None, None), OSError(111, "refused")
)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RefreshError("invalid_grant: expired", retryable=False), AuthFailed),
        (RefreshError("internal_failure", retryable=True), ProviderUnavailable),
        (TokenUnavailable("HTTP 503, and no token"), ProviderUnavailable),
        (caused(TransportError("x"), REFUSED), ProviderUnavailable),
        (caused(TransportError("x"), aiohttp.ConnectionTimeoutError()), ProviderUnavailable),
        (caused(TransportError("x"), aiohttp.ServerDisconnectedError()), OutcomeUnknown),
        (TransportError("x"), OutcomeUnknown),
        (caused(GoogleTimeout("x"), TimeoutError()), OutcomeUnknown),
        (TimeoutError(), OutcomeUnknown),
        (aiohttp.ClientPayloadError(), OutcomeUnknown),
        (ssl.SSLError(), OutcomeUnknown),
        (json.JSONDecodeError("x", "", 0), OutcomeUnknown),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), OutcomeUnknown),
        (AttributeError("x"), OutcomeUnknown),
    ],
)
def test_no_answer_at_all(error: Exception, kind: type[ProviderError]) -> None:
    assert type(map_error(error, is_change=True)) is kind
    reading = map_error(error, is_change=False)
    assert type(reading) is (ProviderUnavailable if kind is OutcomeUnknown else kind)


def test_wait_of_the_token_endpoint_is_told() -> None:
    error = map_error(TokenUnavailable("busy", retry_after_seconds=7), is_change=True)
    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after_seconds == 7
