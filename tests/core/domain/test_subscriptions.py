"""By which subscription an organization lives, and which month it is."""

import datetime as dt
import uuid
from typing import Final

import pytest

from clientflow_core.domain.billing import Subscription, SubscriptionStatus
from clientflow_core.domain.subscriptions import HeldSubscription, choose_current, month_of

START: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
BEST_FIRST: Final = ["active", "trialing", "past_due", "unpaid", "paused", "incomplete"]


def held(status: str, *, days: int = 0, number: int = 1) -> HeldSubscription:
    start = START + dt.timedelta(days=days)
    subscription = Subscription(
        provider_subscription_id=f"sub_{number}",
        provider_customer_id="cus_1",
        plan_key="starter",
        status=SubscriptionStatus(status),
        period_start=start,
        period_end=start + dt.timedelta(days=30),
    )
    return HeldSubscription(
        id=uuid.UUID(int=number),
        provider="ledger",
        subscription=subscription,
        is_current=False,
        updated_at=START,
    )


def test_better_one_is_lived_by_whatever_their_order() -> None:
    several = [held(status, number=place) for place, status in enumerate(BEST_FIRST)]
    for place in range(len(several)):
        assert choose_current(reversed(several[place:])) == several[place]
    assert {one.subscription.status for one in several} == {*SubscriptionStatus} - {
        SubscriptionStatus.CANCELED
    }


def test_of_equal_ones_the_later_one_is_lived_by_and_then_the_older_id() -> None:
    early, late, twin = held("active"), held("active", days=1, number=2), held("active", number=3)
    assert choose_current([early, late]) == late
    assert choose_current([twin, early]) == early


def test_what_is_over_is_lived_by_no_longer() -> None:
    assert choose_current([held("canceled")]) is None
    assert choose_current([]) is None


@pytest.mark.parametrize(
    ("moment", "month", "days"),
    [("2026-02-28T23:59:59+00:00", 2, 28), ("2026-12-31T23:30:00-01:00", 1, 31)],
)
def test_month_is_that_of_utc(moment: str, month: int, days: int) -> None:
    start, end = month_of(dt.datetime.fromisoformat(moment))
    assert (start.month, start.day, (end - start).days) == (month, 1, days)
