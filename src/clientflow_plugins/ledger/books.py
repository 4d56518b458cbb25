"""What is written in the ledger, and how it changes: pure functions of what is there and the time.

One document holds a subscription with its latest invoice, so that both change together or not at
all. An invoice before that one is settled for good, and has a document of its own.
"""

import calendar
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import attrs
import cattrs

from clientflow_core.domain.billing import (
    BillingInterval,
    Invoice,
    InvoiceStatus,
    Plan,
    Subscription,
    SubscriptionStatus,
)
from clientflow_core.domain.money import Money
from clientflow_core.errors import ProviderRefused
from clientflow_plugins.ledger.names import subscription_of

PAGE_LASTS: Final = dt.timedelta(hours=24)
_RUNNING: Final = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING})
_MOST_KEYS: Final = 20
_MONTHS: Final = 12


@attrs.frozen(kw_only=True)
class Checkout:
    """A page where a subscription is agreed to."""

    id: str
    customer: str
    plan: Plan
    trial_days: int
    success_url: str
    cancel_url: str
    begun_at: dt.datetime

    @property
    def expires_at(self) -> dt.datetime:
        """When it stops to work."""
        return self.begun_at + PAGE_LASTS


@attrs.frozen(kw_only=True)
class Contract:
    """A subscription.

    Attributes:
        anchor: from when the periods are counted, so that the end of a month stays one.
        periods: how many have begun since.
        invoices: how many were written.
        latest: the last of them.
        answers: what was answered to the latest keys, the newest last.
    """

    id: str
    customer: str
    plan: Plan
    status: SubscriptionStatus
    begun_at: dt.datetime
    anchor: dt.datetime
    periods: int
    period_start: dt.datetime
    period_end: dt.datetime
    is_ending: bool = False
    invoices: int = 0
    latest: Invoice | None = None
    answers: Mapping[str, Subscription] = attrs.field(factory=dict)

    def standing(self, now: dt.datetime) -> SubscriptionStatus:
        """Tell where it stands: a period that is over was not paid for any longer."""
        if self.status not in _RUNNING or now < self.period_end:
            return self.status
        return SubscriptionStatus.CANCELED if self.is_ending else SubscriptionStatus.PAST_DUE

    def as_subscription(self, now: dt.datetime) -> Subscription:
        """Give it as the core knows it."""
        status = self.standing(now)
        return Subscription(
            provider_subscription_id=self.id,
            provider_customer_id=self.customer,
            plan_key=self.plan.key,
            status=status,
            period_start=self.period_start,
            period_end=self.period_end,
            is_ending=self.is_ending and status is not SubscriptionStatus.CANCELED,
        )


def begin(checkout: Checkout, now: dt.datetime) -> Contract:
    """Begin what *checkout* sells: with a trial, or with a period that is paid for."""
    trial_ends = now + dt.timedelta(days=checkout.trial_days)
    contract = Contract(
        id=subscription_of(checkout.id),
        customer=checkout.customer,
        plan=checkout.plan,
        status=SubscriptionStatus.TRIALING,
        begun_at=now,
        anchor=trial_ends,
        periods=0,
        period_start=now,
        period_end=trial_ends,
    )
    return contract if checkout.trial_days else _next_period(contract, now, is_paid=True)


def receive_payment(contract: Contract, now: dt.datetime) -> Contract:
    """Take the money for what is open, or else for the next period.

    Raises:
        ProviderRefused: the subscription is over, or is to end.
    """
    _require_running(contract, now)
    if contract.latest is None or contract.latest.status is not InvoiceStatus.OPEN:
        return _next_period(contract, now, is_paid=True)
    paid = attrs.evolve(contract.latest, status=InvoiceStatus.PAID)
    return attrs.evolve(contract, status=SubscriptionStatus.ACTIVE, latest=paid)


def miss_payment(contract: Contract, now: dt.datetime) -> Contract:
    """Begin the next period, which nobody has paid for; give up where the last one is open still.

    Raises:
        ProviderRefused: the subscription is over, or is to end.
    """
    _require_running(contract, now)
    if contract.latest is not None and contract.latest.status is InvoiceStatus.OPEN:
        return attrs.evolve(contract, status=SubscriptionStatus.UNPAID)
    return _next_period(contract, now, is_paid=False)


