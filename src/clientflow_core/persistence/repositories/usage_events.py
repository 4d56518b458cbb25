"""What organizations have used."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from clientflow_core.domain.jobs import BILLING
from clientflow_core.domain.subscriptions import UsageEvent, UsageTotal
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import usage_events

REPORT_USAGE: Final = "report_usage"
# In one statement, since it is done for every text. Nobody is told of what nobody pays for.
_COUNT: Final = sa.text(
    """
    WITH counted AS (
        INSERT INTO usage_events (organization_id, id, meter, source_id, quantity)
        VALUES (:organization_id, :id, :meter, :source_id, :quantity)
        ON CONFLICT (organization_id, meter, source_id) DO NOTHING
        RETURNING id
    )
    INSERT INTO jobs (lane, kind, organization_id, args)
    SELECT :lane, :kind, s.organization_id, jsonb_build_object('usage_event_id', counted.id)
    FROM counted JOIN subscriptions s ON s.is_current
    RETURNING 1
    """
)


async def count_usage(
    transaction: Transaction, *, meter: str, source_id: str, quantity: int
) -> None:
    """Count what was used once for each *source_id*; who pays for it will be told.

    Args:
        transaction: of the organization.
        meter: what is counted.
        source_id: names what has used it.
        quantity: how many, at least 1.
    """
    parameters = {
        "organization_id": transaction.scope,
        "id": new_id(),
        "meter": meter,
        "source_id": source_id,
        "quantity": quantity,
        "lane": BILLING,
        "kind": REPORT_USAGE,
    }
    if (await transaction.execute(_COUNT, parameters)).first() is not None:
        transaction.wake(BILLING)


async def find_unreported(transaction: Transaction, usage_event_id: uuid.UUID) -> UsageEvent | None:
    """Give what was used, unless the provider has been told."""
    table = usage_events
    statement = sa.select(table.c.id, table.c.meter, table.c.quantity, table.c.occurred_at).where(
        table.c.id == usage_event_id, table.c.reported_at.is_(None)
    )
    row = (await transaction.execute(statement)).mappings().one_or_none()
    return None if row is None else UsageEvent(**row)


async def mark_reported(transaction: Transaction, usage_event_id: uuid.UUID) -> None:
    """Write down that the provider has been told."""
    statement = usage_events.update().where(usage_events.c.id == usage_event_id)
    await transaction.execute(statement.values(reported_at=sa.func.now()))


async def sum_usage(
    transaction: Transaction, *, since: dt.datetime, until: dt.datetime
) -> Sequence[UsageTotal]:
    """Sum up what was used from *since*, and before *until*, by the names of the meters."""
    table = usage_events
    statement = (
        sa.select(table.c.meter, sa.func.sum(table.c.quantity).label("quantity"))
        .where(table.c.occurred_at >= since, table.c.occurred_at < until)
        .group_by(table.c.meter)
        .order_by(table.c.meter)
    )
    rows = (await transaction.execute(statement)).mappings()
    return [UsageTotal(meter=row["meter"], quantity=int(row["quantity"])) for row in rows]
