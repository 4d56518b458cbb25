"""What can be told of the account at Stripe, for the checklist.

Webhook endpoints: https://docs.stripe.com/api/webhook_endpoints.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

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
from clientflow_plugins.stripe.account import change, read_list
from clientflow_plugins.stripe.plan_checks import PLAN_CHECKS
from clientflow_plugins.stripe.settings import (
    API_VERSION,
    KEYS_URL,
    WEBHOOK_PATH,
    WEBHOOKS_URL,
    StripeSettings,
)
from clientflow_plugins.stripe.webhooks import EVENT_TYPES, SIGNATURE_HEADER

_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=4)
_ENDPOINTS: Final = "/v1/webhook_endpoints"
# Proven to be Stripe's, and no event: it is refused as such, and nothing is kept of it.
_NO_EVENT: Final = "{}"
_EVERY_EVENT: Final = "*"


async def check_account(context: CheckContext) -> CheckResult:
    """Fetch the account that the secret key belongs to."""
    expected = "an account that answers"
    billing = await context.providers.billing("stripe")
    try:
        name = await billing.verify()
    except AuthFailed as error:
        return failed(
            str(error), expected=expected, hint=f"correct STRIPE_SECRET_KEY; see {KEYS_URL}"
        )
    mode = context.settings(StripeSettings).mode
    return passed(f"the account {name} answers, in {mode} mode", expected=expected)


async def check_webhook_secret(context: CheckContext) -> CheckResult:
    """Post to our own webhook what is signed with each secret, and is no event."""
    expected = "the running host takes what is signed with the secret"
    for secret in context.settings(StripeSettings).webhook_secret.reveal().split(","):
        status = await _post_signed(context, secret)
        if status == HTTPStatus.FORBIDDEN:
            hint = "restart the host with this STRIPE_WEBHOOK_SECRET, or correct it here"
            return failed("the host refuses the signature", expected=expected, hint=hint)
        if status != HTTPStatus.BAD_REQUEST:
            found = "no answer" if status is None else f"HTTP {status}"
            hint = f"see whether {context.public_url} is the host, and can be reached from here"
            return skipped(found, expected=expected, hint=hint)
    return passed("the host takes the signature", expected=expected)


async def check_publishable_key(context: CheckContext) -> CheckResult:
    """See that the browser's key is of the same mode as the secret one."""
    settings = context.settings(StripeSettings)
    expected = f"a publishable key of {settings.mode} mode"
    if settings.publishable_key is None and settings.page_key is None:
        why = "the pages lead to Stripe's own and need none; set STRIPE_PUBLISHABLE_KEY if yours do"
        return skipped("none is set", expected=expected, hint=why)
    # One of the other mode would have refused the start.
    return passed(f"one of {settings.mode} mode is set", expected=expected)


async def check_endpoint(context: CheckContext) -> CheckResult:
    """Look for our webhook among the endpoints of the account."""
    wanted = context.public_url + WEBHOOK_PATH
    expected = f"{wanted}, enabled, with the API version {API_VERSION}"
    endpoints = await _list_endpoints(context)
    found = next((one for one in endpoints if one["url"] == wanted), None)
    if found is None:
        urls = ", ".join(str(one["url"]) for one in endpoints) or "no endpoint"
        return failed(
            urls, expected=expected, hint=f"add it at {WEBHOOKS_URL}, or correct the public URL"
        )
    said = f"{found['status']}, with the API version {found['api_version'] or 'of the account'}"
    if (found["status"], found["api_version"]) == ("enabled", API_VERSION):
        return passed(f"{wanted}, {said}", expected=expected)
    hint = f"make it anew at {WEBHOOKS_URL}: the version of an endpoint cannot be changed"
    return failed(f"{wanted}, {said}", expected=expected, hint=hint)


