"""What can be told of the account at Google, for the checklist."""

from typing import Final
from urllib.parse import urlsplit

from clientflow_core.contributions.checks import CheckContext, CheckResult, CheckSpec, CheckStatus
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
        return _skipped("no service account is set", _KEY, "a user's consent is used instead")
    from google.auth import crypt  # noqa: PLC0415 - the SDK

    key = read_service_account(settings.service_account)
    try:
        crypt.RSASigner.from_service_account_info(key)
    except ValueError:
        hint = (
            f"make a new key at {_CONSOLE}/iam-admin/serviceaccounts, Keys, and set"
            f" {SERVICE_ACCOUNT_ENV} to the file in Base64"
        )
        return _failed("the private key cannot be read", _KEY, hint)
    return _passed(f"the key {key['private_key_id']} of {key['client_email']}", _KEY)


async def check_client(context: CheckContext) -> CheckResult:
    """Look whether there is an OAuth client; its shape was looked at when it was loaded."""
    settings = context.settings(GoogleCalendarSettings)
    if settings.client_id is None:
        return _skipped("no OAuth client is set", _CLIENT, "a service account needs none")
    return _passed(settings.client_id, _CLIENT)


async def check_consent(context: CheckContext) -> CheckResult:
    """Fetch a token for the user who has consented, if there is one."""
    settings = context.settings(GoogleCalendarSettings)
    if settings.refresh_token is None:
        why = "the client's secret shows to be right when somebody's consent is used"
        return _skipped("no user's consent is set", _CLIENT, why)
    calendars = await context.providers.calendar(_NAME)
    try:
        name = await calendars.verify()
    except AuthFailed as error:
        hint = (
            f"copy GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET anew from {_CONSOLE}/apis/credentials,"
            " or let the user consent again"
        )
        return _failed(str(error), _CLIENT, hint)
    return _passed(f"{name} has consented", _CLIENT)


async def check_service_account(context: CheckContext) -> CheckResult:
    """List the calendars that the service account reaches."""
    settings = context.settings(GoogleCalendarSettings)
    if settings.service_account is None:
        return _skipped("no service account is set", _CALENDARS, "a user's consent is used instead")
    calendars = await context.providers.calendar(_NAME)
    try:
        found = await calendars.list_calendars()
    except AuthFailed as error:
        hint = (
            f"enable the Calendar API at {_CONSOLE}/apis/library/calendar-json.googleapis.com; with"
            " a subject, delegate the three scopes at https://admin.google.com, API controls"
        )
        return _failed(str(error), _CALENDARS, hint)
    if not found:
        hint = "share a calendar with it and put it into its list, or set GOOGLE_CALENDAR_SUBJECT"
        return _failed("it reaches no calendar", _CALENDARS, hint)
    writable = sum(one.is_writable for one in found)
    told = f"it reaches {len(found)} calendars, and may write to {writable}"
    if settings.subject is None:
        told += "; it cannot invite anybody, since it acts for no user"
    return _passed(told, _CALENDARS)


async def check_address(context: CheckContext) -> CheckResult:
    """Look at the address that Google is told to post changes to: it takes HTTPS alone."""
    address = context.public_url + WEBHOOK_PATH
    expected = "an address of HTTPS, with a certificate that Google trusts"
    parts = urlsplit(address)
    if parts.hostname in _ON_THIS_MACHINE:
        return _skipped(address, expected, "nobody else can reach this machine by that name")
    if parts.scheme != "https":
        return _failed(address, expected, "correct CLIENTFLOW_PUBLIC_URL")
    return _passed(address, expected)


CHECKS: Final = (
    CheckSpec(id="EC1", title="The key of the service account can be used", run=check_key),
    CheckSpec(id="EC2", title="An OAuth client is set", run=check_client),
    CheckSpec(id="EC3", title="The OAuth client's secret fits", run=check_consent),
    CheckSpec(id="EC4", title="The service account reaches calendars", run=check_service_account),
    CheckSpec(id="EC6", title="Google can tell us of changes", run=check_address),
)


def _passed(found: str, expected: str) -> CheckResult:
    return CheckResult(status=CheckStatus.PASSED, found=found, expected=expected)


def _failed(found: str, expected: str, hint: str) -> CheckResult:
    return CheckResult(status=CheckStatus.FAILED, found=found, expected=expected, hint=hint)


def _skipped(found: str, expected: str, hint: str) -> CheckResult:
    return CheckResult(status=CheckStatus.SKIPPED, found=found, expected=expected, hint=hint)
