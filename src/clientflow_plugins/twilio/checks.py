"""What can be told of the account at Twilio, for the checklist."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
    skipped,
)
from clientflow_core.errors import AuthFailed, ProviderRefused
from clientflow_plugins.twilio.account import (
    find_number,
    list_campaigns,
    list_pool,
    read_service,
    set_number_url,
    set_service_url,
)
from clientflow_plugins.twilio.settings import (
    WEBHOOK_PATH,
    WEBHOOK_URL_ENV,
    TwilioSettings,
    webhook_url_problems,
)
from clientflow_plugins.twilio.webhooks import FORM_TYPE, SIGNATURE_HEADER

_CONSOLE: Final = "https://console.twilio.com"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=4)
_OWNED: Final = "a number of the account that can carry texts"
_ON_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_REGISTER: Final = (
    f"register it at {_CONSOLE}, Messaging, Regulatory Compliance, A2P 10DLC; needed in the USA"
)


async def check_account(context: CheckContext) -> CheckResult:
    """Fetch the account, which must be active."""
    expected = "an active account"
    channel = await context.providers.channel("twilio")
    try:
        name = await channel.verify()
    except AuthFailed as error:
        hint = f"correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN; see {_CONSOLE}"
        return failed(str(error), expected=expected, hint=hint)
    return passed(f"the account {name} is active", expected=expected)


async def check_token(context: CheckContext) -> CheckResult:
    """Authenticate; then post to our own webhook what is signed with the token, and is no text."""
    expected = "Twilio knows the token, and the running host takes what is signed with it"
    channel = await context.providers.channel("twilio")
    try:
        await channel.verify()
    except AuthFailed as error:
        hint = f"copy TWILIO_AUTH_TOKEN anew: {_CONSOLE}, Account, API keys & tokens"
        return failed(str(error), expected=expected, hint=hint)
    status = await _post_signed(context)
    if status == HTTPStatus.FORBIDDEN:
        hint = "restart the host with this TWILIO_AUTH_TOKEN, or correct CLIENTFLOW_PUBLIC_URL"
        return failed("the host refuses the signature", expected=expected, hint=hint)
    if status != HTTPStatus.BAD_REQUEST:
        found = "no answer" if status is None else f"HTTP {status}"
        hint = f"see whether {context.public_url} is the host, and can be reached from here"
        return skipped(found, expected=expected, hint=hint)
    return passed("Twilio knows the token, and the host takes the signature", expected=expected)


async def check_number(context: CheckContext) -> CheckResult:
    """Look for the number among those of the account, and at what it can carry."""
    number = context.settings(TwilioSettings).phone_number
    if number is None:
        return skipped(
            "no number is set", expected=_OWNED, hint="a messaging service chooses the number"
        )
    found = await find_number(context, number)
    if found is None:
        hint = "set TWILIO_PHONE_NUMBER to a number of the account that TWILIO_ACCOUNT_SID names"
        return failed(f"the account has no number {number}", expected=_OWNED, hint=hint)
    if not found.get("capabilities", {}).get("sms"):
        hint = f"choose a number that can, or buy one: {_CONSOLE}, Phone Numbers, Buy a number"
        return failed(f"{number} carries no texts", expected=_OWNED, hint=hint)
    return passed(f"{number} belongs to the account and carries texts", expected=_OWNED)


async def check_own_address(context: CheckContext) -> CheckResult:
    """Look at the address that Twilio signs: it must be the one that the host checks over."""
    settings, wanted = context.settings(TwilioSettings), _wanted(context)
    expected = f"{wanted}, by https"
    problem = next(webhook_url_problems(settings, context.public_url), None)
    if problem is not None:
        hint = f"set {WEBHOOK_URL_ENV} to {wanted}, or leave it out, or correct the public URL"
        return failed(f"{settings.webhook_url}", expected=expected, hint=hint)
    parts = urlsplit(wanted)
    if parts.hostname in _ON_THIS_MACHINE:
        return skipped(
            wanted, expected=expected, hint="nobody else can reach this machine by that name"
        )
    if parts.scheme != "https":
        return failed(
            wanted, expected=expected, hint="set CLIENTFLOW_PUBLIC_URL to the address of https"
        )
    said = "" if settings.webhook_url else f" ({WEBHOOK_URL_ENV} is not set, and need not be)"
    return passed(f"{wanted}{said}", expected=expected)


async def check_service(context: CheckContext) -> CheckResult:
    """Fetch the messaging service, its numbers, and how far its A2P registration is."""
    settings = context.settings(TwilioSettings)
    sid, expected = settings.messaging_service_sid, "a messaging service with our number in it"
    if sid is None:
        hint = f"make one at {_CONSOLE}, Messaging, Services; set TWILIO_MESSAGING_SERVICE_SID"
        return skipped("no messaging service is set", expected=expected, hint=hint)
    name = (await read_service(context, sid)).get("friendly_name") or sid
    pool = await list_pool(context, sid)
    if not pool or settings.phone_number not in {None, *pool}:
        hint = f"add it at {_CONSOLE}, Messaging, Services, {name}, Sender Pool"
        return failed(
            f"{name} has not {settings.phone_number or 'any number'}", expected=expected, hint=hint
        )
    states = await list_campaigns(context, sid)
    found = f"{name} has {len(pool)} numbers; A2P: {', '.join(states) or 'not registered'}"
    if "FAILED" in states:
        return failed(found, expected="no campaign that has failed", hint=_REGISTER)
    return passed(found, expected=expected, hint="" if states else _REGISTER)


async def check_webhook(context: CheckContext) -> CheckResult:
    """Read to which address texts are posted: that of the service, or that of the number."""
    wanted, settings = _wanted(context), context.settings(TwilioSettings)
    service = await _deciding_service(context)
    if service is not None:
        where = f"at {_CONSOLE}, Messaging, Services, Integration, at the messaging service"
        url, method = service.get("inbound_request_url"), service.get("inbound_method")
        return _compare(url, method, wanted, where)
    if settings.phone_number is None:
        why = "the service leaves it to its numbers: compare theirs in the console"
        return skipped("each number has an address of its own", expected=wanted, hint=why)
    found = await find_number(context, settings.phone_number)
    if found is None:
        return skipped("the account has no such number", expected=wanted, hint="see ET3")
    where = f"at {_CONSOLE}, Phone Numbers, Active numbers, A message comes in, at the number"
    if found.get("sms_application_sid"):
        hint = f"choose Webhook instead of the TwiML App {where}"
        return failed(f"the application {found['sms_application_sid']}", expected=wanted, hint=hint)
    return _compare(found.get("sms_url"), found.get("sms_method"), wanted, where)


async def fix_webhook(context: CheckContext) -> str:
    """Let texts be posted to us, in place of whatever address they go to."""
    wanted, settings = _wanted(context), context.settings(TwilioSettings)
    service = await _deciding_service(context)
    if service is not None:
        await set_service_url(context, str(settings.messaging_service_sid), url=wanted)
        return f"Texts to the messaging service are posted to {wanted}."
    found = await find_number(context, str(settings.phone_number))
    if found is None or found.get("sms_application_sid"):
        msg = f"{settings.phone_number} is not ours, or an application answers it: see the hint"
        raise ProviderRefused(msg)
    await set_number_url(context, str(found["sid"]), url=wanted)
    return f"Texts to {settings.phone_number} are posted to {wanted}."


CHECKS: Final = (
    CheckSpec(id="ET1", title="Twilio's account answers and is active", run=check_account),
    CheckSpec(
        id="ET2", title="Twilio and the host know the token", run=check_token, deadline_seconds=20.0
    ),
    CheckSpec(id="ET3", title="The number is ours and carries texts", run=check_number),
    CheckSpec(id="ET4", title="Twilio signs the address that we check", run=check_own_address),
    CheckSpec(
        id="ET5",
        title="The messaging service has our number",
        run=check_service,
        deadline_seconds=30.0,
    ),
    CheckSpec(
        id="ET6",
        title="Texts to the number are posted to us",
        run=check_webhook,
        fix=fix_webhook,
        fix_title="Set the address for texts at Twilio, in place of the one that is there",
        deadline_seconds=20.0,
    ),
)


def _wanted(context: CheckContext) -> str:
    return context.public_url + WEBHOOK_PATH


async def _deciding_service(context: CheckContext) -> Mapping[str, Any] | None:
    """Give the messaging service if it is the one that says where texts are posted."""
    sid = context.settings(TwilioSettings).messaging_service_sid
    service = None if sid is None else await read_service(context, sid)
    if service is None or service.get("use_inbound_webhook_on_number"):
        return None
    return service


def _compare(url: object, method: object, wanted: str, where: str) -> CheckResult:
    if url == wanted and method in {None, "POST"}:
        return passed(wanted, expected=wanted)
    hint = f"set it, by HTTP POST, {where}; or correct CLIENTFLOW_PUBLIC_URL"
    said = f"{url}, by {method}" if url == wanted else str(url or "none")
    return failed(said, expected=wanted, hint=hint)


async def _post_signed(context: CheckContext) -> int | None:
    """Post what Twilio could have signed, and what names no text: nothing is kept of it."""
    from twilio.request_validator import (  # type: ignore[import-untyped]  # noqa: PLC0415 - the SDK
        RequestValidator,
    )

    settings, url = context.settings(TwilioSettings), _wanted(context)
    form = {"AccountSid": settings.account_sid}
    signature = RequestValidator(settings.auth_token.reveal()).compute_signature(url, form)
    headers = {"Content-Type": FORM_TYPE, SIGNATURE_HEADER: signature}
    try:
        async with context.http.post(
            url,
            data=urlencode(form).encode(),
            headers=headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
        ) as response:
            return response.status
    except (aiohttp.ClientError, OSError):
        return None
