"""What may have been missed: what is on sale, and what every customer has."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from clientflow_core import failpoints
from clientflow_core.domain.billing import Plan
from clientflow_core.domain.jobs import BILLING
from clientflow_core.errors import ClientFlowError
from clientflow_core.jobs.handlers import JobRun, RetryLater
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.billing_customers import ask_for_subscriptions
from clientflow_core.persistence.repositories.plans import sync_plans
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.choose_billing_provider import billing_providers

_EVERY_SECONDS: Final = 6 * 3600
SYNC_BILLING: Final = Schedule(
    name="sync_billing", every_seconds=_EVERY_SECONDS, lane=BILLING, kind="sync_billing"
)


@attrs.frozen(kw_only=True)
class PlansFound:
    """What the providers sell.

    Attributes:
        plans: by the names of those that could be asked.
        failures: the errors of the others, by their names.
    """

    plans: Mapping[str, Sequence[Plan]]
    failures: Mapping[str, ClientFlowError]


async def find_plans(registry: ProviderRegistry) -> PlansFound:
    """Ask each billing provider what it sells; one that does not answer is in nobody's way."""
    found: dict[str, Sequence[Plan]] = {}
    failures: dict[str, ClientFlowError] = {}
    for name in billing_providers(registry):
        try:
            found[name] = await (await registry.billing(name)).list_plans()
        except ClientFlowError as error:
            failures[name] = error
    return PlansFound(plans=found, failures=failures)


async def record_sync(transaction: Transaction, found: PlansFound) -> int:
    """Write down what is on sale, and ask for every customer's subscriptions to be read.

    Args:
        transaction: of the system.
        found: what the providers sell.

    Returns:
        How many customers are asked for.
    """
    for name, plans in found.plans.items():
        await sync_plans(transaction, name, plans)
    return await ask_for_subscriptions(transaction, list(found.plans))


async def sync_billing(run: JobRun, *, registry: ProviderRegistry) -> None:
    """Do all of it, for the schedule.

    Raises:
        RetryLater: a provider has not answered; what the others said is written down.
    """
    found = await find_plans(registry)
    failpoints.hit("sync_billing.asked")
    if not found.failures:
        async with run.last_transaction() as transaction:
            await record_sync(transaction, found)
        return
    async with run.transaction() as transaction:
        await record_sync(transaction, found)
    raise RetryLater(next(iter(found.failures.values())).code)
