"""The objects of Stripe's API, as https://docs.stripe.com/api shows them.

They are kept as they are answered. A test holds each against the SDK's own types.
"""

import copy
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from clientflow_plugins.stripe.sandbox import blanks
from clientflow_plugins.stripe.settings import API_VERSION

Resource = dict[str, Any]
DAY_SECONDS: Final = 86_400
# A stand-in may be a little off with months.
INTERVAL_DAYS: Final[Mapping[str, int]] = {"day": 1, "week": 7, "month": 30, "year": 365}
CHECKOUT_SECONDS: Final = DAY_SECONDS
ACCOUNT_NAME: Final = "ClientFlow sandbox"


@attrs.frozen(kw_only=True)
class Period:
    """What is paid for at once, in seconds since 1970."""

    start: int
    end: int

    def as_json(self) -> Resource:
        """Give it as invoices have it."""
        return {"start": self.start, "end": self.end}


def new_id(kind: str) -> str:
    """Make an id."""
    return f"{kind}_{secrets.token_hex(12)}"


def first_item(of: Resource) -> Resource:
    """Give what is paid for; a subscription here is of one price."""
    item: Resource = of["items"]["data"][0]
    return item


def copy_of(of: Resource) -> Resource:
    """Give *of* as it is now, whatever becomes of it."""
    return copy.deepcopy(of)


def list_object(url: str, data: Sequence[Resource], *, has_more: bool = False) -> Resource:
    """Give a list, or a page of one."""
    return {"object": "list", "data": list(data), "has_more": has_more, "url": url}


def account(*, created: int) -> Resource:
    """Give the account that the key belongs to."""
    return {
        "id": "acct_sandbox",
        "object": "account",
        "business_profile": {"name": ACCOUNT_NAME, "support_email": None, "url": None},
        "business_type": "company",
        "charges_enabled": True,
        "country": "US",
        "created": created,
        "default_currency": "usd",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {
                "icon": None,
                "logo": None,
                "primary_color": None,
                "secondary_color": None,
            },
            "card_payments": {"statement_descriptor_prefix": None},
            "dashboard": {"display_name": ACCOUNT_NAME, "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": None},
        },
        "type": "standard",
    }


def product(product_id: str, *, name: str, created: int) -> Resource:
    """Give what is sold."""
    return {
        "id": product_id,
        "object": "product",
        "active": True,
        "created": created,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": created,
        "url": None,
    }


@attrs.frozen(kw_only=True)
class Offer:
    """What a plan costs.

    Attributes:
        key: our name for it.
        amount: in Stripe's smallest unit.
        currency: in small letters.
        title: of its product.
        tax_behavior: a word of Stripe's.
    """

    key: str
    amount: int
    currency: str
    interval: str
    title: str = ""
    tax_behavior: str = "unspecified"


def price(price_id: str, offer: Offer, *, product_id: str, created: int) -> Resource:
    """Give what *offer* is to Stripe."""
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": offer.currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": offer.key,
        "metadata": {},
        "nickname": None,
        "product": product_id,
        "recurring": {
            "interval": offer.interval,
            "interval_count": 1,
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "tax_behavior": offer.tax_behavior,
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": offer.amount,
        "unit_amount_decimal": str(offer.amount),
    }


