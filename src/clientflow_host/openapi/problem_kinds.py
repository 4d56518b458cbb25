"""Every kind of problem by its code: what the page about it, and the documentation, say of it.

The words of an error's class are those of the class itself; here are only those that concern HTTP
alone and have none.
"""

import http
import inspect
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import attrs

from clientflow_core import errors
from clientflow_host.openapi.problems import (
    HttpProblem,
    code_of_status,
    status_of_class,
    title_of,
)

_INTERNAL: Final = http.HTTPStatus.INTERNAL_SERVER_ERROR


class Section(StrEnum):
    """What a kind of problem is about."""

    ASKED = "What was asked"
    PROVIDER = "What the provider answered"
    WEBHOOK = "What a webhook brought"
    SERVICE = "What the service needs"
    HTTP = "HTTP itself"


@attrs.frozen(kw_only=True)
class ProblemKind:
    """All that is the same each time a problem of this code occurs.

    Attributes:
        name: that of the class of errors, if there is one.
        meaning: a sentence.
        remedy: one or two, on what to do.
    """

    code: str
    status: int
    section: Section
    meaning: str
    remedy: str
    name: str | None = None

    @property
    def title(self) -> str:
        """The code, spelled out."""
        return title_of(self.code)


def _of_http(code: str, status: int, meaning: str, remedy: str) -> ProblemKind:
    return ProblemKind(
        code=code, status=status, section=Section.HTTP, meaning=meaning, remedy=remedy
    )


_HTTP: Final = (
    _of_http(
        "internal",
        500,
        "A fault of ours.",
        "Quote the `request_id`, by which it is found in the log.",
    ),
    _of_http(
        "method_not_allowed",
        405,
        "There is something at this address, but not for this method.",
        "Use one that the header `Allow` names.",
    ),
    _of_http(
        "request_timeout",
        408,
        "The body did not arrive in time.",
        "Send it again, all at once.",
    ),
    _of_http(
        "idempotency_key_in_use",
        409,
        "The first request with this `Idempotency-Key` is still being served.",
        "Ask again in a moment; you will have its answer.",
    ),
    _of_http(
        "payload_too_large",
        413,
        "The body is too large.",
        "Send less; the API takes a megabyte at most.",
    ),
    _of_http(
        "unsupported_media_type",
        415,
        "The body is not of a type that is read here.",
        "Send JSON in UTF-8, as `Content-Type: application/json`.",
    ),
    _of_http(
        "too_many_requests",
        429,
        "You have asked more often than you may.",
        "Wait for as many seconds as `Retry-After` says.",
    ),
    _of_http(
        "took_too_long",
        503,
        "It was not done in time, such as because the database did not answer; it may have been"
        " done all the same.",
        "Ask again after `Retry-After`. Under the same `Idempotency-Key`, it is done once and you"
        " have its answer.",
    ),
)
_OF_THE_SERVICE: Final = (
    errors.PluginError,
    errors.DatabaseUnfit,
    errors.EmbeddedServerError,
)


def problem_kinds() -> Mapping[str, ProblemKind]:
    """Give every kind that an answer can be, by its code: also those of plugins that are loaded."""
    classes = {kind.code: kind for kind in map(kind_of_class, error_classes())}
    # What is 500 is answered as ``internal``, whatever it was.
    answered = {code: kind for code, kind in classes.items() if kind.status != _INTERNAL}
    return MappingProxyType({**answered, **{kind.code: kind for kind in _HTTP}})


def find_problem_kind(code: str) -> ProblemKind | None:
    """Give the kind of this code; that of a status which has no words of ours has its name."""
    return problem_kinds().get(code) or next(
        (
            _of_http(code, status, f"{status.phrase}.", "Read `detail`.")
            for status in http.HTTPStatus
            if status >= http.HTTPStatus.BAD_REQUEST and code_of_status(status) == code
        ),
        None,
    )


def error_classes() -> Iterator[type[errors.ClientFlowError]]:
    """Give each class of errors that is loaded, the bases first; the one of HTTP is none."""
    found: list[type[errors.ClientFlowError]] = [errors.ClientFlowError]
    for error in found:
        # One without a code of its own is its base to everybody else.
        if "code" in vars(error):
            yield error
        found.extend(one for one in error.__subclasses__() if one is not HttpProblem)


def kind_of_class(error: type[errors.ClientFlowError]) -> ProblemKind:
    """Give the kind that errors of this class are."""
    return ProblemKind(
        code=error.code,
        status=status_of_class(error),
        section=_section(error),
        meaning=" ".join(inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].split()),
        remedy=error.remedy,
        name=error.__name__,
    )


def _section(error: type[errors.ClientFlowError]) -> Section:
    if error is HttpProblem:
        return Section.HTTP
    if issubclass(error, errors.ProviderError):
        return Section.PROVIDER
    if issubclass(error, errors.WebhookError):
        return Section.WEBHOOK
    if issubclass(error, _OF_THE_SERVICE) or status_of_class(error) == _INTERNAL:
        return Section.SERVICE
    return Section.ASKED
