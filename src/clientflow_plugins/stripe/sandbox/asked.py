"""What each call of the API may be asked with."""

from typing import Final

from clientflow_plugins.stripe.sandbox.lists import EXPAND, PAGES
from clientflow_plugins.stripe.sandbox.parameters import (
    Kind,
    fields,
    flag,
    many,
    metadata,
    one_of,
    text,
    url,
    whole,
)
from clientflow_plugins.stripe.settings import API_VERSION
from clientflow_plugins.stripe.webhooks import EVENT_TYPES

_INTERVALS: Final = ("day", "week", "month", "year")
_STATUSES: Final = (
    "all", "active", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused",
    "trialing", "unpaid",
)  # fmt: skip
_LATEST: Final = 4_102_444_800

NOTHING: Final[Kind] = fields({}, **EXPAND)
PRICES: Final[Kind] = fields(
    {},
    **PAGES,
    active=flag,
    currency=text,
    lookup_keys=many(text, most=10),
    product=text,
    recurring=fields({}, interval=one_of(*_INTERVALS)),
    type=one_of("recurring", "one_time"),
)
PRICE: Final[Kind] = fields(
    {
        "currency": text,
        "lookup_key": text,
        "product_data": fields({"name": text}, metadata=metadata),
        "recurring": fields({"interval": one_of(*_INTERVALS)}),
        "unit_amount": whole(0, 99_999_999),
    },
    **EXPAND,
    metadata=metadata,
    tax_behavior=one_of("exclusive", "inclusive", "unspecified"),
)
CUSTOMERS: Final[Kind] = fields({}, **PAGES, email=text)
CUSTOMER: Final[Kind] = fields(
    {}, **EXPAND, email=text, name=text, description=text, metadata=metadata
)
CHECKOUT: Final[Kind] = fields(
    {
        "mode": one_of("subscription"),
        "customer": text,
        "success_url": url,
        "line_items": many(fields({"price": text, "quantity": whole(1, 1)}), most=1),
    },
    **EXPAND,
    cancel_url=url,
    client_reference_id=text,
    metadata=metadata,
    subscription_data=fields({}, metadata=metadata, trial_period_days=whole(1, 730)),
)
PORTAL: Final[Kind] = fields({"customer": text}, **EXPAND, return_url=url)
SUBSCRIPTIONS: Final[Kind] = fields({}, **PAGES, customer=text, status=one_of(*_STATUSES))
SUBSCRIPTION: Final[Kind] = fields(
    {},
    **EXPAND,
    cancel_at_period_end=flag,
    items=many(fields({"id": text, "price": text}), most=1),
    metadata=metadata,
    payment_behavior=one_of("allow_incomplete", "error_if_incomplete"),
    proration_behavior=one_of("always_invoice", "create_prorations", "none"),
)
USAGE: Final[Kind] = fields(
    {
        "event_name": text,
        "payload": fields({"stripe_customer_id": text, "value": whole(0, 10**12)}),
    },
    **EXPAND,
    identifier=text,
    timestamp=whole(0, _LATEST),
)
INVOICES: Final[Kind] = fields(
    {},
    **PAGES,
    customer=text,
    subscription=text,
    status=one_of("draft", "open", "paid", "uncollectible", "void"),
)
EVENTS: Final[Kind] = fields(
    {},
    **PAGES,
    type=text,
    types=many(text, most=20),
    delivery_success=flag,
    created=fields({}, **dict.fromkeys(("gt", "gte", "lt", "lte"), whole(0, _LATEST))),
)
ENDPOINTS: Final[Kind] = fields({}, **PAGES)
_ENABLED: Final[Kind] = many(one_of(*EVENT_TYPES, "*"), most=100)
ENDPOINT: Final[Kind] = fields(
    {"url": url, "enabled_events": _ENABLED},
    **EXPAND,
    api_version=one_of(API_VERSION),
    description=text,
    metadata=metadata,
)
ENDPOINT_CHANGE: Final[Kind] = fields(
    {}, **EXPAND, disabled=flag, enabled_events=_ENABLED, url=url, metadata=metadata
)
PORTAL_SETTINGS: Final[Kind] = fields({}, **PAGES, active=flag, is_default=flag)