async def fix_endpoint(context: CheckContext) -> str:
    """Make the endpoint if there is none, or switch it on; its secret is shown by Stripe alone.

    Until that is set the host refuses what comes, and Stripe sends it again for three days.
    """
    wanted, found = context.public_url + WEBHOOK_PATH, await _our_endpoint(context)
    if found is None:
        form = {"url": wanted, "api_version": API_VERSION, **_with_all_events(EVENT_TYPES)}
        await change(context, _ENDPOINTS, form, what="make the webhook endpoint")
        return (
            f"Made {wanted}. Now reveal its signing secret at {WEBHOOKS_URL}, set it as"
            " STRIPE_WEBHOOK_SECRET, and restart the host and the worker."
        )
    if found["api_version"] != API_VERSION:
        msg = f"the version of an endpoint cannot be changed: make it anew at {WEBHOOKS_URL}"
        raise ProviderRefused(msg)
    at, form = f"{_ENDPOINTS}/{found['id']}", {"disabled": "false"}
    await change(context, at, form, what="enable the webhook endpoint")
    return f"{wanted} is enabled."


async def check_events(context: CheckContext) -> CheckResult:
    """Compare the events that our endpoint is sent with those that we read."""
    expected = f"all {len(EVENT_TYPES)} events that are read"
    found = await _our_endpoint(context)
    if found is None:
        return skipped("there is no such endpoint", expected=expected, hint="see ES5")
    sent = set(found["enabled_events"])
    missing = [] if _EVERY_EVENT in sent else [one for one in EVENT_TYPES if one not in sent]
    if missing:
        hint = f"add them to the endpoint at {WEBHOOKS_URL}"
        return failed(f"not sent: {', '.join(missing)}", expected=expected, hint=hint)
    return passed("all are sent", expected=expected)


async def fix_events(context: CheckContext) -> str:
    """Let our endpoint be sent what is missing, beside what it is sent already."""
    found = await _our_endpoint(context)
    if found is None:
        msg = "there is no such endpoint; see ES5"
        raise ProviderRefused(msg)
    form = _with_all_events([*found["enabled_events"], *EVENT_TYPES])
    at = f"{_ENDPOINTS}/{found['id']}"
    await change(context, at, form, what="set the events of the webhook endpoint")
    return f"{found['url']} is sent {len(form)} events."


CHECKS: Final = (
    CheckSpec(id="ES1", title="Stripe's account answers", run=check_account),
    CheckSpec(
        id="ES2",
        title="The host knows the signing secret",
        run=check_webhook_secret,
        deadline_seconds=20.0,
    ),
    CheckSpec(id="ES3", title="The browser's key is of the same mode", run=check_publishable_key),
    CheckSpec(
        id="ES5",
        title="Stripe's events are posted to us",
        run=check_endpoint,
        fix=fix_endpoint,
        fix_title="Make the webhook endpoint at Stripe, or switch it on",
        deadline_seconds=20.0,
    ),
    CheckSpec(
        id="ES6",
        title="No event that is read is left out",
        run=check_events,
        fix=fix_events,
        fix_title="Add the missing events to the endpoint at Stripe",
        deadline_seconds=20.0,
    ),
    *PLAN_CHECKS,
)


async def _post_signed(context: CheckContext, secret: str) -> int | None:
    from stripe import WebhookSignature  # noqa: PLC0415 - the SDK

    at = int(context.clock.now().timestamp())
    signature = WebhookSignature.generate_signature_header(_NO_EVENT, secret, at)
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
    try:
        async with context.http.post(
            context.public_url + WEBHOOK_PATH,
            data=_NO_EVENT.encode(),
            headers=headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
        ) as response:
            return response.status
    except (aiohttp.ClientError, OSError):
        return None


async def _list_endpoints(context: CheckContext) -> Sequence[Mapping[str, Any]]:
    return await read_list(context, _ENDPOINTS, _endpoint, what="the webhook endpoints")


async def _our_endpoint(context: CheckContext) -> Mapping[str, Any] | None:
    wanted = context.public_url + WEBHOOK_PATH
    return next((one for one in await _list_endpoints(context) if one["url"] == wanted), None)


def _endpoint(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what is read of an endpoint, all of which is there."""
    return {name: fields[name] for name in ("id", "url", "status", "api_version", "enabled_events")}


def _with_all_events(sent: Iterable[str]) -> Mapping[str, str]:
    return {f"enabled_events[{place}]": one for place, one in enumerate(dict.fromkeys(sent))}
