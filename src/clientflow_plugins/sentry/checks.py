"""What can be told of the project at Sentry, for the checklist."""

import ipaddress
import json
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
    skipped,
)
from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_core.providers.observer import ObserverProvider
from clientflow_core.release import commit
from clientflow_plugins.sentry.settings import SentrySettings, release_of

_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=4)
_NO_LIST: Final = (aiohttp.ClientError, OSError, ValueError)


async def check_dsn(context: CheckContext) -> CheckResult:
    """Look at what the DSN says of itself."""
    expected = "a DSN by which errors go out encrypted"
    parts = urlsplit(context.settings(SentrySettings).dsn.reveal())
    found = f"project {parts.path.rpartition('/')[2]} at {parts.hostname}, by {parts.scheme}"
    if parts.scheme == "https" or _is_loopback(parts.hostname):
        return passed(found, expected=expected)
    return failed(found, expected=expected, hint="set SENTRY_DSN to one that begins with https://")


async def check_project(context: CheckContext) -> CheckResult:
    """Post something that shows nowhere: Sentry must take it."""
    expected = "Sentry takes what it is sent"
    observer: ObserverProvider = await context.own_provider("sentry")
    try:
        name = await observer.verify()
    except AuthFailed as error:
        hint = "copy SENTRY_DSN anew from the project's settings, Client Keys (DSN)"
        return failed(str(error), expected=expected, hint=hint)
    return passed(f"{name} has taken an envelope", expected=expected)


async def check_alerts(context: CheckContext) -> CheckResult:
    """List the project's alert rules, if there is a token for it."""
    expected = "an alert rule at least"
    settings = context.settings(SentrySettings)
    if not (settings.auth_token and settings.organization and settings.project):
        hint = "set SENTRY_AUTH_TOKEN, SENTRY_ORG and SENTRY_PROJECT, or sign it off"
        return skipped("the alert rules cannot be read", expected=expected, hint=hint)
    names = [str(rule.get("name")) for rule in await _list_rules(context, settings)]
    if not names:
        hint = "create one at Alerts in Sentry: a new issue should reach somebody"
        return failed("no alert rule", expected=expected, hint=hint)
    return passed(f"{len(names)}, such as {names[0]!r}", expected=expected)


async def check_traces(context: CheckContext) -> CheckResult:
    """Look at which part of all requests and jobs is timed."""
    expected = "more than none"
    rate = context.settings(SentrySettings).traces_sample_rate
    found = f"{rate:.2%} of requests and jobs are timed"
    if rate > 0:
        return passed(found, expected=expected)
    return failed(found, expected=expected, hint="set SENTRY_TRACES_SAMPLE_RATE, such as to 0.1")


async def check_release(context: CheckContext) -> CheckResult:
    """Look at what errors are told to come from."""
    expected = "version and commit of what is deployed"
    settings = context.settings(SentrySettings)
    if settings.release or commit():
        return passed(release_of(settings), expected=expected)
    hint = "deploy a wheel of `nox -s build`, or set SENTRY_RELEASE to VERSION+COMMIT each time"
    return failed(f"{release_of(settings)}, without a commit", expected=expected, hint=hint)


CHECKS: Final = (
    CheckSpec(id="EA7", title="Sentry's DSN names a project, by https", run=check_dsn),
    CheckSpec(id="MS1", title="Sentry's project takes what it is sent", run=check_project),
    CheckSpec(id="MS3", title="Sentry alerts somebody of errors", run=check_alerts),
    CheckSpec(id="MS4", title="Requests and jobs are timed", run=check_traces),
    CheckSpec(id="MS5", title="Errors name the release that they come from", run=check_release),
)


async def _list_rules(context: CheckContext, settings: SentrySettings) -> list[dict[str, Any]]:
    # https://docs.sentry.io/api/alerts/list-a-projects-issue-alert-rules/
    path = f"/api/0/projects/{settings.organization}/{settings.project}/rules/"
    token = settings.auth_token.reveal() if settings.auth_token else ""
    try:
        async with context.http.get(
            settings.url.rstrip("/") + path,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
            # Nobody else is to be sent the token.
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            status = answer.status
        listed = json.loads(body) if status == HTTPStatus.OK else None
    except _NO_LIST as error:
        msg = f"Sentry did not list the alert rules: {type(error).__name__}"
        raise ProviderUnavailable(msg) from error
    if not isinstance(listed, list):
        msg = f"Sentry did not list the alert rules: HTTP {status}"
        raise ProviderUnavailable(msg)
    return [rule for rule in listed if isinstance(rule, dict)]


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
