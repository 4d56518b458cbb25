"""What can be told of the account at Twilio, for the checklist.

The numbers of an account: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource;
a service: https://www.twilio.com/docs/messaging/api/service-resource.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import aiohttp

from clientflow_core.contributions.checks import CheckContext, CheckResult, CheckSpec, CheckStatus
from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_plugins.twilio.settings import WEBHOOK_PATH, TwilioSettings

_API: Final = "https://api.twilio.com"
_MESSAGING_API: Final = "https://messaging.twilio.com"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=4)
# No answer, one that says no, or one that is something else.
_NO_ANSWER: Final = (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError)
T = TypeVar("T")
_OWNED: Final = "a number of the account that can carry texts"


async def check_account(context: CheckContext) -> CheckResult:
    """Fetch the account, which must be active."""
    expected = "an active account"
    channel = await context.providers.channel("twilio")
    try:
        name = await channel.verify()
    except AuthFailed as error:
        hint = "correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN; see https://console.twilio.com"
        return _failed(str(error), expected, hint)
    return _passed(f"the account {name} is active", expected)


async def check_number(context: CheckContext) -> CheckResult:
    """Look for the number among those of the account, and at what it can carry."""
    number = context.settings(TwilioSettings).phone_number
    if number is None:
        return _skipped("no number is set", _OWNED, "a messaging service chooses the number")
    found = await _find_number(context, number)
    if found is None:
        hint = "set TWILIO_PHONE_NUMBER to a number of the account that TWILIO_ACCOUNT_SID names"
        return _failed(f"the account has no number {number}", _OWNED, hint)
    if not found.get("capabilities", {}).get("sms"):
        return _failed(f"{number} carries no texts", _OWNED, "choose a number that can, or buy one")
    return _passed(f"{number} belongs to the account and carries texts", _OWNED)


async def check_webhook(context: CheckContext) -> CheckResult:
    """Read to which address texts are posted: that of the service, or that of the number."""
    wanted = context.public_url + WEBHOOK_PATH
    settings = context.settings(TwilioSettings)
    if settings.messaging_service_sid is not None:
        service = await _find_service(context, settings.messaging_service_sid)
        if not service.get("use_inbound_webhook_on_number"):
            return _compare(service.get("inbound_request_url"), wanted, "at the messaging service")
        if settings.phone_number is None:
            why = "the service leaves it to its numbers: compare theirs in the console"
            return _skipped("each number has an address of its own", wanted, why)
    found = await _find_number(context, str(settings.phone_number))
    if found is None:
        return _skipped("the account has no such number", wanted, "see ET3")
    return _compare(found.get("sms_url"), wanted, "at the number")


def _compare(url: object, wanted: str, where: str) -> CheckResult:
    if url == wanted:
        return _passed(wanted, wanted)
    hint = f"set it {where} in https://console.twilio.com, or correct CLIENTFLOW_PUBLIC_URL"
    return _failed(str(url or "none"), wanted, hint)


CHECKS: Final = (
    CheckSpec(id="ET1", title="Twilio's account answers and is active", run=check_account),
    CheckSpec(id="ET3", title="The number is ours and carries texts", run=check_number),
    CheckSpec(id="ET6", title="Texts to the number are posted to us", run=check_webhook),
)


async def _find_number(context: CheckContext, number: str) -> dict[str, Any] | None:
    settings = context.settings(TwilioSettings)
    base = (settings.api_base_url or _API).rstrip("/")
    url = f"{base}/2010-04-01/Accounts/{settings.account_sid}/IncomingPhoneNumbers.json"

    def find(read: Any) -> dict[str, Any] | None:
        listed = read["incoming_phone_numbers"]
        return next((one for one in listed if one["phone_number"] == number), None)

    return await _read(context, url, find, what="list the numbers of the account", number=number)


async def _find_service(context: CheckContext, sid: str) -> dict[str, Any]:
    base = (context.settings(TwilioSettings).api_base_url or _MESSAGING_API).rstrip("/")
    url = f"{base}/v1/Services/{sid}"
    return await _read(context, url, dict, what="show the messaging service")


async def _read(
    context: CheckContext, url: str, find: Callable[[Any], T], *, what: str, number: str = ""
) -> T:
    settings = context.settings(TwilioSettings)
    token = settings.auth_token.reveal()
    authorization = aiohttp.encode_basic_auth(settings.account_sid, token)
    try:
        async with context.http.get(
            url,
            params={"PhoneNumber": number} if number else {},
            headers={"Authorization": authorization},
            timeout=_TIMEOUT,
            # Nobody else is to be sent the token.
            allow_redirects=False,
            raise_for_status=True,
        ) as response:
            return find(await response.json())
    except _NO_ANSWER as error:
        status = f" (HTTP {error.status})" if isinstance(error, aiohttp.ClientResponseError) else ""
        msg = f"Twilio did not {what}: {type(error).__name__}{status}"
        raise ProviderUnavailable(msg) from error


def _passed(found: str, expected: str) -> CheckResult:
    return CheckResult(status=CheckStatus.PASSED, found=found, expected=expected)


def _failed(found: str, expected: str, hint: str) -> CheckResult:
    return CheckResult(status=CheckStatus.FAILED, found=found, expected=expected, hint=hint)


def _skipped(found: str, expected: str, hint: str) -> CheckResult:
    return CheckResult(status=CheckStatus.SKIPPED, found=found, expected=expected, hint=hint)
