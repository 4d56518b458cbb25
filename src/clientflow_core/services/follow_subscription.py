"""A provider tells that a subscription has changed: whose it is, and that it is to be read."""

from clientflow_core.domain.changes import SubscriptionChanged
from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.billing_customers import route_subscription_change
from clientflow_core.services.apply_subscription_change import ask_to_apply


async def follow_subscription(
    transaction: Transaction, event: InboundEvent, changed: SubscriptionChanged
) -> str | None:
    """Ask for the subscription of an event to be read; give the reason if nobody needs to know.

    Args:
        transaction: of the system; afterwards that of the organization whose subscription it is.
        event: says where it came from.
        changed: what it means.
    """
    organization_id = await route_subscription_change(
        transaction, event.id, provider=event.provider, customer=changed.provider_customer_id
    )
    if organization_id is None:
        return f"nobody here is the customer {changed.provider_customer_id} of {event.provider}"
    await transaction.switch_to(organization_id)
    await ask_to_apply(transaction, event.provider, subscription=changed.provider_subscription_id)
    return None
