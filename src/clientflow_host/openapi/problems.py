"""Error responses: RFC 9457 ``application/problem+json``, and the one table of statuses."""

import http
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

import attrs
import msgspec
from aiohttp import hdrs, web

from clientflow_core import errors

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
REQUEST_ID: Final = web.RequestKey("request_id", str)
"""Where the id of a request is kept while it is served."""
REQUEST_ID_HEADER: Final = "X-Request-Id"

_DEFAULT_RETRY_AFTER_SECONDS: Final = 30
_INTERNAL_DETAIL: Final = "Something went wrong on our side; quote the request id to support."

STATUSES: Final[Mapping[type[errors.ClientFlowError], int]] = MappingProxyType(
    {
        errors.ClientFlowError: 500,
        errors.InvalidInput: 422,
        errors.Unauthenticated: 401,
        errors.NotAllowed: 403,
        errors.NotFound: 404,
        errors.Conflict: 409,
        errors.OptedOut: 409,
        errors.BudgetReached: 409,
        errors.IdempotencyMismatch: 422,
        errors.Overloaded: 503,
        # Settings are read at the start; whoever meets this in a request can do nothing about it.
        errors.SettingsError: 500,
        errors.PluginError: 503,
        errors.DatabaseUnfit: 503,
        errors.EmbeddedServerError: 503,
        # Of commands alone.
        errors.BackupUnusable: 500,
        errors.WebhookError: 400,
        errors.SignatureRefused: 403,
        errors.BadPayload: 400,
        errors.ProviderError: 502,
        errors.ProviderRefused: 502,
        errors.RejectedInput: 422,
        errors.ClientRefused: 409,
        errors.AuthFailed: 502,
        errors.EditConflict: 409,
        errors.CursorExpired: 502,
        # Not 429: it is we who were too fast for the provider, not the caller for us.
        errors.ProviderUnavailable: 503,
        errors.RateLimited: 503,
        errors.ProviderCannot: 422,
        errors.OutcomeUnknown: 502,
    }
)
"""The status of each class of error in core; a class of a plugin has that of its nearest base."""

_DATABASE_DETAIL: Final = "The database cannot be used at the moment."
# What these say is for operators and stands in the log.
_HIDDEN: Final[Mapping[type[errors.ClientFlowError], str]] = MappingProxyType(
    {
        errors.DatabaseUnfit: _DATABASE_DETAIL,
        errors.EmbeddedServerError: _DATABASE_DETAIL,
        errors.PluginError: "A plugin that this needs is not available at the moment.",
        errors.AuthFailed: "The provider does not accept our credentials for it.",
    }
)
# Those whose names in http.HTTPStatus differ between the versions of Python.
_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        413: "payload_too_large",
        414: "uri_too_long",
        416: "range_not_satisfiable",
        422: "unprocessable_content",
    }
)
_T = TypeVar("_T")


