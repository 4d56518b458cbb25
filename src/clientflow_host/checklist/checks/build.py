"""What is built, and from what."""

import datetime as dt
from typing import Final

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.release import built_at
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext

_STALE: Final = dt.timedelta(days=30)


async def check_release(context: HostCheckContext) -> CheckResult:
    """Tell whether the running service is of the release that this command is of."""
    expected = f"the header X-Release of {context.url}/health is {context.release}"
    async with context.http.get(f"{context.url}/health") as response:
        served = response.headers.get("X-Release", "none")
    if served == context.release:
        return passed(served, expected=expected)
    return failed(
        served,
        expected=expected,
        hint="Deploy this release, or run the checklist by the release that is deployed.",
    )


async def check_age(context: HostCheckContext) -> CheckResult:
    """Tell whether what is installed is so old that updates of libraries are missing in it."""
    expected = f"a build of the last {_STALE.days} days, with the libraries of that day"
    made = built_at()
    if made is None:
        hint = "A checkout does not say; a wheel of `nox -s build` does."
        return skipped("nothing says when it was built", expected=expected, hint=hint)
    days = (context.now - made).days
    if context.now - made <= _STALE:
        return passed(f"built {days} days ago", expected=expected)
    hint = "Take Dependabot's updates, or run `nox -s lock -- --upgrade`, build and deploy."
    return failed(f"built {days} days ago", expected=expected, hint=hint)


CHECKS: Final = (
    HostCheck(id="DA1", run=check_release),
    HostCheck(id="SI5", run=check_age),
)
