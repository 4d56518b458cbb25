"""The slots of time of the schedules: each is filled once, together with its job."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import scheduled_slots

_FILL: Final = sa.text(
    """
    WITH schedules AS (
        SELECT * FROM unnest(
            cast(:names AS text[]), cast(:every_seconds AS int[]), cast(:lanes AS text[]),
            cast(:kinds AS text[]), cast(:max_attempts AS int[])
        ) AS s (name, every_seconds, lane, kind, max_attempts)
    ), filled AS (
        INSERT INTO scheduled_slots (name, slot)
        SELECT name, date_bin(make_interval(secs => every_seconds), now(), timestamptz 'epoch')
        FROM schedules
        ON CONFLICT DO NOTHING
        RETURNING name
    )
    INSERT INTO jobs (lane, kind, args, max_attempts)
    SELECT lane, kind, '{}', max_attempts FROM schedules JOIN filled USING (name)
    RETURNING lane
    """
)


async def fill_slots(
    transaction: Transaction,
    *,
    names: Sequence[str],
    every_seconds: Sequence[int],
    lanes: Sequence[str],
    kinds: Sequence[str],
    max_attempts: Sequence[int],
) -> None:
    """Fill the present slot of each schedule, unless somebody has, and ask for its job.

    The schedules are given column by column, as the statement takes them.
    """
    parameters = {
        "names": list(names),
        "every_seconds": list(every_seconds),
        "lanes": list(lanes),
        "kinds": list(kinds),
        "max_attempts": list(max_attempts),
    }
    for row in await transaction.execute(_FILL, parameters):
        transaction.wake(row.lane)


async def newest_slots(transaction: Transaction) -> Mapping[str, dt.datetime]:
    """Give for each schedule the beginning of the newest slot that was filled."""
    newest = sa.func.max(scheduled_slots.c.slot).label("newest")
    rows = await transaction.execute(
        sa.select(scheduled_slots.c.name, newest).group_by(scheduled_slots.c.name)
    )
    return {row["name"]: row["newest"] for row in rows.mappings()}
