"""What can be told of the account at Stripe, for the checklist.

Webhook endpoints: https://docs.stripe.com/api/webhook_endpoints.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from clientflow_core.contributions.checks import CheckContext, CheckResult, CheckSpec, CheckStatus
from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_plugins.stripe.settings import (
    API_VERSION,
    KEYS_URL,
    WEBHOOK_PATH,
    WEBHOOKS_URL,
    StripeSettings,
)
from clientflow_plugins.stripe.webhooks import EVENT_TYPES, SIGNATURE_HEADER

_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=4)
# No answer, one that says no, or one that is something else.
_NO_LIST: Final = (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError)
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
        return _failed(str(error), expected, f"correct STRIPE_SECRET_KEY; see {KEYS_URL}")
    mode = context.settings(StripeSettings).mode
    return _passed(f"the account {name} answers, in {mode} mode", expected)


async def check_webhook_secret(context: CheckContext) -> CheckResult:
    """Post to our own webhook what is signed with each secret, and is no event."""
    expected = "the running host takes what is signed with the secret"
    for secret in context.settings(StripeSettings).webhook_secret.reveal().split(","):
        status = await _post_signed(context, secret)
        if status == HTTPStatus.FORBIDDEN:
            hint = "restart the host with this STRIPE_WEBHOOK_SECRET, or correct it here"
            return _failed("the host refuses the signature", expected, hint)
        if status != HTTPStatus.BAD_REQUEST:
            found = "no answer" if status is None else f"HTTP {status}"
            hint = f"see whether {context.public_url} is the host, and can be reached from here"
            return _skipped(found, expected, hint)
    return _passed("the host takes the signature", expected)


async def check_publishable_key(context: CheckContext) -> CheckResult:
    """See that the browser's key is of the same mode as the secret one."""
    settings = context.settings(StripeSettings)
    expected = f"a publishable key of {settings.mode} mode"
    if settings.publishable_key is None:
        why = "the pages lead to Stripe's own and need none; set STRIPE_PUBLISHABLE_KEY if yours do"
        return _skipped("none is set", expected, why)
    # One of the other mode would have refused the start.
    return _passed(f"one of {settings.mode} mode is set", expected)


async def check_plans(context: CheckContext) -> CheckResult:
    """List the plans: the active recurring prices that have a lookup key."""
    expected = "one active recurring price with a lookup key for each plan"
    billing = await context.providers.billing("stripe")
    plans = await billing.list_plans()
    if not plans:
        hint = "give each price a lookup key: the plan's name, such as pro; docs/providers/stripe"
        return _failed("no price is a plan", expected, hint)
    return _passed(f"plans: {', '.join(sorted(plan.key for plan in plans))}", expected)


async def check_endpoint(context: CheckContext) -> CheckResult:
    """Look for our webhook among the endpoints of the account."""
    wanted = context.public_url + WEBHOOK_PATH
    expected = f"{wanted}, enabled, with the API version {API_VERSION}"
    endpoints = await _list_endpoints(context)
    found = next((one for one in endpoints if one["url"] == wanted), None)
    if found is None:
        urls = ", ".join(str(one["url"]) for one in endpoints) or "no endpoint"
        return _failed(urls, expected, f"add it at {WEBHOOKS_URL}, or correct the public URL")
    said = f"{found['status']}, with the API version {found['api_version'] or 'of the account'}"
    if (found["status"], found["api_version"]) == ("enabled", API_VERSION):
        return _passed(f"{wanted}, {said}", expected)
    hint = f"make it anew at {WEBHOOKS_URL}: the version of an endpoint cannot be changed"
    return _failed(f"{wanted}, {said}", expected, hint)


async def check_events(context: CheckContext) -> CheckResult:
    """Compare the events that our endpoint is sent with those that we read."""
    wanted = context.public_url + WEBHOOK_PATH
    expected = f"all {len(EVENT_TYPES)} events that are read"
    endpoints = await _list_endpoints(context)
    found = next((one for one in endpoints if one["url"] == wanted), None)
    if found is None:
        return _skipped("there is no such endpoint", expected, "see ES5")
    sent = set(found["enabled_events"])
    missing = [] if _EVERY_EVENT in sent else [one for one in EVENT_TYPES if one not in sent]
    if missing:
        hint = f"add them to the endpoint at {WEBHOOKS_URL}"
        return _failed(f"not sent: {', '.join(missing)}", expected, hint)
    return _passed("all are sent", expected)


CHECKS: Final = (
    CheckSpec(id="ES1", title="Stripe's account answers", run=check_account),
    CheckSpec(
        id="ES2",
        title="The host knows the signing secret",
        run=check_webhook_secret,
        deadline_seconds=20.0,
    ),
    CheckSpec(id="ES3", title="The browser's key is of the same mode", run=check_publishable_key),
    CheckSpec(id="ES4", title="Plans are on sale at Stripe", run=check_plans),
    CheckSpec(id="ES5", title="Stripe's events are posted to us", run=check_endpoint),
    CheckSpec(id="ES6", title="No event that is read is left out", run=check_events),
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
    settings = context.settings(StripeSettings)
    headers = {
        "Authorization": f"Bearer {settings.secret_key.reveal()}",
        "Stripe-Version": API_VERSION,
    }
    try:
        async with context.http.get(
            f"{settings.api_url}/v1/webhook_endpoints",
            params={"limit": "100"},
            headers=headers,
            timeout=_TIMEOUT,
            # Nobody else is to be sent the key.
            allow_redirects=False,
            raise_for_status=True,
        ) as response:
            listed = (await response.json())["data"]
            return [_endpoint(one) for one in listed]
    except _NO_LIST as error:
        status = f" (HTTP {error.status})" if isinstance(error, aiohttp.ClientResponseError) else ""
        msg = f"Stripe did not list the webhook endpoints: {type(error).__name__}{status}"
        # Not from the error: it has the headers of the request, and so the key.
        raise ProviderUnavailable(msg) from None


def _endpoint(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what is read of an endpoint, all of which is there."""
    return {name: fields[name] for name in ("url", "status", "api_version", "enabled_events")}


def _passed(found: str, expected: str) -> CheckResult:
    return CheckResult(status=CheckStatus.PASSED, found=found, expected=expected)


def _failed(found: str, expected: str, hint: str) -> CheckResult:
    return CheckResult(status=CheckStatus.FAILED, found=found, expected=expected, hint=hint)


def _skipped(found: str, expected: str, hint: str) -> CheckResult:
    return CheckResult(status=CheckStatus.SKIPPED, found=found, expected=expected, hint=hint)