@attrs.frozen(kw_only=True)
class Problem:
    """What went wrong with a request, after RFC 9457.

    Attributes:
        type: the page about all problems of this code, for people.
        title: the code, spelled out.
        status: that of the answer.
        detail: what happened this time, for people.
        code: names the kind of problem; never changes once published.
        request_id: names the request in our log.
        errors: one for each rule that was broken.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None
    errors: list[errors.FieldError]


class HttpProblem(errors.ClientFlowError):
    """The base of these, which is never sent by this name.

    It makes an answer that concerns HTTP alone and has no class in core, such as 412, 415 or 429.

    Args:
        status: the status, 400 to 599.
        problem_code: the stable name of the problem.
        detail: what happened and what to do, for the caller's eyes.
        headers: what else to send.
    """

    code = "http"
    remedy = "Look at the code that it was given."

    def __init__(
        self,
        status: int,
        problem_code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.problem_code = problem_code
        self.headers = headers


def problem(  # noqa: PLR0913 - the members of RFC 9457
    status: int,
    code: str,
    detail: str,
    *,
    title: str | None = None,
    errors: Iterable[errors.FieldError] = (),
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
) -> web.Response:
    """Make an error response; its ``type`` is the page ``/problems/{code}``.

    Args:
        status: the HTTP status, 400 to 599.
        code: the stable name of the problem; never changes once published.
        detail: one sentence about this occurrence.
        title: one about all of this code; by default the code, spelled out.
        errors: one for each broken rule.
        headers: further headers.
        request_id: the id of the request, also sent as ``X-Request-Id``.
    """
    body = Problem(
        type=f"/problems/{code}",
        title=title or title_of(code),
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=list(errors),
    )
    response = web.Response(
        status=status,
        body=msgspec.json.encode(body),
        content_type=PROBLEM_MEDIA_TYPE,
        headers=headers,
    )
    if request_id is not None:
        response.headers[REQUEST_ID_HEADER] = request_id
    return response


def title_of(code: str) -> str:
    """Spell out *code*."""
    return code.replace("_", " ").capitalize()


def status_of(error: errors.ClientFlowError) -> int:
    """Give the HTTP status of *error*."""
    return error.status if isinstance(error, HttpProblem) else status_of_class(type(error))


def status_of_class(kind: type[errors.ClientFlowError]) -> int:
    """Give the HTTP status of the errors of a class."""
    return _nearest(kind, STATUSES, default=http.HTTPStatus.INTERNAL_SERVER_ERROR)


def code_of_status(status: int) -> str:
    """Give the code of an answer that is nothing but its status."""
    return _CODES.get(status) or http.HTTPStatus(status).name.lower()


def problem_of(error: errors.ClientFlowError, *, request_id: str | None = None) -> web.Response:
    """Make the response for *error*; what only operators may know is left out of it."""
    status = status_of(error)
    code = error.problem_code if isinstance(error, HttpProblem) else error.code
    if status == http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return internal_problem(request_id=request_id)
    return problem(
        status,
        code,
        _nearest(type(error), _HIDDEN, default=str(error)),
        errors=error.errors if isinstance(error, errors.InvalidInput) else (),
        headers=_headers_of(error),
        request_id=request_id,
    )


def internal_problem(*, request_id: str | None = None) -> web.Response:
    """Make the response for an error that nobody foresaw; it says nothing of its cause."""
    return problem(500, "internal", _INTERNAL_DETAIL, request_id=request_id)


def problem_of_http(error: web.HTTPException, *, request_id: str | None = None) -> web.Response:
    """Make the response for one of aiohttp's own errors; its headers (``Allow``) are kept."""
    code = code_of_status(error.status)
    headers = error.headers.copy()
    headers.popall(hdrs.CONTENT_TYPE, None)
    headers.popall(hdrs.CONTENT_LENGTH, None)
    # aiohttp's text begins with "404: " unless somebody wrote their own.
    detail = (error.text or error.reason).removeprefix(f"{error.status}: ")
    return problem(error.status, code, detail, headers=headers, request_id=request_id)


def _nearest(kind: type[errors.ClientFlowError], table: Mapping[Any, _T], *, default: _T) -> _T:
    return next((table[base] for base in kind.__mro__ if base in table), default)


def _headers_of(error: errors.ClientFlowError) -> Mapping[str, str] | None:
    match error:
        case HttpProblem():
            return error.headers
        case errors.Unauthenticated():
            return {hdrs.WWW_AUTHENTICATE: "Bearer"}
        case errors.Overloaded() | errors.ProviderUnavailable():
            return {hdrs.RETRY_AFTER: _to_seconds(error.retry_after_seconds)}
        case _ if status_of(error) == http.HTTPStatus.SERVICE_UNAVAILABLE:
            return {hdrs.RETRY_AFTER: _to_seconds(None)}
        case _:
            return None


def _to_seconds(seconds: float | None) -> str:
    if seconds is None or not math.isfinite(seconds):
        seconds = _DEFAULT_RETRY_AFTER_SECONDS
    return str(max(1, math.ceil(seconds)))
