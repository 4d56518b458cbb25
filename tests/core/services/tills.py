"""A billing provider that a test plays: what it has, what it raises, and how long it takes."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import attrs
from typing_extensions import override

from clientflow_core.domain.billing import (
    BilledOrganization,
    BillingInterval,
    CheckoutRequest,
    HostedPage,
    Plan,
    Subscription,
    SubscriptionStatus,
    UsageReport,
)
from clientflow_core.domain.money import Money
from clientflow_core.errors import RejectedInput
from clientflow_core.providers.billing import BillingProvider
from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec

START: Final = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
CUSTOMER: Final = "cus_1"


@attrs.frozen
class TillSettings:
    """Needs none."""


def plan(key: str, *, minor: int = 1900) -> Plan:
    """Give a plan."""
    price = Money(minor=minor, currency="USD")
    return Plan(key=key, title=key.capitalize(), price=price, interval=BillingInterval.MONTH)


def subscription(
    name: str = "sub_1",
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE,
    *,
    customer: str = CUSTOMER,
    days: int = 0,
) -> Subscription:
    """Give a subscription that began so many *days* later than others."""
    start = START + dt.timedelta(days=days)
    return Subscription(
        provider_subscription_id=name,
        provider_customer_id=customer,
        plan_key="starter",
        status=status,
        period_start=start,
        period_end=start + dt.timedelta(days=30),
    )


@attrs.define(eq=False)
class Till(BillingProvider):
    """Has what it is told to have.

    Attributes:
        plans: what it sells.
        has: its subscriptions, by their names.
        error: what it raises.
        gate: it answers when this is set, with what it had when it was asked.
        asked: set once it was asked anything.
        told: what was used.
        calls: what was asked of it.
    """

    name: str
    plans: list[Plan] = attrs.field(factory=lambda: [plan("starter"), plan("team", minor=4900)])
    has: dict[str, Subscription] = attrs.field(factory=dict)
    error: Exception | None = None
    gate: asyncio.Event | None = None
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    told: list[UsageReport] = attrs.field(factory=list)
    calls: list[str] = attrs.field(factory=list)

    def have(self, *found: Subscription) -> None:
        """Let it have these."""
        self.has |= {one.provider_subscription_id: one for one in found}

    def spec(self, *, is_local: bool = False) -> ProviderSpec[Any, Any]:
        """Describe it."""

        @contextlib.asynccontextmanager
        async def opening(_: ProviderContext, __: TillSettings) -> AsyncIterator[BillingProvider]:
            yield self

        return ProviderSpec(
            kind=ProviderKind.BILLING,
            name=self.name,
            title=self.name.capitalize(),
            settings=TillSettings,
            open=opening,
            capabilities=frozenset({Capability.USAGE} if isinstance(self, CountingTill) else ()),
            local_settings=dict if is_local else None,
            deadline_seconds=3,
        )

    async def _answer(self, call: str, found: Any = None) -> Any:
        self.calls.append(call)
        self.asked.set()
        if self.error is not None:
            raise self.error
        if (gate := self.gate) is not None:
            await gate.wait()
        return found

    @override
    async def verify(self) -> str:
        return str(await self._answer("verify", self.name))

    @override
    async def list_plans(self) -> Sequence[Plan]:
        return list(await self._answer("list_plans", self.plans))

    @override
    async def ensure_customer(self, organization: BilledOrganization, *, key: str) -> str:
        return str(await self._answer(f"ensure_customer {organization.email} {key}", CUSTOMER))

    @override
    async def check_out(self, request: CheckoutRequest, *, key: str) -> HostedPage:
        page = HostedPage(url=f"https://{self.name}.example/{request.plan_key}")
        found: HostedPage = await self._answer(f"check_out {key}", page)
        return found

    @override
    async def open_portal(self, provider_customer_id: str, *, return_url: str) -> HostedPage:
        page = HostedPage(url=f"https://{self.name}.example/{provider_customer_id}")
        found: HostedPage = await self._answer(f"open_portal {return_url}", page)
        return found

    @override
    async def get_subscription(self, provider_subscription_id: str) -> Subscription:
        known = self.has.get(provider_subscription_id)
        found: Subscription | None = await self._answer("get_subscription", known)
        if found is None:
            raise RejectedInput("there is none")
        return found

    @override
    async def list_subscriptions(self, provider_customer_id: str) -> Sequence[Subscription]:
        return list(await self._answer("list_subscriptions", list(self.has.values())))

    @override
    async def change_plan(
        self, provider_subscription_id: str, *, plan_key: str, key: str
    ) -> Subscription:
        raise NotImplementedError

    @override
    async def cancel(
        self, provider_subscription_id: str, *, is_at_once: bool, key: str
    ) -> Subscription:
        raise NotImplementedError


@attrs.define(eq=False)
class CountingTill(Till):
    """Charges for what was used, too."""

    async def report_usage(self, report: UsageReport) -> None:
        """Keep what was used."""
        await self._answer(f"report_usage {report.id}")
        self.told.append(report)
