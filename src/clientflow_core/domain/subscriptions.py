"""What an organization has bought and used, as we keep it."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Final

import attrs

from clientflow_core.domain.billing import Plan, Subscription, SubscriptionStatus

TEXTS_SENT: Final = "texts_sent"
"""The meter of the texts that a provider has taken from us."""

# The first are what an organization lives by; one that is over is nobody's.
_PRECEDENCE: Final = (
    SubscriptionStatus.ACTIVE,
    SubscriptionStatus.TRIALING,
    SubscriptionStatus.PAST_DUE,
    SubscriptionStatus.UNPAID,
    SubscriptionStatus.PAUSED,
    SubscriptionStatus.INCOMPLETE,
)


@attrs.frozen(kw_only=True)
class PlanOnSale:
    """A plan, and by which provider it is sold."""

    provider: str
    plan: Plan


@attrs.frozen(kw_only=True)
class BillingCustomer:
    """What an organization is called at a provider."""

    provider: str
    provider_customer_id: str


@attrs.frozen(kw_only=True)
class HeldSubscription:
    """A subscription of an organization, as its provider had it when it was last read.

    Attributes:
        provider: where it is paid.
        is_current: it is the one that the organization lives by.
    """

    id: uuid.UUID
    provider: str
    subscription: Subscription
    is_current: bool
    updated_at: dt.datetime


@attrs.frozen(kw_only=True)
class UsageEvent:
    """Something that was used.

    Attributes:
        meter: what is counted.
        quantity: how many.
    """

    id: uuid.UUID
    meter: str
    quantity: int
    occurred_at: dt.datetime


@attrs.frozen(kw_only=True)
class UsageTotal:
    """How much was used of what a meter counts."""

    meter: str
    quantity: int


def choose_current(held: Iterable[HeldSubscription]) -> HeldSubscription | None:
    """Choose the subscription that the organization lives by; None if all are over.

    Somebody may pay twice: then it is the better one, and of equal ones the one that began later.
    """
    alive = [one for one in held if one.subscription.status in _PRECEDENCE]
    return min(
        alive,
        key=lambda one: (
            _PRECEDENCE.index(one.subscription.status),
            -one.subscription.period_start.timestamp(),
            one.id,
        ),
        default=None,
    )


def month_of(moment: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Give the beginning and the end of the month of *moment*, in UTC."""
    start = moment.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    # No month has so many days, and every next one has a first.
    return start, (start + dt.timedelta(days=32)).replace(day=1)
