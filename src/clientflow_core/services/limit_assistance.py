"""What an organization may spend on drafts in a month, and whether it has."""

import uuid
from decimal import Decimal
from typing import Final

import attrs

from clientflow_core.errors import BudgetReached, SettingsError
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.drafts import sum_cost
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.find_assistant import find_assistant


@attrs.frozen
class Budget:
    """What may be spent in a calendar month (UTC).

    Attributes:
        usd: in US dollars; None where nobody has set a limit.
    """

    usd: Decimal | None


UNLIMITED: Final = Budget(None)


async def read_budget(registry: ProviderRegistry, organization_id: uuid.UUID) -> Budget:
    """Give the budget of an organization for the assistant that drafts for it.

    It may ask the database, so it is read before a transaction begins.

    Raises:
        ProviderUnavailable: the database does not answer.
        PluginError: the plugin failed over the settings.
    """
    name = find_assistant(registry)
    if name is None:
        return UNLIMITED
    try:
        return Budget(await registry.monthly_budget(name, organization_id=organization_id))
    except SettingsError:
        # With what it has set nobody can be called either, and the draft says so.
        return UNLIMITED


async def require_budget(transaction: Transaction, budget: Budget, *, provider: str) -> None:
    """Make sure that something of *budget* is left.

    What is under way is not counted yet: the last draft may exceed it by its own cost.

    Args:
        transaction: of the organization.
        budget: of :func:`read_budget`.
        provider: who drafts.

    Raises:
        BudgetReached: nothing is.
    """
    if budget.usd is None:
        return
    spent = await sum_cost(transaction, provider=provider)
    if spent >= budget.usd:
        msg = (
            f"the budget of {budget.usd:f} US dollars a month for drafts by {provider} is used up"
            f" ({spent:.2f} were spent); write the answer yourself, or have the limit raised"
        )
        raise BudgetReached(msg)
