"""Let an organization begin to live by a plan that costs nothing, where one is sold."""

import uuid

import attrs

from clientflow_core.domain.billing import Plan
from clientflow_core.domain.roles import Principal, Role
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.subscriptions import find_current_subscription
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.choose_billing_provider import billing_providers
from clientflow_core.services.start_checkout import Purchase, start_checkout


@attrs.frozen(kw_only=True)
class FreePlan:
    """A plan that costs nothing.

    Attributes:
        url: the page of its provider where it is agreed to.
    """

    plan: Plan
    url: str


async def begin_free_plan(
    database: Database,
    organization_id: uuid.UUID,
    *,
    registry: ProviderRegistry,
    back_url: str,
) -> FreePlan | None:
    """Give the page where the organization begins a free plan.

    Its subscription is written down when the provider tells of it, as any other: what nobody has
    agreed to is not.

    Args:
        database: as the application role.
        organization_id: who it is for.
        registry: open; its first billing provider is asked.
        back_url: where whoever has agreed is led afterwards.

    Returns:
        None where the organization has a subscription, or nothing free is sold.

    Raises:
        PluginError, ProviderError: the provider cannot be asked now.
    """
    async with database.organization(organization_id) as transaction:
        if await find_current_subscription(transaction) is not None:
            return None
    provider = next(iter(billing_providers(registry)), None)
    plan = None if provider is None else await _free_plan(registry, provider)
    if plan is None:
        return None
    purchase = Purchase(
        plan_key=plan.key,
        provider=provider,
        # A page stops to work some day, so it is another one each time.
        key=f"{organization_id.hex}-{new_id().hex}",
        back_url=back_url,
    )
    owner = Principal(organization_id=organization_id, role=Role.OWNER)
    page = await start_checkout(database, owner, purchase, registry=registry)
    return FreePlan(plan=plan, url=page.url)


async def _free_plan(registry: ProviderRegistry, provider: str) -> Plan | None:
    plans = await (await registry.billing(provider)).list_plans()
    return next((plan for plan in plans if not plan.price.minor), None)
