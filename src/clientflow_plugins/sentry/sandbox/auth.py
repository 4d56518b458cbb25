"""Who may send: the header ``X-Sentry-Auth``, https://develop.sentry.dev/sdk/overview/#authentication."""

import re
from http import HTTPStatus
from typing import Final

from clientflow_plugins.sentry.sandbox.refusals import Refusal

_KEY: Final = re.compile(r"[0-9a-f]{32}")
_PARAMETERS: Final = frozenset(
    {"sentry_key", "sentry_version", "sentry_client", "sentry_secret", "sentry_timestamp"}
)
_VERSION: Final = "7"


def authenticate(header: str | None, *, project: str, key: str, wanted_project: str) -> None:
    """Let in who names *key* in *header*, for the project *wanted_project*.

    Raises:
        Refusal: with the status that Sentry has for it.
    """
    if header is None:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "missing authorization information")
    given = _read(header)
    if given.get("sentry_version") != _VERSION:
        raise Refusal(HTTPStatus.BAD_REQUEST, "unsupported protocol version")
    if not _KEY.fullmatch(given.get("sentry_key", "")):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad sentry DSN public key")
    if not project.isdecimal():
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad project path parameter")
    if (given["sentry_key"], project) != (key, wanted_project):
        reason = "event submission rejected with_reason: ProjectId"
        raise Refusal(HTTPStatus.FORBIDDEN, reason)


def _read(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    pairs = [one.strip().partition("=") for one in rest.split(",")]
    given = {name: value for name, _, value in pairs}
    if scheme != "Sentry" or len(given) != len(pairs) or not given.keys() <= _PARAMETERS:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "bad x-sentry-auth header")
    return given
