"""Plans, subscriptions and invoices, as every billing provider can say them."""

import datetime as dt
import enum
import uuid

import attrs

from clientflow_core.domain.money import Money


class BillingInterval(enum.StrEnum):
    """How often a plan is paid."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@attrs.frozen(kw_only=True)
class Plan:
    """What can be subscribed to.

    Attributes:
        key: our name for it, which stays when its price changes.
        title: for people.
        price: for one interval.
    """

    key: str
    title: str
    price: Money
    interval: BillingInterval


class SubscriptionStatus(enum.StrEnum):
    """Where a subscription stands.

    *incomplete* waits for its first payment, *past_due* for a later one, *unpaid* has given up
    waiting; *canceled* is over.
    """

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"


@attrs.frozen(kw_only=True)
class Subscription:
    """A subscription, as the provider has it now.

    Attributes:
        plan_key: None for a price that is none of our plans.
        period_start: when the period that is paid for began, aware.
        period_end: when it ends, aware.
        is_ending: it ends with this period.
    """

    provider_subscription_id: str
    provider_customer_id: str
    plan_key: str | None
    status: SubscriptionStatus
    period_start: dt.datetime
    period_end: dt.datetime
    is_ending: bool = False


@attrs.frozen(kw_only=True)
class BilledOrganization:
    """Who is to become a customer at the provider."""

    organization_id: uuid.UUID
    name: str
    email: str


@attrs.frozen(kw_only=True)
class CheckoutRequest:
    """A subscription that is to be begun on a page of the provider.

    Attributes:
        success_url: where the payer is led afterwards.
        cancel_url: where, if nothing was bought.
        trial_days: at no cost, before the first payment.
    """

    provider_customer_id: str
    plan_key: str
    success_url: str
    cancel_url: str
    trial_days: int = 0


@attrs.frozen(kw_only=True)
class HostedPage:
    """A page of the provider's, for one payer.

    Attributes:
        expires_at: when it stops to work, aware, if the provider says so.
    """

    url: str
    expires_at: dt.datetime | None = None


class InvoiceStatus(enum.StrEnum):
    """Where an invoice stands; *uncollectible* is given up, *void* never was due."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


@attrs.frozen(kw_only=True)
class Invoice:
    """An invoice, as the provider has it now.

    Attributes:
        url: where its payer can see and pay it, if anywhere.
    """

    provider_invoice_id: str
    provider_customer_id: str
    provider_subscription_id: str | None
    total: Money
    status: InvoiceStatus
    issued_at: dt.datetime
    url: str | None = None


@attrs.frozen(kw_only=True)
class UsageReport:
    """Something that was used, to be charged for.

    Attributes:
        id: names it; reported twice, it counts once.
        meter: what is counted, such as ``texts_sent``.
        quantity: how many, at least 1.
        occurred_at: when, aware.
    """

    id: uuid.UUID
    provider_customer_id: str
    meter: str
    quantity: int = attrs.field(validator=attrs.validators.ge(1))
    occurred_at: dt.datetime
