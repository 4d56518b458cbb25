"""What is on sale, as the providers have said last."""

from collections.abc import Collection, Sequence
from typing import Final

import sqlalchemy as sa

from clientflow_core.domain.billing import BillingInterval, Plan
from clientflow_core.domain.money import Money
from clientflow_core.domain.subscriptions import PlanOnSale
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import plans

_SYNC: Final = sa.text(
    """
    SELECT sync_plans(
        :provider, cast(:keys AS text[]), cast(:titles AS text[]), cast(:prices AS bigint[]),
        cast(:currencies AS text[]), cast(:intervals AS text[]))
    """
)


async def sync_plans(transaction: Transaction, provider: str, found: Sequence[Plan]) -> None:
    """Write down that *provider* sells what was *found*, and nothing else."""
    parameters = {
        "provider": provider,
        "keys": [plan.key for plan in found],
        "titles": [plan.title for plan in found],
        "prices": [plan.price.minor for plan in found],
        "currencies": [plan.price.currency for plan in found],
        "intervals": [plan.interval.value for plan in found],
    }
    await transaction.execute(_SYNC, parameters)


async def list_plans(
    transaction: Transaction, providers: Sequence[str], *, keys: Collection[str] = ()
) -> Sequence[PlanOnSale]:
    """List the plans of *providers*, in the order of these, and each one's own.

    Args:
        transaction: of whomever.
        providers: only theirs.
        keys: those of these keys too that are on sale no longer, since somebody has them.
    """
    is_shown = sa.or_(plans.c.is_on_sale, plans.c.key.in_(keys))
    statement = (
        sa.select(plans)
        .where(plans.c.provider.in_(providers), is_shown)
        .order_by(plans.c.position, plans.c.key)
    )
    rows = (await transaction.execute(statement)).mappings().all()
    return [_plan_from(row) for name in providers for row in rows if row["provider"] == name]


def _plan_from(row: sa.RowMapping) -> PlanOnSale:
    plan = Plan(
        key=row["key"],
        title=row["title"],
        price=Money(minor=row["price_minor"], currency=row["currency"]),
        interval=BillingInterval(row["billing_interval"]),
    )
    return PlanOnSale(provider=row["provider"], plan=plan)
