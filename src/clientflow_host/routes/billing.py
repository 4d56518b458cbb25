"""``/api/v1/plans``, ``/subscription``, ``/billing``, ``/usage``, ``/invoices``: what is paid."""

from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

import attrs
from msgspec import Meta

from clientflow_core.domain.billing import (
    BillingInterval,
    HostedPage,
    Invoice,
    InvoiceStatus,
    SubscriptionStatus,
)
from clientflow_core.domain.money import Money
from clientflow_core.domain.roles import Role
from clientflow_core.domain.subscriptions import (
    HeldSubscription,
    PlanOnSale,
    UsageTotal,
    month_of,
)
from clientflow_core.ids import IdPrefix, new_id, to_public_id
from clientflow_core.persistence.repositories.plans import list_plans
from clientflow_core.persistence.repositories.subscriptions import find_current_subscription
from clientflow_core.persistence.repositories.usage_events import sum_usage
from clientflow_core.services.choose_billing_provider import billing_providers
from clientflow_core.services.list_invoices import list_invoices
from clientflow_core.services.open_billing_portal import open_billing_portal
from clientflow_core.services.start_checkout import Purchase, start_checkout
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import LONG_SECONDS, ApiRequest, Operation, Timestamp

BACK: Final = "/billing"
"""Where a buyer is led when the provider's page is done with."""

PlanKey: TypeAlias = Annotated[str, Meta(pattern="^[!-~]{1,200}$", examples=["starter"])]
ProviderName: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^[a-z][a-z0-9_]{0,99}$",
        description="who sells it; by default the first that is set up",
        examples=["stripe"],
    ),
]


@attrs.frozen(kw_only=True)
class MoneyView:
    """An amount of money.

    Attributes:
        minor: in the currency's smallest unit, such as cents or whole yen.
    """

    minor: int
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["USD"])]

    @classmethod
    def of(cls, money: Money) -> "MoneyView":
        """Show *money*."""
        return cls(minor=money.minor, currency=money.currency)


@attrs.frozen(kw_only=True)
class PlanView:
    """What can be subscribed to."""

    key: str
    provider: str
    title: str
    price: MoneyView
    interval: BillingInterval

    @classmethod
    def of(cls, sold: PlanOnSale) -> "PlanView":
        """Show a plan."""
        return cls(
            key=sold.plan.key,
            provider=sold.provider,
            title=sold.plan.title,
            price=MoneyView.of(sold.plan.price),
            interval=sold.plan.interval,
        )


@attrs.frozen(kw_only=True)
class Plans:
    """What is on sale, by the first choice of provider first."""

    data: list[PlanView]


@attrs.frozen(kw_only=True)
class SubscriptionView:
    """What the organization lives by.

    Attributes:
        plan_key: null for a price that is none of the plans.
        is_ending: it ends with its period.
    """

    id: str
    provider: str
    plan_key: str | None
    status: SubscriptionStatus
    period_start: Timestamp
    period_end: Timestamp
    is_ending: bool

    @classmethod
    def of(cls, held: HeldSubscription) -> "SubscriptionView":
        """Show a subscription."""
        found = held.subscription
        return cls(
            id=to_public_id(IdPrefix.SUBSCRIPTION, held.id),
            provider=held.provider,
            plan_key=found.plan_key,
            status=found.status,
            period_start=found.period_start,
            period_end=found.period_end,
            is_ending=found.is_ending,
        )


@attrs.frozen(kw_only=True)
class CurrentSubscription:
    """The organization's subscription; null where there is none, or it is over."""

    subscription: SubscriptionView | None


@attrs.frozen(kw_only=True)
class NewCheckout:
    """What somebody wants to buy."""

    plan_key: PlanKey
    provider: ProviderName | None = None


@attrs.frozen(kw_only=True)
class HostedPageView:
    """A page of the provider's, for one payer.

    Attributes:
        expires_at: when it stops to work; null where the provider does not say so.
    """

    url: str
    expires_at: Timestamp | None

    @classmethod
    def of(cls, page: HostedPage) -> "HostedPageView":
        """Show a page."""
        return cls(url=page.url, expires_at=page.expires_at)


@attrs.frozen(kw_only=True)
class UsageView:
    """How much was used of what a meter counts."""

    meter: str
    quantity: int

    @classmethod
    def of(cls, total: UsageTotal) -> "UsageView":
        """Show a sum."""
        return cls(meter=total.meter, quantity=total.quantity)


@attrs.frozen(kw_only=True)
class Usage:
    """What was used in the period that is paid for, or else in this month."""

    period_start: Timestamp
    period_end: Timestamp
    data: list[UsageView]


@attrs.frozen(kw_only=True)
class InvoiceView:
    """An invoice, as the provider has it now.

    Attributes:
        id: the provider's name for it.
        url: where it can be seen and paid; null where there is no such page.
    """

    id: str
    total: MoneyView
    status: InvoiceStatus
    issued_at: Timestamp
    url: str | None

    @classmethod
    def of(cls, invoice: Invoice) -> "InvoiceView":
        """Show an invoice."""
        return cls(
            id=invoice.provider_invoice_id,
            total=MoneyView.of(invoice.total),
            status=invoice.status,
            issued_at=invoice.issued_at,
            url=invoice.url,
        )


