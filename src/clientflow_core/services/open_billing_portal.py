"""Somebody wants to change how they pay, or to see what they have paid."""

import uuid

from clientflow_core.domain.billing import HostedPage
from clientflow_core.errors import NotFound
from clientflow_core.persistence.database import Database
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.choose_billing_provider import find_payer


async def open_billing_portal(
    database: Database,
    organization_id: uuid.UUID,
    *,
    registry: ProviderRegistry,
    back_url: str,
) -> HostedPage:
    """Give the page of the provider on which the organization sees to its payments.

    Args:
        database: asked before the call.
        organization_id: whose.
        registry: the enabled providers.
        back_url: where they are led afterwards.

    Raises:
        NotFound: the organization has never bought anything.
        PluginError, ProviderError: the provider cannot do it, or not now.
    """
    async with database.organization(organization_id) as transaction:
        customer = await find_payer(transaction, registry)
    if customer is None:
        msg = "the organization has never bought anything: begin with a checkout"
        raise NotFound(msg)
    billing = await registry.billing(customer.provider, organization_id=organization_id)
    return await billing.open_portal(customer.provider_customer_id, return_url=back_url)
