"""Billing: the plan, where it stands, what was used, and the ways to pay."""

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.domain.subscriptions import TEXTS_SENT, HeldSubscription, PlanOnSale
from clientflow_core.persistence.repositories.plans import list_plans
from clientflow_core.persistence.repositories.subscriptions import find_current_subscription
from clientflow_core.persistence.repositories.usage_events import sum_usage
from clientflow_core.services.choose_billing_provider import billing_providers
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import LONG_SECONDS, ApiRequest, Operation
from clientflow_host.pages.rendering import lead_away, render
from clientflow_host.routes.billing import BACK, begin_purchase, find_portal, period_of

_METERS: Final[Mapping[str, str]] = {TEXTS_SENT: "texts sent"}


async def show_billing(request: ApiRequest[None, None, None]) -> web.Response:
    """Show what the organization has, and what it could have."""
    assembly = request.raw.app[ASSEMBLY]
    async with assembly.database.organization(request.principal.organization_id) as transaction:
        held = await find_current_subscription(transaction)
        names = [held.provider] if held else billing_providers(assembly.registry)
        key = held.subscription.plan_key if held else None
        plans = await list_plans(transaction, names, keys=[key] if key else [])
        since, until = period_of(held, assembly.clock.now())
        used = await sum_usage(transaction, since=since, until=until)
    return render(
        request.raw,
        "billing.html",
        held=held,
        plan=_plan_of(held, plans),
        plans=plans,
        until=until,
        used=[(_METERS.get(one.meter, one.meter), one.quantity) for one in used],
        may_pay=request.principal.role.includes(Role.ADMIN),
    )


async def begin_checkout(request: ApiRequest[None, None, None]) -> web.Response:
    """Lead to where the plan is paid."""
    form = await request.raw.post()
    plan, provider = str(form.get("plan", "")), str(form.get("provider", ""))
    page = await begin_purchase(request, plan_key=plan, provider=provider or None, key=None)
    return _lead_to(request, page.url)


async def go_to_portal(request: ApiRequest[None, None, None]) -> web.Response:
    """Lead to where the organization sees to how it pays."""
    return _lead_to(request, (await find_portal(request)).url)


def _lead_to(request: ApiRequest[None, None, None], url: str) -> web.Response:
    ours = f"{request.raw.app[ASSEMBLY].settings.url}/"
    if url.startswith(ours):
        # By the name by which the browser knows us, or it would be signed in nowhere.
        raise web.HTTPSeeOther(f"/{url.removeprefix(ours)}")
    return lead_away(request.raw, url, why="the page where you pay")


def _plan_of(held: HeldSubscription | None, plans: Sequence[PlanOnSale]) -> PlanOnSale | None:
    if held is None:
        return None
    return next((one for one in plans if one.plan.key == held.subscription.plan_key), None)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=BACK,
        role=Role.VIEWER,
        handler=show_billing,
        tag="pages",
        media_type="text/html",
    ),
    Operation(
        method="POST",
        path=f"{BACK}/checkout",
        role=Role.ADMIN,
        handler=begin_checkout,
        tag="pages",
        foreign=True,
        deadline_seconds=LONG_SECONDS,
    ),
    Operation(
        method="POST",
        path=f"{BACK}/portal",
        role=Role.ADMIN,
        handler=go_to_portal,
        tag="pages",
        foreign=True,
        deadline_seconds=LONG_SECONDS,
    ),
)
