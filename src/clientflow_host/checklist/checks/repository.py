"""What GitHub tells of the repository that is deployed: its tests, its secrets, its alerts."""

from http import HTTPStatus
from typing import Any, Final

import aiohttp

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.errors import ProviderUnavailable
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext

_WORKFLOW: Final = "ci.yml"
# What deploy.yml asks for.
_SECRETS: Final = ("CLIENTFLOW_OWNER_DATABASE_URL", "DATABASE_URL", "FLY_API_TOKEN")
_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=4)
_UNREADABLE: Final = (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError)
_NOT_SET: Final = "Set CLIENTFLOW_GITHUB_REPOSITORY and CLIENTFLOW_GITHUB_TOKEN to have it read."
_VERSION: Final = "2022-11-28"


async def check_workflow(context: HostCheckContext) -> CheckResult:
    """Tell whether the last run of the tests on main has passed.

    https://docs.github.com/en/rest/actions/workflow-runs
    """
    expected = f"the last run of {_WORKFLOW} on main has passed"
    if context.settings.repository.name is None:
        return skipped("no repository is set", expected=expected, hint=_NOT_SET)
    path = f"actions/workflows/{_WORKFLOW}/runs?branch=main&status=completed&per_page=1"
    runs = (await _read(context, path))["workflow_runs"]
    if not runs:
        hint = f"Push .github/workflows/{_WORKFLOW} to main."
        return failed("it has never run", expected=expected, hint=hint)
    last = runs[0]
    found = f"{last['conclusion']}, on commit {str(last['head_sha'])[:12]}"
    if last["conclusion"] == "success":
        return passed(found, expected=expected)
    return failed(found, expected=expected, hint=f"Look at {last['html_url']} and mend it.")


async def check_secrets(context: HostCheckContext) -> CheckResult:
    """Tell whether what a deployment needs is among the repository's secrets, by their names.

    https://docs.github.com/en/rest/actions/secrets
    """
    expected = f"GitHub keeps {', '.join(_SECRETS)}"
    if context.settings.repository.name is None:
        return skipped("no repository is set", expected=expected, hint=_NOT_SET)
    listed = (await _read(context, "actions/secrets?per_page=100"))["secrets"]
    lacking = sorted(set(_SECRETS) - {one["name"] for one in listed})
    if not lacking:
        return passed("all are kept there", expected=expected)
    hint = (
        "Add them at Settings, Secrets and variables, Actions; or sign it, if you deploy by other"
    )
    return failed(f"not there: {', '.join(lacking)}", expected=expected, hint=f"{hint} means.")


async def check_alerts(context: HostCheckContext) -> CheckResult:
    """Tell whether code scanning has found something that is still open.

    https://docs.github.com/en/rest/code-scanning/code-scanning
    """
    expected = "no open alert"
    if context.settings.repository.name is None:
        return skipped("no repository is set", expected=expected, hint=_NOT_SET)
    alerts = await _read(context, "code-scanning/alerts?state=open&per_page=100")
    if not alerts:
        return passed("none", expected=expected)
    return failed(
        f"{len(alerts)} open, such as {alerts[0]['rule']['description']}",
        expected=expected,
        hint=f"Look at {alerts[0]['html_url']}; mend it, or dismiss it with the reason.",
    )


CHECKS: Final = (
    HostCheck(id="CG1", run=check_workflow),
    HostCheck(id="CS1", run=check_secrets),
    HostCheck(id="CS5", run=check_alerts),
)


async def _read(context: HostCheckContext, path: str) -> Any:
    repository = context.settings.repository
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": _VERSION}
    if repository.token is not None:
        headers["Authorization"] = f"Bearer {repository.token.reveal()}"
    url = f"{repository.api_url.rstrip('/')}/repos/{repository.name}/{path}"
    try:
        # Nobody else is to be sent the token.
        async with context.http.get(
            url, headers=headers, timeout=_TIMEOUT, allow_redirects=False
        ) as response:
            if response.status != HTTPStatus.OK:
                _refuse(response.status, path)
            return await response.json()
    except _UNREADABLE as error:
        msg = f"GitHub cannot be read: {type(error).__name__}"
        # Not from the error: it has the headers of the request, and so the token.
        raise ProviderUnavailable(msg) from None


def _refuse(status: int, path: str) -> None:
    may = "the token may not read it" if status in {401, 403, 404} else "it does not answer"
    msg = f"GitHub answers {path.partition('?')[0]} with {status}: {may}"
    raise ProviderUnavailable(msg)