@attrs.frozen(kw_only=True)
class Invoices:
    """What was charged, the newest first."""

    data: list[InvoiceView]


async def list_all_plans(request: ApiRequest[None, None, None]) -> Plans:
    """List the plans that are on sale."""
    assembly = request.raw.app[ASSEMBLY]
    async with assembly.database.organization(request.principal.organization_id) as transaction:
        found = await list_plans(transaction, billing_providers(assembly.registry))
    return Plans(data=[PlanView.of(one) for one in found])


async def read_subscription(request: ApiRequest[None, None, None]) -> CurrentSubscription:
    """Read the organization's subscription."""
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        found = await find_current_subscription(transaction)
    return CurrentSubscription(subscription=SubscriptionView.of(found) if found else None)


async def check_out(request: ApiRequest[None, None, NewCheckout]) -> HostedPageView:
    """Give a page on which a plan is paid; the subscription begins when it was."""
    page = await begin_purchase(
        request,
        plan_key=request.body.plan_key,
        provider=request.body.provider,
        key=request.idempotency_key,
    )
    return HostedPageView.of(page)


async def open_portal(request: ApiRequest[None, None, None]) -> HostedPageView:
    """Give a page on which the organization sees to how it pays."""
    return HostedPageView.of(await find_portal(request))


async def begin_purchase(
    request: ApiRequest[Any, Any, Any], *, plan_key: str, provider: str | None, key: str | None
) -> HostedPage:
    """Give the page on which *plan_key* is paid, for the API and for the page of ours alike."""
    assembly, caller = request.raw.app[ASSEMBLY], request.principal
    # Keys of two organizations may be equal, and the provider would take them for one.
    own_key = f"{caller.organization_id.hex}-{key or new_id().hex}"
    purchase = Purchase(
        plan_key=plan_key,
        provider=provider,
        key=own_key,
        back_url=f"{assembly.settings.url}{BACK}",
    )
    return await start_checkout(assembly.database, caller, purchase, registry=assembly.registry)


async def find_portal(request: ApiRequest[Any, Any, Any]) -> HostedPage:
    """Give the provider's page, for the API and for the page of ours alike."""
    assembly = request.raw.app[ASSEMBLY]
    return await open_billing_portal(
        assembly.database,
        request.principal.organization_id,
        registry=assembly.registry,
        back_url=f"{assembly.settings.url}{BACK}",
    )


async def read_usage(request: ApiRequest[None, None, None]) -> Usage:
    """Tell what was used in this period."""
    assembly = request.raw.app[ASSEMBLY]
    async with assembly.database.organization(request.principal.organization_id) as transaction:
        held = await find_current_subscription(transaction)
        since, until = period_of(held, assembly.clock.now())
        found = await sum_usage(transaction, since=since, until=until)
    data = [UsageView.of(one) for one in found]
    return Usage(period_start=since, period_end=until, data=data)


def period_of(held: HeldSubscription | None, now: Any) -> tuple[Any, Any]:
    """Give the period that is paid for, or else this month."""
    if held is None:
        return month_of(now)
    return held.subscription.period_start, held.subscription.period_end


async def list_all_invoices(request: ApiRequest[None, None, None]) -> Invoices:
    """List what was charged."""
    assembly = request.raw.app[ASSEMBLY]
    found = await list_invoices(
        assembly.database, request.principal.organization_id, registry=assembly.registry
    )
    return Invoices(data=[InvoiceView.of(one) for one in found])


_TAG: Final = "billing"
_PROVIDER: Final = HTTPStatus.BAD_GATEWAY

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/v1/plans",
        role=Role.VIEWER,
        handler=list_all_plans,
        tag=_TAG,
        operation_id="list_plans",
    ),
    Operation(
        method="GET",
        path="/api/v1/subscription",
        role=Role.VIEWER,
        handler=read_subscription,
        tag=_TAG,
    ),
    Operation(
        method="POST",
        path="/api/v1/billing/checkout",
        role=Role.ADMIN,
        handler=check_out,
        tag=_TAG,
        operation_id="start_checkout",
        errors=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _PROVIDER),
        idempotent=True,
        deadline_seconds=LONG_SECONDS,
    ),
    Operation(
        method="POST",
        path="/api/v1/billing/portal",
        role=Role.ADMIN,
        handler=open_portal,
        tag=_TAG,
        operation_id="open_billing_portal",
        errors=(HTTPStatus.NOT_FOUND, _PROVIDER),
        deadline_seconds=LONG_SECONDS,
    ),
    Operation(method="GET", path="/api/v1/usage", role=Role.VIEWER, handler=read_usage, tag=_TAG),
    Operation(
        method="GET",
        path="/api/v1/invoices",
        role=Role.ADMIN,
        handler=list_all_invoices,
        tag=_TAG,
        operation_id="list_invoices",
        errors=(_PROVIDER,),
        deadline_seconds=LONG_SECONDS,
    ),
)
