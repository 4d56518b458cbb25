"""What the checks of billing stand on: an organization that becomes a customer, and subscribes."""

import itertools
import uuid
from collections.abc import Awaitable, Sequence
from typing import Any, ClassVar, Final, TypeVar

from typing_extensions import override

from clientflow_core.clock import SystemClock
from clientflow_core.domain.billing import (
    BilledOrganization,
    CheckoutRequest,
    Plan,
    Subscription,
    UsageReport,
)
from clientflow_core.errors import RejectedInput
from clientflow_core.providers.spec import Capability
from clientflow_core.testing.calls import OrdinaryCall
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.samples import happen
from clientflow_core.testing.stage import Stage

T = TypeVar("T")

_SUCCESS_URL: Final = "https://business.example/paid"
_CANCEL_URL: Final = "https://business.example/plans"
_FEWEST_PLANS: Final = 2
# The fields of the event by which a plan is put on sale.
PRICE_FIELDS: Final = frozenset({"key", "amount", "currency"})


class BillingChecks(Conformance):
    """A billing provider of which is known what :class:`BillingConformance` says."""

    begin_event: ClassVar[str | None] = None
    failing_event: ClassVar[str | None] = None
    price_event: ClassVar[str | None] = None
    meter: ClassVar[str] = "texts_sent"

    def organization(self, *, email: str = "ada@example.com") -> BilledOrganization:
        """Give an organization that nobody has heard of."""
        return BilledOrganization(organization_id=uuid.uuid4(), name="Ada & Sons", email=email)

    def checkout(self, customer: str, plan: Plan, *, trial_days: int = 0) -> CheckoutRequest:
        """Give what begins a subscription of *customer*."""
        return CheckoutRequest(
            provider_customer_id=customer,
            plan_key=plan.key,
            success_url=_SUCCESS_URL,
            cancel_url=_CANCEL_URL,
            trial_days=trial_days,
        )

    def usage(self, customer: str) -> UsageReport:
        """Give something that *customer* has used."""
        return UsageReport(
            id=uuid.uuid4(),
            provider_customer_id=customer,
            meter=self.meter,
            quantity=3,
            occurred_at=SystemClock().now(),
        )

    async def plans(self, provider: Any) -> Sequence[Plan]:
        """Give what the sandbox sells from the beginning."""
        plans: Sequence[Plan] = await done("list_plans", provider.list_plans())
        assert len(plans) >= _FEWEST_PLANS, (
            f"the sandbox sells {len(plans)} plans: it has to sell two, or nothing can be changed"
        )
        return plans

    async def customer(self, provider: Any) -> str:
        """Give a new customer."""
        made = provider.ensure_customer(self.organization(), key=new_key())
        customer: str = await done("ensure_customer", made)
        assert isinstance(customer, str), f"ensure_customer gives {customer!r}, which is no name"
        assert customer.strip(), "ensure_customer gives an empty name"
        return customer

    async def begin(
        self, provider: Any, stage: Stage, *, customer: str | None = None, trial_days: int = 0
    ) -> Subscription:
        """Give a subscription, to the first plan, that has just been paid for."""
        buyer = customer or await self.customer(provider)
        before = {one.provider_subscription_id for one in await self.owned(provider, buyer)}
        request = self.checkout(buyer, (await self.plans(provider))[0], trial_days=trial_days)
        await done("check_out", provider.check_out(request, key=new_key()))
        happen(self, stage, self.name_of_begin(stage))
        found = await self.owned(provider, buyer)
        begun = [one for one in found if one.provider_subscription_id not in before]
        assert len(begun) == 1, (
            f"a checkout was paid, and list_subscriptions gives {len(begun)} new ones"
        )
        return begun[0]

    async def owned(self, provider: Any, customer: str) -> Sequence[Subscription]:
        """Give the subscriptions of *customer*."""
        found: Sequence[Any] = await done(
            "list_subscriptions", provider.list_subscriptions(customer)
        )
        strange = [one for one in found if not isinstance(one, Subscription)]
        assert not strange, f"list_subscriptions gives {strange[:1]!r}"
        return found

    def name_of_begin(self, stage: Stage) -> str:
        """Name the event of the sandbox that a checkout is paid."""
        names = self._event_names(stage)
        assert names, "the sandbox has no events(): nobody can pay"
        return self._known(self.begin_event or names[0], names)

    def name_of_failure(self, stage: Stage) -> str | None:
        """Name the event of the sandbox that a payment fails; None if it has none."""
        names = self._event_names(stage)
        if self.failing_event:
            return self._known(self.failing_event, names)
        return next((name for name in names if "fail" in name), None)

    def name_of_price(self, stage: Stage) -> str:
        """Name the event of the sandbox that a plan is put on sale."""
        for event in stage.server.call(stage.sandbox.events):
            is_price = {field.name for field in event.fields} >= PRICE_FIELDS
            if event.name == self.price_event or (self.price_event is None and is_price):
                return event.name
        needed = ", ".join(sorted(PRICE_FIELDS))
        msg = f"the sandbox has no event with the fields {needed}, which puts a plan on sale"
        raise AssertionError(msg)

    def _event_names(self, stage: Stage) -> list[str]:
        return [event.name for event in stage.server.call(stage.sandbox.events)]

    def _known(self, name: str, names: Sequence[str]) -> str:
        assert name in names, f"the sandbox has no event {name!r}: it has {', '.join(names)}"
        return name

    @override
    async def calls(self, provider: Any, stage: Stage) -> Sequence[OrdinaryCall]:
        """Sell, change, end and read a subscription."""
        customer = await self.customer(provider)
        plans = await self.plans(provider)
        begun = await self.begin(provider, stage, customer=customer)
        name = begun.provider_subscription_id
        keys = itertools.cycle([plans[1].key, plans[0].key])

        async def check_out(asked: Any) -> None:
            await asked.check_out(self.checkout(customer, plans[0]), key=new_key())

        async def change_plan(asked: Any) -> None:
            await asked.change_plan(name, plan_key=next(keys), key=new_key())

        async def cancel(asked: Any) -> None:
            await asked.cancel(name, is_at_once=False, key=new_key())

        async def report_usage(asked: Any) -> None:
            await asked.report_usage(self.usage(customer))

        changes = [check_out, change_plan, cancel]
        if Capability.USAGE in self.spec.capabilities:
            changes.append(report_usage)
        return [
            *(OrdinaryCall(name=one.__name__, ask=one, is_change=True) for one in changes),
            *self._reading_calls(customer, name),
        ]

    def _reading_calls(self, customer: str, subscription: str) -> list[OrdinaryCall]:
        calls = [
            reading("list_plans", lambda asked: asked.list_plans()),
            reading("get_subscription", lambda asked: asked.get_subscription(subscription)),
            reading("list_subscriptions", lambda asked: asked.list_subscriptions(customer)),
        ]
        if Capability.INVOICES in self.spec.capabilities:
            calls.append(reading("list_invoices", lambda asked: asked.list_invoices(customer)))
        return calls


def reading(name: str, ask: Any) -> OrdinaryCall:
    """Give a call that changes nothing."""
    return OrdinaryCall(name=name, ask=ask, is_change=False)


def new_key() -> str:
    """Make a key under which nothing was asked before."""
    return f"key-{uuid.uuid4().hex}"


async def done(what: str, work: Awaitable[T]) -> T:
    """Await *work*, which nothing speaks against."""
    try:
        return await work
    except Exception as error:
        msg = f"{what} raises {type(error).__name__}: {error}"
        raise AssertionError(msg) from error


async def require_rejected(what: str, work: Awaitable[Any]) -> None:
    """Hold that *work* raises ``RejectedInput``."""
    try:
        await work
    except RejectedInput:
        return
    except Exception as error:
        msg = f"{what} raises {type(error).__name__}, not RejectedInput"
        raise AssertionError(msg) from error
    msg = f"{what} is taken, and must raise RejectedInput"
    raise AssertionError(msg)
