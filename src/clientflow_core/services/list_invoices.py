"""What was charged, as the provider has it now: it is asked each time, and nothing is kept."""

import uuid
from collections.abc import Sequence

from clientflow_core.domain.billing import Invoice
from clientflow_core.persistence.database import Database
from clientflow_core.providers.billing import SupportsInvoices
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.choose_billing_provider import find_payer


async def list_invoices(
    database: Database, organization_id: uuid.UUID, *, registry: ProviderRegistry
) -> Sequence[Invoice]:
    """Give the invoices of an organization, the newest first; none if it never bought anything.

    Args:
        database: asked before the call.
        organization_id: whose.
        registry: the enabled providers.

    Raises:
        PluginError, ProviderError: the provider cannot be asked.
    """
    async with database.organization(organization_id) as transaction:
        customer = await find_payer(transaction, registry)
    if customer is None:
        return ()
    billing = await registry.billing(customer.provider, organization_id=organization_id)
    if not isinstance(billing, SupportsInvoices):
        return ()
    return await billing.list_invoices(customer.provider_customer_id)