def plan_of(of_price: Resource) -> Resource:
    """Give the older form of a price, which subscription items still have beside it."""
    return {
        "id": of_price["id"],
        "object": "plan",
        "active": of_price["active"],
        "amount": of_price["unit_amount"],
        "amount_decimal": of_price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": of_price["created"],
        "currency": of_price["currency"],
        "interval": of_price["recurring"]["interval"],
        "interval_count": 1,
        "livemode": False,
        "metadata": {},
        "meter": None,
        "nickname": None,
        "product": of_price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def customer(given: Mapping[str, Any], *, created: int) -> Resource:
    """Give a customer as it was asked for."""
    return copy_of(blanks.CUSTOMER) | {
        "id": new_id("cus"),
        "created": created,
        "description": given.get("description"),
        "email": given.get("email"),
        "invoice_prefix": secrets.token_hex(4).upper(),
        "metadata": dict(given.get("metadata", {})),
        "name": given.get("name"),
    }


def checkout_session(
    given: Mapping[str, Any], *, price: Resource, base_url: str, now: int
) -> Resource:
    """Give a page that has just been asked for."""
    session_id = new_id("cs_test")
    has_trial = "trial_period_days" in given.get("subscription_data", {})
    amount = 0 if has_trial else price["unit_amount"]
    return copy_of(blanks.CHECKOUT_SESSION) | {
        "id": session_id,
        "amount_subtotal": amount,
        "amount_total": amount,
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "created": now,
        "currency": price["currency"],
        "customer": given["customer"],
        "expires_at": now + CHECKOUT_SECONDS,
        "metadata": dict(given.get("metadata", {})),
        "success_url": given.get("success_url"),
        "url": f"{base_url}/pay/{session_id}",
    }


def portal_session(given: Mapping[str, Any], *, base_url: str, now: int) -> Resource:
    """Give a page where a customer looks after what it has."""
    session_id = new_id("bps")
    return {
        "id": session_id,
        "object": "billing_portal.session",
        "configuration": "bpc_sandbox",
        "created": now,
        "customer": given["customer"],
        "customer_account": None,
        "flow": None,
        "livemode": False,
        "locale": None,
        "on_behalf_of": None,
        "return_url": given.get("return_url"),
        "url": f"{base_url}/portal/{session_id}",
    }


def subscription(
    of_customer: str, price: Resource, period: Period, *, is_trial: bool, metadata: Resource
) -> Resource:
    """Give a subscription that has just begun."""
    subscription_id, now = new_id("sub"), period.start
    return copy_of(blanks.SUBSCRIPTION) | {
        "id": subscription_id,
        "billing_cycle_anchor": period.end if is_trial else now,
        "created": now,
        "currency": price["currency"],
        "customer": of_customer,
        "items": list_object(
            f"/v1/subscription_items?subscription={subscription_id}",
            [_item(subscription_id, price, period)],
        ),
        "metadata": dict(metadata),
        "start_date": now,
        "status": "trialing" if is_trial else "active",
        "trial_end": period.end if is_trial else None,
        "trial_start": now if is_trial else None,
    }


def _item(subscription_id: str, of_price: Resource, period: Period) -> Resource:
    return {
        "id": new_id("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": period.start,
        "current_period_end": period.end,
        "current_period_start": period.start,
        "discounts": [],
        "metadata": {},
        "plan": plan_of(of_price),
        "price": of_price,
        "quantity": 1,
        "subscription": subscription_id,
        "tax_rates": [],
    }


def meter_event(given: Mapping[str, Any], *, now: int) -> Resource:
    """Give something that was used."""
    return {
        "object": "billing.meter_event",
        "created": now,
        "event_name": given["event_name"],
        "identifier": given.get("identifier", new_id("meter")),
        "livemode": False,
        "payload": given["payload"],
        "timestamp": given.get("timestamp", now),
    }


def event(kind: str, about: Resource, *, now: int) -> Resource:
    """Give an event of the type *kind*; what it is about is copied as it is now."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def webhook_endpoint(
    endpoint_id: str, *, events: Sequence[str], created: int, url: str = ""
) -> Resource:
    """Give where events are posted; without *url*, that is filled in when it is asked for."""
    return {
        "id": endpoint_id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": created,
        "description": None,
        "enabled_events": list(events),
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def portal_configuration(*, created: int) -> Resource:
    """Give what payers may do in the portal: all of it, and what they lose waits for the end."""
    return copy_of(blanks.PORTAL_CONFIGURATION) | {
        "id": "bpc_sandbox",
        "created": created,
        "updated": created,
    }
