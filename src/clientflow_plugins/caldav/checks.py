"""What can be told of the account on the CalDAV server, for the checklist."""

from typing import Final

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
)
from clientflow_core.errors import AuthFailed

_EXPECTED: Final = "a calendar that we may write to"


async def check_calendars(context: CheckContext) -> CheckResult:
    """List the calendars of the account; one of them must be there to put appointments into."""
    calendars = await context.providers.calendar("caldav")
    try:
        found = await calendars.list_calendars()
    except AuthFailed as error:
        hint = "correct CALDAV_USERNAME and CALDAV_PASSWORD"
        return failed(str(error), expected=_EXPECTED, hint=hint)
    writable = [one.title for one in found if one.is_writable]
    if not writable:
        hint = "make one on the server, or have it shared with the account"
        return failed(f"none among {len(found)}", expected=_EXPECTED, hint=hint)
    return passed(", ".join(writable), expected=_EXPECTED)


CHECKS: Final = (
    CheckSpec(
        id="caldav-calendars",
        title="The CalDAV account has a calendar to write to",
        run=check_calendars,
    ),
)
