"""What organizations have bought."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.domain.billing import Subscription, SubscriptionStatus
from clientflow_core.domain.subscriptions import HeldSubscription
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import subscriptions

_KEY: Final = ("organization_id", "provider", "provider_subscription_id")


async def put_subscription(
    transaction: Transaction, *, provider: str, found: Subscription, read_number: int
) -> bool:
    """Write down what was *found* at *provider*, unless a later read has been written down.

    Args:
        transaction: of the organization.
        provider: where it was found.
        found: as it was.
        read_number: from :func:`begin_read`.

    Returns:
        Whether anything has changed.
    """
    seen = {
        "provider_customer_id": found.provider_customer_id,
        "plan_key": found.plan_key,
        "status": found.status.value,
        "period_start": found.period_start,
        "period_end": found.period_end,
        "is_ending": found.is_ending,
    }
    statement = insert(subscriptions).values(
        organization_id=transaction.scope,
        id=new_id(),
        provider=provider,
        provider_subscription_id=found.provider_subscription_id,
        read_number=read_number,
        **seen,
    )
    new = statement.excluded
    is_other = sa.or_(*(new[name].is_distinct_from(subscriptions.c[name]) for name in seen))
    written = statement.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={
            **{name: new[name] for name in seen},
            "read_number": new.read_number,
            "updated_at": sa.case((is_other, sa.func.now()), else_=subscriptions.c.updated_at),
        },
        where=subscriptions.c.read_number <= new.read_number,
    ).returning(subscriptions.c.updated_at == sa.func.now())
    return bool((await transaction.execute(written)).scalar_one_or_none())


async def list_subscriptions(transaction: Transaction) -> Sequence[HeldSubscription]:
    """List all that the organization has bought, the newest first."""
    statement = sa.select(subscriptions).order_by(subscriptions.c.id.desc())
    return [_held_from(row) for row in (await transaction.execute(statement)).mappings()]


async def find_current_subscription(transaction: Transaction) -> HeldSubscription | None:
    """Give the subscription that the organization lives by; None if it has none."""
    statement = sa.select(subscriptions).where(subscriptions.c.is_current)
    row = (await transaction.execute(statement)).mappings().one_or_none()
    return None if row is None else _held_from(row)


async def set_current(transaction: Transaction, current: HeldSubscription | None) -> None:
    """Let the organization live by *current*, and by no other."""
    table = subscriptions
    chosen = current.id if current else None
    others = table.update().where(table.c.is_current, table.c.id.is_distinct_from(chosen))
    # First, since there is never more than one.
    await transaction.execute(others.values(is_current=False))
    if current is not None and not current.is_current:
        await transaction.execute(
            table.update().where(table.c.id == chosen).values(is_current=True)
        )


def _held_from(row: sa.RowMapping) -> HeldSubscription:
    return HeldSubscription(
        id=row["id"],
        provider=row["provider"],
        is_current=row["is_current"],
        updated_at=row["updated_at"],
        subscription=Subscription(
            provider_subscription_id=row["provider_subscription_id"],
            provider_customer_id=row["provider_customer_id"],
            plan_key=row["plan_key"],
            status=SubscriptionStatus(row["status"]),
            period_start=row["period_start"],
            period_end=row["period_end"],
            is_ending=row["is_ending"],
        ),
    )
