"""What can be told of the account at SendGrid, for the checklist.

A key that may only send cannot read the account: what it may not see is skipped, and said so.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
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
from clientflow_plugins.sendgrid.account import (
    api_of,
    find_domain,
    is_verified_sender,
    read_list,
)
from clientflow_plugins.sendgrid.dns_records import look_up
from clientflow_plugins.sendgrid.fixes import WANTED_EVENTS, fix_events, fix_inbound
from clientflow_plugins.sendgrid.settings import EVENTS_PATH, INBOUND_PATH, SendgridSettings
from clientflow_plugins.sendgrid.signatures import load_public_key
from clientflow_plugins.sendgrid.suppressions import find_suppression

_CONSOLE: Final = "https://app.sendgrid.com/settings"
_MX: Final = "mx.sendgrid.net"
_MIGHTY: Final = frozenset({"api_keys.create", "api_keys.update", "billing.update"})
Check = Callable[[CheckContext], Awaitable[CheckResult]]
Fix = Callable[[CheckContext], Awaitable[str]]


async def check_key(context: CheckContext) -> CheckResult:
    """Read what the key may do: send, and better not everything."""
    expected = "a key with the scope mail.send, and few others"
    scopes = await read_list(context, "/v3/scopes", "scopes", of=str)
    if "mail.send" not in scopes:
        hint = f"make a key that may send mail, at {_CONSOLE}/api_keys"
        return failed("the key may not send mail", expected=expected, hint=hint)
    if _MIGHTY.intersection(scopes):
        hint = f"whoever steals it has the account: make a restricted one at {_CONSOLE}/api_keys"
        return passed(
            f"a key with full access ({len(scopes)} scopes)", expected=expected, hint=hint
        )
    return passed(f"a key with {len(scopes)} scopes", expected=expected)


async def check_sender(context: CheckContext) -> CheckResult:
    """Look for the address among the verified senders, and its domain among the authenticated."""
    address = context.settings(SendgridSettings).from_email
    expected = "a verified sender, or an address of an authenticated domain"
    domain = await find_domain(context, address)
    if domain is not None and domain.get("valid") is True:
        return passed(f"{address} is of an authenticated domain", expected=expected)
    if await is_verified_sender(context, address):
        return passed(f"{address} is a verified sender", expected=expected)
    hint = f"verify it, or authenticate its domain, at {_CONSOLE}/sender_auth"
    return failed(f"SendGrid does not know {address}", expected=expected, hint=hint)


async def check_keys_of_webhooks(context: CheckContext) -> CheckResult:
    """Load the verification keys, and compare them with those of the account."""
    settings = context.settings(SendgridSettings)
    expected = "the keys by which the account signs"
    if not settings.public_key:
        hint = f"switch on the signed event webhook at {_CONSOLE}/mail_settings/webhook_settings"
        return failed("SENDGRID_PUBLIC_KEY is not set", expected=expected, hint=hint)
    for env, key in _public_keys(settings).items():
        if not _is_key(key):
            return failed(
                f"{env} is no key on P-256", expected=expected, hint="copy it again, all of it"
            )
    webhooks = await read_list(context, "/v3/user/webhooks/event/settings/all", "webhooks")
    if settings.public_key not in [one.get("public_key") for one in webhooks]:
        hint = "copy the verification key of the event webhook again"
        return failed("no event webhook signs by SENDGRID_PUBLIC_KEY", expected=expected, hint=hint)
    return passed("the event webhook signs by SENDGRID_PUBLIC_KEY", expected=expected)


async def check_inbound(context: CheckContext) -> CheckResult:
    """Read where e-mail to the address is posted, and what proves that it comes from SendGrid."""
    settings = context.settings(SendgridSettings)
    wanted = context.public_url + INBOUND_PATH
    hostname = settings.own_address.rpartition("@")[2]
    found = await read_list(context, "/v3/user/webhooks/parse/settings", "result")
    ours = next((one for one in found if one.get("hostname") == hostname), None)
    if ours is None:
        hint = f"add the host at {_CONSOLE}/parse, or set SENDGRID_REPLY_EMAIL to one that is there"
        return failed(f"Inbound Parse does not know {hostname}", expected=wanted, hint=hint)
    url = _without_query(str(ours.get("url", "")))
    if url != wanted:
        hint = f"set it at {_CONSOLE}/parse, or correct CLIENTFLOW_PUBLIC_URL"
        return failed(url, expected=wanted, hint=hint)
    return await _check_inbound_proof(context, settings, ours, wanted)


async def check_events(context: CheckContext) -> CheckResult:
    """Read where events are posted, and which of them."""
    wanted = context.public_url + EVENTS_PATH
    webhooks = await read_list(context, "/v3/user/webhooks/event/settings/all", "webhooks")
    ours = [one for one in webhooks if _without_query(str(one.get("url", ""))) == wanted]
    hint = f"set it at {_CONSOLE}/mail_settings/webhook_settings"
    if not any(one.get("enabled") is True for one in ours):
        urls = ", ".join(_without_query(str(one.get("url", ""))) for one in webhooks)
        return failed(urls or "no event webhook", expected=wanted, hint=hint)
    missing = [word for word in WANTED_EVENTS if not any(one.get(word) is True for one in ours)]
    if missing:
        return failed(f"it is not told of {', '.join(missing)}", expected=wanted, hint=hint)
    return passed(wanted, expected=wanted)


async def check_domain(context: CheckContext) -> CheckResult:
    """Read whether SendGrid has found the records by which the domain lets it send."""
    address = context.settings(SendgridSettings).from_email
    name, expected = address.rpartition("@")[2], "the records of SPF and DKIM are found"
    hint = f"authenticate it at {_CONSOLE}/sender_auth, and set the records that it names"
    domain = await find_domain(context, address)
    if domain is None:
        return failed(f"{name} is not authenticated", expected=expected, hint=hint)
    if domain.get("valid") is not True:
        what = ", ".join(_missing_records(domain)) or "its records"
        return failed(f"{name}: not found are {what}", expected=expected, hint=hint)
    return passed(f"{name} is authenticated", expected=expected)


async def check_verified_sender(context: CheckContext) -> CheckResult:
    """Look for the address among the verified senders, which one of an own domain need not be."""
    address = context.settings(SendgridSettings).from_email
    expected = "a verified sender, unless its domain is authenticated"
    if await is_verified_sender(context, address):
        return passed(f"{address} is verified", expected=expected)
    domain = await find_domain(context, address)
    if domain is not None and domain.get("valid") is True:
        return skipped(
            "its domain is authenticated", expected=expected, hint="that is more than a sender"
        )
    hint = f"verify it at {_CONSOLE}/sender_auth, by the link that SendGrid sends to it"
    return failed(f"{address} is not verified", expected=expected, hint=hint)


async def check_mx(context: CheckContext) -> CheckResult:
    """Ask the DNS whether e-mail to the address goes to SendGrid."""
    settings = context.settings(SendgridSettings)
    hostname = settings.own_address.rpartition("@")[2]
    expected = f"the MX record of {hostname} is {_MX}"
    if _is_stand_in(settings):
        return skipped("the API is a stand-in", expected=expected, hint="its domain is in no DNS")
    hosts = [text.split()[-1].rstrip(".").lower() for text in await look_up(hostname, "MX")]
    if hosts == [_MX]:
        return passed(_MX, expected=expected)
    hint = "set it where the domain is registered; other hosts beside it would take e-mail away"
    return failed(", ".join(hosts) or "no MX record", expected=expected, hint=hint)


async def check_dmarc(context: CheckContext) -> CheckResult:
    """Ask the DNS for the policy of the domain against e-mail in its name."""
    settings = context.settings(SendgridSettings)
    domain = settings.from_email.rpartition("@")[2]
    expected = f"_dmarc.{domain} has a policy"
    if _is_stand_in(settings):
        return skipped("the API is a stand-in", expected=expected, hint="its domain is in no DNS")
    found = [text.strip('"') for text in await look_up(f"_dmarc.{domain}", "TXT")]
    policies = [text for text in found if text.lower().startswith("v=dmarc1")]
    if len(policies) == 1:
        return passed(policies[0], expected=expected)
    hint = 'set a TXT record, for a start "v=DMARC1; p=none"; of a domain above it, look yourself'
    return failed(f"{len(policies)} policies", expected=expected, hint=hint)


async def check_suppressions(context: CheckContext) -> CheckResult:
    """Look for our own address among those that SendGrid does not deliver to."""
    address = context.settings(SendgridSettings).from_email
    expected = "our own address is not suppressed"
    reason = await find_suppression(api_of(context), address)
    if reason is None:
        return passed(f"nothing speaks against {address}", expected=expected)
    hint = "take it off the list at https://app.sendgrid.com/suppressions"
    return failed(f"{address} is {reason}", expected=expected, hint=hint)


def _unless_forbidden(run: Check) -> Check:
    async def check(context: CheckContext) -> CheckResult:
        try:
            return await run(context)
        except AuthFailed as error:
            if error.provider_code == "403":
                hint = "look in SendGrid's console, or give the key the right to read it"
                return skipped("the key may not read it", expected="a key that may", hint=hint)
            hint = f"correct SENDGRID_API_KEY; see {_CONSOLE}/api_keys"
            return failed(str(error), expected="a key that SendGrid knows", hint=hint)

    return check


_ALL: Final[Mapping[str, tuple[str, Check]]] = {
    "EG1": ("SendGrid knows the key, which may send", check_key),
    "EG2": ("The address may be sent from", check_sender),
    "EG3": ("The keys of the webhooks are the account's", check_keys_of_webhooks),
    "EG4": ("E-mail to the address is posted to us, and proven", check_inbound),
    "EG5": ("The domain lets SendGrid send", check_domain),
    "EG6": ("The sender is verified", check_verified_sender),
    "sendgrid-events": ("Events are posted to us", check_events),
    "sendgrid-mx": ("E-mail to the address goes to SendGrid", check_mx),
    "sendgrid-dmarc": ("The domain has a policy against e-mail in its name", check_dmarc),
    "sendgrid-suppressions": ("SendGrid delivers to our own address", check_suppressions),
}
_FIXES: Final[Mapping[str, tuple[str, Fix]]] = {
    "EG4": ("Set the address of Inbound Parse at SendGrid, in place of the one there", fix_inbound),
    "sendgrid-events": (
        "Set the address and the events of the event webhook at SendGrid, in place of those there",
        fix_events,
    ),
}
_NO_FIX: Final = ("", None)


def _spec(name: str) -> CheckSpec:
    (title, run), (fix_title, fix) = _ALL[name], _FIXES.get(name, _NO_FIX)
    return CheckSpec(
        id=name,
        title=title,
        run=_unless_forbidden(run),
        fix=fix,
        fix_title=fix_title,
        deadline_seconds=20.0,
    )


CHECKS: Final = tuple(map(_spec, _ALL))


async def _check_inbound_proof(
    context: CheckContext, settings: SendgridSettings, parse: Mapping[str, Any], wanted: str
) -> CheckResult:
    if settings.inbound_token:
        return passed(
            f"{wanted}, with a token", expected=wanted, hint="a security policy would prove more"
        )
    if not settings.inbound_public_key:
        hint = "set SENDGRID_INBOUND_PUBLIC_KEY or SENDGRID_INBOUND_TOKEN, or nothing is taken"
        return failed(f"{wanted}, and nothing proves who posts", expected=wanted, hint=hint)
    policies = await read_list(context, "/v3/user/webhooks/security/policies", "policies")
    ours = [one for one in policies if _key_of(one) == settings.inbound_public_key]
    hint = "attach a policy to the host, and set SENDGRID_INBOUND_PUBLIC_KEY to its key"
    if not ours:
        return failed(
            "no security policy has SENDGRID_INBOUND_PUBLIC_KEY", expected=wanted, hint=hint
        )
    # The official document does not know the field, Twilio's guide on securing Parse does.
    if "security_policy" in parse and parse["security_policy"] != ours[0].get("id"):
        return failed(
            "the policy of the key is not attached to the host", expected=wanted, hint=hint
        )
    return passed(f"{wanted}, with a security policy", expected=wanted)


def _key_of(policy: Mapping[str, Any]) -> object:
    signature = policy.get("signature")
    return signature.get("public_key") if isinstance(signature, dict) else None


def _missing_records(domain: Mapping[str, Any]) -> list[str]:
    records = domain.get("dns")
    found = records.values() if isinstance(records, dict) else ()
    return [str(one.get("host")) for one in found if isinstance(one, dict) and not one.get("valid")]


def _public_keys(settings: SendgridSettings) -> Mapping[str, str]:
    keys = {
        "SENDGRID_PUBLIC_KEY": settings.public_key,
        "SENDGRID_INBOUND_PUBLIC_KEY": settings.inbound_public_key,
    }
    return {env: key for env, key in keys.items() if key}


def _is_key(text: str) -> bool:
    try:
        load_public_key(text)
    except ValueError:
        return False
    return True


def _is_stand_in(settings: SendgridSettings) -> bool:
    host = urlsplit(settings.api_url).hostname or ""
    return not (host == "sendgrid.com" or host.endswith(".sendgrid.com"))


def _without_query(url: str) -> str:
    # It may hold the token.
    return url.partition("?")[0]
