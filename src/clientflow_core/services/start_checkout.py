"""Somebody wants to buy a plan: they become a customer, and are led to where they can pay."""

import attrs

from clientflow_core import failpoints
from clientflow_core.domain.billing import CheckoutRequest, HostedPage, SubscriptionStatus
from clientflow_core.domain.roles import Principal
from clientflow_core.domain.subscriptions import BillingCustomer
from clientflow_core.errors import Conflict
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.billing_customers import (
    find_customer,
    put_customer,
    read_billed_organization,
)
from clientflow_core.persistence.repositories.subscriptions import find_current_subscription
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.choose_billing_provider import choose_billing_provider


@attrs.frozen(kw_only=True)
class Purchase:
    """What somebody wants to buy.

    Attributes:
        plan_key: our name for the plan.
        provider: who shall sell it; None for the first choice.
        key: asked again with the same one, it is the same page.
        back_url: where the buyer is led afterwards, and if nothing was bought.
    """

    plan_key: str
    provider: str | None
    key: str
    back_url: str


async def start_checkout(
    database: Database, principal: Principal, purchase: Purchase, *, registry: ProviderRegistry
) -> HostedPage:
    """Give the page on which *purchase* is paid.

    Nothing is sold by that: the provider tells us when it is.

    Args:
        database: asked and written to before and between the calls, never during one.
        principal: for whom it is bought.
        purchase: what.
        registry: the enabled providers.

    Raises:
        Conflict: the organization has a subscription already, or nobody is there to sell one.
        NotFound: that provider is not enabled.
        RejectedInput: there is no such plan.
        PluginError, ProviderError: the provider cannot do it, or not now.
    """
    customer = await _become_customer(database, principal, purchase, registry)
    request = CheckoutRequest(
        provider_customer_id=customer.provider_customer_id,
        plan_key=purchase.plan_key,
        success_url=purchase.back_url,
        cancel_url=purchase.back_url,
    )
    billing = await registry.billing(customer.provider, organization_id=principal.organization_id)
    return await billing.check_out(request, key=f"checkout-{purchase.key}")


async def _become_customer(
    database: Database, principal: Principal, purchase: Purchase, registry: ProviderRegistry
) -> BillingCustomer:
    async with database.organization(principal.organization_id) as transaction:
        current = await find_current_subscription(transaction)
        if current is not None and current.subscription.status is not SubscriptionStatus.INCOMPLETE:
            msg = f"the organization has a subscription already, at {current.provider}"
            raise Conflict(msg)
        provider = choose_billing_provider(registry, current, wanted=purchase.provider)
        known = await find_customer(transaction, provider)
        organization = await read_billed_organization(transaction)
    if known is not None:
        return known
    billing = await registry.billing(provider, organization_id=principal.organization_id)
    name = await billing.ensure_customer(
        organization, key=f"customer-{organization.organization_id.hex}"
    )
    failpoints.hit("start_checkout.customer_made")
    made = BillingCustomer(provider=provider, provider_customer_id=name)
    # Before anything can be paid: what the provider then tells of must find its organization.
    async with database.organization(principal.organization_id) as transaction:
        await put_customer(transaction, made)
    failpoints.hit("start_checkout.customer_kept")
    return made
