"""By which provider an organization pays."""

from collections.abc import Sequence

from clientflow_core.domain.subscriptions import BillingCustomer, HeldSubscription
from clientflow_core.errors import Conflict, NotFound
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.billing_customers import find_customer
from clientflow_core.persistence.repositories.subscriptions import find_current_subscription
from clientflow_core.providers.spec import ProviderKind
from clientflow_core.registry.registry import ProviderRegistry


def billing_providers(registry: ProviderRegistry) -> Sequence[str]:
    """Name the enabled billing providers, the first choice first: those of companies before ours.

    One behind which nobody stands takes no money, so that it is chosen where there is no other.
    """
    specs = [one.spec for one in registry.providers.values()]
    found = [spec for spec in specs if spec.kind is ProviderKind.BILLING]
    return [spec.name for spec in sorted(found, key=lambda spec: spec.is_local)]


def choose_billing_provider(
    registry: ProviderRegistry, current: HeldSubscription | None, *, wanted: str | None = None
) -> str:
    """Name the provider by which an organization pays.

    Args:
        registry: the enabled providers.
        current: the subscription that the organization lives by; its provider stays.
        wanted: the provider that somebody names, where there is no subscription.

    Raises:
        NotFound: the one that is wanted is not enabled.
        Conflict: the organization pays by another one, or none is enabled.
    """
    known = billing_providers(registry)
    if wanted is not None and wanted not in known:
        msg = f"there is no billing provider {wanted!r} that is enabled"
        raise NotFound(msg)
    if current is not None and wanted not in {None, current.provider}:
        msg = f"the organization pays by {current.provider}"
        raise Conflict(msg)
    if current is not None:
        return current.provider
    if not known:
        msg = "no billing provider is enabled: set one of them up, or the ledger"
        raise Conflict(msg)
    return wanted or known[0]


async def find_payer(
    transaction: Transaction, registry: ProviderRegistry
) -> BillingCustomer | None:
    """Give what the organization is called where it pays, or else where it has begun to."""
    current = await find_current_subscription(transaction)
    for name in [current.provider] if current else billing_providers(registry):
        if (customer := await find_customer(transaction, name)) is not None:
            return customer
    return None
