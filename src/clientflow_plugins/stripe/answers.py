"""From Stripe's objects to what ClientFlow calls them.

Every function raises KeyError, TypeError or ValueError where the object is not as it should be.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from clientflow_core.domain.billing import (
    BillingInterval,
    HostedPage,
    Invoice,
    InvoiceStatus,
    Plan,
    Subscription,
    SubscriptionStatus,
)
from clientflow_core.domain.money import Money

Fields = Mapping[str, Any]
# Without a minor unit of their own, and yet counted in hundredths, "for backwards compatibility":
# https://docs.stripe.com/currencies#special-cases
_IN_HUNDREDTHS: Final = frozenset({"ISK", "UGX"})
_HUNDRED: Final = 100

# Whoever does not pay must not become ACTIVE by a word that is new to us: such an answer cannot be
# read. https://docs.stripe.com/api/subscriptions/object#subscription_object-status
_STATUSES: Final[Mapping[str, SubscriptionStatus]] = MappingProxyType(
    {
        "incomplete": SubscriptionStatus.INCOMPLETE,
        # The first payment was not made within 23 hours.
        "incomplete_expired": SubscriptionStatus.CANCELED,
        "trialing": SubscriptionStatus.TRIALING,
        "active": SubscriptionStatus.ACTIVE,
        "past_due": SubscriptionStatus.PAST_DUE,
        "unpaid": SubscriptionStatus.UNPAID,
        "paused": SubscriptionStatus.PAUSED,
        "canceled": SubscriptionStatus.CANCELED,
    }
)


def read_plans(prices: Iterable[Fields]) -> list[Plan]:
    """Read those of *prices* that are plans of ours: each has a lookup key.

    A price that is not one amount for one interval is none, nor one of a product that was archived.
    """
    return [_read_plan(price) for price in prices if _is_plan(price)]


def _is_plan(price: Fields) -> bool:
    recurring = price["recurring"]
    return (
        bool(price["lookup_key"])
        and price["unit_amount"] is not None
        and price["billing_scheme"] == "per_unit"
        and recurring["interval_count"] == 1
        and recurring["usage_type"] == "licensed"
        and price["product"]["active"] is True
    )


def _read_plan(price: Fields) -> Plan:
    return Plan(
        key=_words(price, "lookup_key"),
        title=_words(price["product"], "name"),
        price=read_money(price["unit_amount"], price["currency"]),
        interval=BillingInterval(price["recurring"]["interval"]),
    )


def read_money(amount: int, currency: str) -> Money:
    """Read an amount in Stripe's smallest unit of *currency*."""
    code = currency.upper()
    if code not in _IN_HUNDREDTHS:
        return Money(minor=amount, currency=code)
    whole, rest = divmod(amount, _HUNDRED)
    if rest:
        msg = f"{code} has no hundredths"
        raise ValueError(msg)
    return Money(minor=whole, currency=code)


def write_amount(money: Money) -> int:
    """Write *money* in Stripe's smallest unit of its currency."""
    return money.minor * (_HUNDRED if money.currency in _IN_HUNDREDTHS else 1)


def read_subscription(fields: Fields, *, plan_key: str | None) -> Subscription:
    """Read a subscription to the plan *plan_key*."""
    # The period is no longer the subscription's since 2025-03-31.basil, but that of its items.
    item = first_item(fields)
    period_end = _moment(item["current_period_end"])
    return Subscription(
        provider_subscription_id=read_id(fields),
        provider_customer_id=_reference(fields["customer"]),
        plan_key=plan_key,
        status=_STATUSES[fields["status"]],
        period_start=_moment(item["current_period_start"]),
        period_end=period_end,
        is_ending=_is_ending(fields, period_end),
    )


def _is_ending(fields: Fields, period_end: dt.datetime) -> bool:
    # The portal sets cancel_at instead, where the billing mode is flexible:
    # https://docs.stripe.com/billing/subscriptions/billing-mode
    cancel_at = fields["cancel_at"]
    is_dated = cancel_at is not None and _moment(cancel_at) <= period_end
    return _STATUSES[fields["status"]] is not SubscriptionStatus.CANCELED and (
        is_dated or fields["cancel_at_period_end"] is True
    )


def first_item(fields: Fields) -> Fields:
    """Give what is paid for; a subscription of ours is of one plan."""
    item: Fields = fields["items"]["data"][0]
    return item


def read_invoice(fields: Fields) -> Invoice:
    """Read an invoice."""
    parent = fields["parent"] or {}
    details = parent.get("subscription_details") or {}
    subscription = details.get("subscription")
    return Invoice(
        provider_invoice_id=read_id(fields),
        provider_customer_id=_reference(fields["customer"]),
        provider_subscription_id=None if subscription is None else _reference(subscription),
        total=read_money(fields["total"], fields["currency"]),
        status=InvoiceStatus(fields["status"]),
        issued_at=_moment(fields["created"]),
        # There is none before it is issued.
        url=fields.get("hosted_invoice_url"),
    )


def read_page(fields: Fields, *, api_url: str) -> HostedPage:
    """Read where somebody is to be led: over HTTPS, or to the sandbox."""
    url = _words(fields, "url")
    if not url.startswith(("https://", f"{api_url}/")):
        msg = "a payer is not led to a page that is not secure"
        raise ValueError(msg)
    expires_at = fields.get("expires_at")
    return HostedPage(url=url, expires_at=None if expires_at is None else _moment(expires_at))


def read_account_name(fields: Fields) -> str:
    """Read what people call the account."""
    dashboard = (fields.get("settings") or {}).get("dashboard") or {}
    profile = fields.get("business_profile") or {}
    return str(dashboard.get("display_name") or profile.get("name") or read_id(fields))


def read_id(fields: Fields) -> str:
    """Read Stripe's name for something."""
    return _words(fields, "id")


def _reference(value: Any) -> str:
    """Read the name of what may be there as a whole."""
    return read_id(value) if isinstance(value, Mapping) else _words({"id": value}, "id")


def _words(fields: Fields, name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value.strip():
        msg = f"{name} is empty"
        raise ValueError(msg)
    return value


def _moment(seconds: Any) -> dt.datetime:
    if type(seconds) is not int:
        msg = "a time is no whole number"
        raise TypeError(msg)
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
