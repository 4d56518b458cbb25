"""The slots of time of the schedules: each is filled once, together with its job."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction

_FILL: Final = sa.text(
    """
    WITH schedules AS (
        SELECT * FROM unnest(
            cast(:names AS text[]), cast(:every_seconds AS int[]), cast(:lanes AS text[]),
            cast(:kinds AS text[])
        ) AS s (name, every_seconds, lane, kind)
    ), filled AS (
        INSERT INTO scheduled_slots (name, slot)
        SELECT name, date_bin(make_interval(secs => every_seconds), now(), timestamptz 'epoch')
        FROM schedules
        ON CONFLICT DO NOTHING
        RETURNING name
    )
    INSERT INTO jobs (lane, kind, args)
    SELECT lane, kind, '{}' FROM schedules JOIN filled USING (name)
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
) -> None:
    """Fill the present slot of each schedule, unless somebody has, and ask for its job.

    The schedules are given column by column, as the statement takes them.
    """
    parameters = {
        "names": list(names),
        "every_seconds": list(every_seconds),
        "lanes": list(lanes),
        "kinds": list(kinds),
    }
    for row in await transaction.execute(_FILL, parameters):
        transaction.wake(row.lane)
