"""What is written in the ledger, step by step; no records and no clock."""

import datetime as dt
from typing import Any

import attrs
import pytest

from clientflow_core.domain.billing import BillingInterval, InvoiceStatus, Plan, SubscriptionStatus
from clientflow_core.domain.money import Money
from clientflow_core.errors import ProviderRefused
from clientflow_plugins.ledger.books import (
    Checkout,
    Contract,
    after,
    answered,
    begin,
    contract_from,
    end,
    miss_payment,
    move,
    receive_payment,
    to_json,
)

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=3)
STARTER = Plan(
    key="starter",
    title="Starter",
    price=Money(minor=1900, currency="USD"),
    interval=BillingInterval.MONTH,
)
TEAM = attrs.evolve(STARTER, key="team", title="Team", price=Money(minor=4900, currency="USD"))


def bought(*, plan: Plan = STARTER, trial_days: int = 0) -> Contract:
    checkout = Checkout(
        id=f"lchk_{'0' * 32}_{'1' * 24}",
        customer=f"lcus_{'0' * 32}",
        plan=plan,
        trial_days=trial_days,
        success_url="https://a.example/",
        cancel_url="https://a.example/",
        begun_at=NOW,
    )
    return begin(checkout, NOW)


def invoice(contract: Contract) -> tuple[int, InvoiceStatus]:
    assert contract.latest
    return contract.latest.total.minor, contract.latest.status


def test_what_is_bought_is_paid_for_until_the_period_ends() -> None:
    contract = bought()
    assert contract.standing(NOW) is SubscriptionStatus.ACTIVE
    assert invoice(contract) == (1900, InvoiceStatus.PAID)
    assert contract.period_end == dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)
    assert contract.standing(contract.period_end) is SubscriptionStatus.PAST_DUE


def test_periods_that_begin_on_the_last_of_a_month_end_on_the_last_of_each() -> None:
    contract = bought()
    ends = []
    for _ in range(4):
        ends.append((contract.period_end.month, contract.period_end.day))
        contract = receive_payment(contract, NOW)
    assert ends == [(2, 28), (3, 31), (4, 30), (5, 31)]


@pytest.mark.parametrize(
    ("interval", "days"),
    [
        (BillingInterval.DAY, 2),
        (BillingInterval.WEEK, 14),
        (BillingInterval.MONTH, 59),
        (BillingInterval.YEAR, 730),
    ],
)
def test_interval_is_as_long_as_it_is_called(interval: BillingInterval, days: int) -> None:
    plan = attrs.evolve(STARTER, interval=interval)
    assert (after(NOW, plan, 2) - NOW).days == days


def test_trial_costs_nothing_and_the_first_period_follows_it() -> None:
    contract = bought(trial_days=14)
    assert (contract.standing(NOW), contract.latest) == (SubscriptionStatus.TRIALING, None)
    assert move(contract, TEAM, NOW).latest is None
    begun = receive_payment(contract, NOW)
    assert begun.period_start == contract.period_end
    assert invoice(begun) == (1900, InvoiceStatus.PAID)


def test_missed_payment_is_open_until_it_is_settled_and_given_up_the_second_time() -> None:
    missed = miss_payment(bought(), NOW)
    assert (missed.standing(NOW), invoice(missed)) == (
        SubscriptionStatus.PAST_DUE,
        (1900, InvoiceStatus.OPEN),
    )
    given_up = miss_payment(missed, NOW)
    assert given_up.standing(NOW) is SubscriptionStatus.UNPAID
    assert given_up.invoices == missed.invoices
    for one in (missed, given_up):
        settled = receive_payment(one, NOW)
        assert settled.standing(NOW) is SubscriptionStatus.ACTIVE
        assert invoice(settled) == (1900, InvoiceStatus.PAID)
        assert settled.period_end == missed.period_end


@pytest.mark.parametrize(
    ("before", "after_it", "difference"), [(STARTER, TEAM, 3000), (TEAM, STARTER, -3000)]
)
def test_move_to_another_plan_charges_the_difference(
    before: Plan, after_it: Plan, difference: int
) -> None:
    moved = move(bought(plan=before), after_it, LATER)
    assert invoice(moved) == (difference, InvoiceStatus.PAID)
    assert moved.plan == after_it
    assert move(moved, after_it, LATER) == moved


def test_move_changes_what_is_open_and_costs_nothing_at_the_same_price() -> None:
    assert invoice(move(miss_payment(bought(), NOW), TEAM, NOW)) == (4900, InvoiceStatus.OPEN)
    renamed = attrs.evolve(STARTER, key="solo")
    assert move(bought(), renamed, NOW).invoices == 1


def test_nobody_is_moved_to_another_currency() -> None:
    euro = attrs.evolve(TEAM, price=Money(minor=4900, currency="EUR"))
    with pytest.raises(ProviderRefused, match="another currency"):
        move(bought(), euro, NOW)


def test_next_period_of_another_interval_is_as_long_as_that() -> None:
    yearly = attrs.evolve(TEAM, interval=BillingInterval.YEAR)
    moved = move(bought(), yearly, NOW)
    assert moved.period_end == bought().period_end
    renewed = receive_payment(moved, NOW)
    assert renewed.period_end == dt.datetime(2027, 2, 28, 12, tzinfo=dt.UTC)


def test_what_ends_with_its_period_is_over_then_and_takes_no_next_one() -> None:
    ending = end(bought(), NOW, is_at_once=False)
    subscription = ending.as_subscription(LATER)
    assert (subscription.status, subscription.is_ending) == (SubscriptionStatus.ACTIVE, True)
    over = ending.as_subscription(ending.period_end)
    assert (over.status, over.is_ending) == (SubscriptionStatus.CANCELED, False)
    with pytest.raises(ProviderRefused, match="there is no next one"):
        receive_payment(ending, LATER)


@pytest.mark.parametrize(
    "change", [receive_payment, miss_payment, lambda one, _: move(one, TEAM, NOW)]
)
def test_what_is_over_does_not_change(change: Any) -> None:
    over = end(bought(), NOW, is_at_once=True)
    assert end(over, NOW, is_at_once=False) == over
    with pytest.raises(ProviderRefused, match="is over"):
        change(over, NOW)


def test_document_says_all_of_it_and_remembers_the_latest_answers() -> None:
    contract = miss_payment(bought(), NOW)
    for number in range(25):
        contract = answered(contract, f"key{number}", NOW)
    assert next(iter(contract.answers)) == "key5"
    assert contract_from(to_json(contract)) == contract