def move(contract: Contract, plan: Plan, now: dt.datetime) -> Contract:
    """Move it to another plan at once, and charge the difference; less is owed to the customer.

    Raises:
        ProviderRefused: it is over, or the prices cannot be compared.
    """
    _require_running(contract, now)
    if plan == contract.plan:
        return contract
    if plan.price.currency != contract.plan.price.currency:
        msg = "the ledger moves nobody to a plan of another currency: end one, and begin the other"
        raise ProviderRefused(msg)
    difference = attrs.evolve(plan.price, minor=plan.price.minor - contract.plan.price.minor)
    moved = attrs.evolve(contract, plan=plan)
    # Nothing was paid for yet, or there is nothing to pay.
    if contract.standing(now) is SubscriptionStatus.TRIALING or not difference.minor:
        return moved
    if contract.latest is not None and contract.latest.status is InvoiceStatus.OPEN:
        owed = attrs.evolve(plan.price, minor=contract.latest.total.minor + difference.minor)
        return attrs.evolve(moved, latest=attrs.evolve(contract.latest, total=owed))
    return _charge(moved, difference, InvoiceStatus.PAID, now)


def end(contract: Contract, now: dt.datetime, *, is_at_once: bool) -> Contract:
    """End it, at once or with its period; one that is over stays so."""
    if contract.standing(now) is SubscriptionStatus.CANCELED:
        return contract
    if not is_at_once:
        return attrs.evolve(contract, is_ending=True)
    return attrs.evolve(contract, status=SubscriptionStatus.CANCELED, is_ending=False)


def answered(contract: Contract, key: str, now: dt.datetime) -> Contract:
    """Keep what is answered to *key*, for when it is asked again."""
    kept = [*contract.answers.items(), (key, contract.as_subscription(now))][-_MOST_KEYS:]
    return attrs.evolve(contract, answers=dict(kept))


def _require_running(contract: Contract, now: dt.datetime) -> None:
    if contract.standing(now) is SubscriptionStatus.CANCELED:
        msg = f"the subscription {contract.id} is over"
        raise ProviderRefused(msg)


def _next_period(contract: Contract, now: dt.datetime, *, is_paid: bool) -> Contract:
    if contract.is_ending:
        msg = f"the subscription {contract.id} ends with its period: there is no next one"
        raise ProviderRefused(msg)
    anchor, periods = contract.anchor, contract.periods
    if contract.periods and contract.period_end != after(anchor, contract.plan, periods):
        # It was moved to a plan of another interval meanwhile.
        anchor, periods = contract.period_end, 0
    begun = attrs.evolve(
        contract,
        status=SubscriptionStatus.ACTIVE if is_paid else SubscriptionStatus.PAST_DUE,
        anchor=anchor,
        periods=periods + 1,
        period_start=contract.period_end,
        period_end=after(anchor, contract.plan, periods + 1),
    )
    status = InvoiceStatus.PAID if is_paid else InvoiceStatus.OPEN
    return _charge(begun, contract.plan.price, status, now)


def _charge(contract: Contract, total: Money, status: InvoiceStatus, now: dt.datetime) -> Contract:
    number = contract.invoices + 1
    invoice = Invoice(
        provider_invoice_id=f"{contract.id}_{number:06}",
        provider_customer_id=contract.customer,
        provider_subscription_id=contract.id,
        total=total,
        status=status,
        issued_at=now,
    )
    return attrs.evolve(contract, invoices=number, latest=invoice)


def after(anchor: dt.datetime, plan: Plan, periods: int) -> dt.datetime:
    """Tell when so many *periods* of *plan* that began with *anchor* are over."""
    match plan.interval:
        case BillingInterval.DAY:
            return anchor + dt.timedelta(days=periods)
        case BillingInterval.WEEK:
            return anchor + dt.timedelta(weeks=periods)
        case BillingInterval.MONTH:
            return _add_months(anchor, periods)
        case BillingInterval.YEAR:
            return _add_months(anchor, periods * _MONTHS)


def _add_months(moment: dt.datetime, months: int) -> dt.datetime:
    years, month = divmod(moment.month - 1 + months, _MONTHS)
    year = moment.year + years
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


_converter: Final = cattrs.Converter()
_converter.register_unstructure_hook(dt.datetime, dt.datetime.isoformat)
_converter.register_structure_hook(dt.datetime, lambda text, _: dt.datetime.fromisoformat(text))


def to_json(what: Checkout | Contract | Invoice) -> Any:
    """Give *what* as JSON."""
    return _converter.unstructure(what)


def checkout_from(value: Any) -> Checkout:
    """Read a checkout that :func:`to_json` has written."""
    return _converter.structure(value, Checkout)


def contract_from(value: Any) -> Contract:
    """Read a subscription that :func:`to_json` has written."""
    return _converter.structure(value, Contract)


def invoice_from(value: Any) -> Invoice:
    """Read an invoice that :func:`to_json` has written."""
    return _converter.structure(value, Invoice)
