"""What can be told of the account at Google, for the checklist."""

from typing import Final
from urllib.parse import urlsplit

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
    skipped,
)
from clientflow_core.errors import AuthFailed
from clientflow_plugins.google_calendar.settings import (
    SERVICE_ACCOUNT_ENV,
    WEBHOOK_PATH,
    GoogleCalendarSettings,
    read_service_account,
)

_NAME: Final = "google_calendar"
_CONSOLE: Final = "https://console.cloud.google.com"
_KEY: Final = "the key of a service account that can sign"
_CLIENT: Final = "an OAuth client that a user has consented to"
_CALENDARS: Final = "a service account that reaches a calendar"
_ON_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


async def check_key(context: CheckContext) -> CheckResult:
    """Read the key of the service account, down to the private key."""
    settings = context.settings(GoogleCalendarSettings)
    if settings.service_account is None:
        return skipped(
            "no service account is set", expected=_KEY, hint="a user's consent is used instead"
        )
    from google.auth import crypt  # noqa: PLC0415 - the SDK

    key = read_service_account(settings.service_account)
    try:
        crypt.RSASigner.from_service_account_info(key)
    except ValueError:
        hint = (
            f"make a new key at {_CONSOLE}/iam-admin/serviceaccounts, Keys, and set"
            f" {SERVICE_ACCOUNT_ENV} to the file in Base64"
        )
        return failed("the private key cannot be read", expected=_KEY, hint=hint)
    return passed(f"the key {key['private_key_id']} of {key['client_email']}", expected=_KEY)


async def check_client(context: CheckContext) -> CheckResult:
    """Look whether there is an OAuth client; its shape was looked at when it was loaded."""
    settings = context.settings(GoogleCalendarSettings)
    if settings.client_id is None:
        return skipped(
            "no OAuth client is set", expected=_CLIENT, hint="a service account needs none"
        )
    return passed(settings.client_id, expected=_CLIENT)


async def check_consent(context: CheckContext) -> CheckResult:
    """Fetch a token for the user who has consented, if there is one."""
    settings = context.settings(GoogleCalendarSettings)
    if settings.refresh_token is None:
        why = "the client's secret shows to be right when somebody's consent is used"
        return skipped("no user's consent is set", expected=_CLIENT, hint=why)
    calendars = await context.providers.calendar(_NAME)
    try:
        name = await calendars.verify()
    except AuthFailed as error:
        hint = (
            f"copy GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET anew from {_CONSOLE}/apis/credentials,"
            " or let the user consent again"
        )
        return failed(str(error), expected=_CLIENT, hint=hint)
    return passed(f"{name} has consented", expected=_CLIENT)


async def check_service_account(context: CheckContext) -> CheckResult:
    """List the calendars that the service account reaches."""
    settings = context.settings(GoogleCalendarSettings)
    if settings.service_account is None:
        return skipped(
            "no service account is set",
            expected=_CALENDARS,
            hint="a user's consent is used instead",
        )
    calendars = await context.providers.calendar(_NAME)
    try:
        found = await calendars.list_calendars()
    except AuthFailed as error:
        hint = (
            f"enable the Calendar API at {_CONSOLE}/apis/library/calendar-json.googleapis.com; with"
            " a subject, delegate the three scopes at https://admin.google.com, API controls"
        )
        return failed(str(error), expected=_CALENDARS, hint=hint)
    if not found:
        hint = "share a calendar with it and put it into its list, or set GOOGLE_CALENDAR_SUBJECT"
        return failed("it reaches no calendar", expected=_CALENDARS, hint=hint)
    writable = sum(one.is_writable for one in found)
    told = f"it reaches {len(found)} calendars, and may write to {writable}"
    if settings.subject is None:
        told += "; it cannot invite anybody, since it acts for no user"
    return passed(told, expected=_CALENDARS)


async def check_address(context: CheckContext) -> CheckResult:
    """Look at the address that Google is told to post changes to: it takes HTTPS alone."""
    address = context.public_url + WEBHOOK_PATH
    expected = "an address of HTTPS, with a certificate that Google trusts"
    parts = urlsplit(address)
    if parts.hostname in _ON_THIS_MACHINE:
        return skipped(
            address, expected=expected, hint="nobody else can reach this machine by that name"
        )
    if parts.scheme != "https":
        return failed(address, expected=expected, hint="correct CLIENTFLOW_PUBLIC_URL")
    return passed(address, expected=expected)


CHECKS: Final = (
    CheckSpec(id="EC1", title="The key of the service account can be used", run=check_key),
    CheckSpec(id="EC2", title="An OAuth client is set", run=check_client),
    CheckSpec(id="EC3", title="The OAuth client's secret fits", run=check_consent),
    CheckSpec(id="EC4", title="The service account reaches calendars", run=check_service_account),
    CheckSpec(id="EC6", title="Google can tell us of changes", run=check_address),
)
