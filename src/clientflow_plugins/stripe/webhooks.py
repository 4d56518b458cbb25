"""What Stripe posts to us: that something about a subscription has changed.

What it says about it is not believed, since such events come late, twice and in any order
(https://docs.stripe.com/webhooks#event-ordering): they only say which subscription to ask for.
The signature: https://docs.stripe.com/webhooks#verify-manually.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from clientflow_core.domain.changes import SubscriptionChanged
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.errors import BadPayload, SignatureRefused
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_plugins.stripe.settings import StripeSettings

SIGNATURE_HEADER: Final = "stripe-signature"
TOLERANCE_SECONDS: Final = 300
OWN_ACCOUNT: Final = "own"
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,255}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


def verify_webhook(request: WebhookRequest, settings: StripeSettings, /) -> Verified:
    """Check who sent *request*; the event's id makes it the same as its repetition.

    Raises:
        SignatureRefused: the signature is missing or wrong, or of another time than now.
        BadPayload: the body is proven, and no event.
    """
    _check_signature(request, settings)
    event = _read_event(request.body)
    # Only an event of a connected account names one: ours has none to be told from.
    account = _read_id(event, "account") if event.get("account") else OWN_ACCOUNT
    return Verified(external_id=_read_id(event, "id"), account=account)


def parse_webhook(request: WebhookRequest) -> Sequence[ProviderEvent]:
    """Read which subscription has changed; nothing for what does not concern one of ours.

    Raises:
        BadPayload: the body cannot be read, or lacks what every event of its type has.
    """
    event = _read_event(request.body)
    name_subscription = _ABOUT.get(_read_type(event))
    # What happens in a connected account is about its customers, not about our organizations.
    if name_subscription is None or event.get("account"):
        return ()
    about = _read_object(_read_object(event, "data"), "object")
    subscription = name_subscription(about)
    if subscription is None:
        return ()
    return (
        SubscriptionChanged(
            provider_customer_id=_read_id(about, "customer"),
            provider_subscription_id=subscription,
        ),
    )


def _check_signature(request: WebhookRequest, settings: StripeSettings) -> None:
    header = request.headers.get(SIGNATURE_HEADER, "")
    signed_at = _signed_at(header)
    secrets = settings.webhook_secret.reveal().split(",")
    if not any(_is_signed(request.body, header, secret) for secret in secrets):
        msg = "the signature does not fit: compare STRIPE_WEBHOOK_SECRET with the dashboard"
        raise SignatureRefused(msg)
    # The SDK looks for what is too old, and takes what was signed in the future.
    if abs(request.received_at.timestamp() - signed_at) > TOLERANCE_SECONDS:
        msg = f"the request was signed more than {TOLERANCE_SECONDS} seconds from now"
        raise SignatureRefused(msg)


def _signed_at(header: str) -> int:
    times = [text for name, _, text in _parts(header) if name == "t"]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]):
        msg = f"the request has no {SIGNATURE_HEADER} header of the form t=...,v1=..."
        raise SignatureRefused(msg)
    return int(times[0])


def _parts(header: str) -> Sequence[tuple[str, str, str]]:
    return [part.partition("=") for part in header.split(",")]


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    from stripe import WebhookSignature  # noqa: PLC0415 - the SDK

    try:
        # Without its tolerance, which is counted from the machine's clock instead of the arrival.
        return bool(WebhookSignature.verify_header(body, header, secret, None))
    except Exception:  # noqa: BLE001 - what it raises on hostile input is not written down anywhere
        return False


def _read_event(body: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        msg = "the body is not JSON in UTF-8"
        raise BadPayload(msg) from error
    if not isinstance(event, dict) or event.get("object") != "event":
        msg = "the body is no event"
        raise BadPayload(msg)
    return event


def _read_type(event: Mapping[str, Any]) -> str:
    kind = event.get("type")
    if not isinstance(kind, str):
        msg = "the event has no type"
        raise BadPayload(msg)
    return kind


def _read_object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    if not isinstance(value, dict):
        msg = f"the field {name} is no object"
        raise BadPayload(msg)
    return value


def _read_id(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        msg = f"the field {name} is no id"
        raise BadPayload(msg)
    return value


def _itself(subscription: Mapping[str, Any]) -> str:
    return _read_id(subscription, "id")


def _of_checkout(session: Mapping[str, Any]) -> str | None:
    # None where something is paid once.
    return _read_id(session, "subscription") if session.get("subscription") else None


def _of_invoice(invoice: Mapping[str, Any]) -> str | None:
    parent = invoice.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, dict) else None
    # Where it was until 2025-03-31.basil; a listed event keeps the version of when it was made:
    # https://docs.stripe.com/changelog/basil/2025-03-31/adds-new-parent-field-to-invoicing-objects
    place = details if isinstance(details, dict) else invoice
    return _read_id(place, "subscription") if place.get("subscription") else None


def _of_dispute(_: Mapping[str, Any]) -> None:
    """Give nothing: a dispute names a charge, and a charge no subscription; it is for a person."""


# By type, what names the subscription in the event's object.
_ABOUT: Final[Mapping[str, Callable[[Mapping[str, Any]], str | None]]] = MappingProxyType(
    {
        "checkout.session.completed": _of_checkout,
        "checkout.session.async_payment_succeeded": _of_checkout,
        "customer.subscription.created": _itself,
        "customer.subscription.updated": _itself,
        "customer.subscription.deleted": _itself,
        "customer.subscription.paused": _itself,
        "customer.subscription.resumed": _itself,
        "customer.subscription.trial_will_end": _itself,
        "invoice.paid": _of_invoice,
        "invoice.payment_failed": _of_invoice,
        "invoice.payment_action_required": _of_invoice,
        "charge.dispute.created": _of_dispute,
    }
)
EVENT_TYPES: Final = tuple(_ABOUT)

WEBHOOK: Final = WebhookSpec(
    name="stripe",
    verify=verify_webhook,
    parse=parse_webhook,
    keep_headers=frozenset({"content-type", SIGNATURE_HEADER}),
    body_type="application/json",
)
