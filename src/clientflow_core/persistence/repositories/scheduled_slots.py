"""The slots of time of the schedules: each is filled once, together with its job."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import scheduled_slots

# Slots are counted in seconds from 1970 in UTC, so no change of the clocks makes one longer, twice
# or never. A slot that is seen late was missed: *on_time* says by how many seconds at the most.
_FILL: Final = sa.text(
    """
    WITH schedules AS (
        SELECT *, make_interval(secs => every_seconds) AS every,
            date_bin(make_interval(secs => every_seconds), now(), timestamptz 'epoch') AS present
        FROM unnest(
            cast(:names AS text[]), cast(:every_seconds AS int[]), cast(:lanes AS text[]),
            cast(:kinds AS text[]), cast(:max_attempts AS int[]), cast(:catch_ups AS text[])
        ) AS s (name, every_seconds, lane, kind, max_attempts, catch_up)
    ), due AS (
        SELECT name, present AS slot FROM schedules
        WHERE catch_up = 'once' OR catch_up = 'skip'
            AND now() < present + make_interval(secs => :on_time)
        UNION ALL
        SELECT name, slot FROM schedules CROSS JOIN LATERAL (
            SELECT coalesce((
                SELECT date_bin(every, max(slot), timestamptz 'epoch') + every
                FROM scheduled_slots WHERE name = schedules.name
            ), present) AS first
        ) AS missed CROSS JOIN LATERAL generate_series(
            first, least(present, first + :most * every), every) AS slot
        WHERE catch_up = 'all'
    ), filled AS (
        INSERT INTO scheduled_slots (name, slot) SELECT name, slot FROM due
        ON CONFLICT DO NOTHING
        RETURNING name, slot
    )
    INSERT INTO jobs (lane, kind, args, max_attempts)
    SELECT lane, kind, CASE catch_up WHEN 'all' THEN jsonb_build_object('slot', slot) ELSE '{}' END,
        max_attempts
    FROM schedules JOIN filled USING (name) ORDER BY slot
    RETURNING lane
    """
)
_ON_TIME_SECONDS: Final = 60
# What more than these was missed is made up for by the next look, a second later.
_MOST_AT_ONCE: Final = 999


async def fill_slots(  # noqa: PLR0913 - a schedule has its columns
    transaction: Transaction,
    *,
    names: Sequence[str],
    every_seconds: Sequence[int],
    lanes: Sequence[str],
    kinds: Sequence[str],
    max_attempts: Sequence[int],
    catch_ups: Sequence[str],
) -> None:
    """Fill the slots that are due of each schedule, unless somebody has, and ask for their jobs.

    The schedules are given column by column, as the statement takes them.
    """
    parameters = {
        "names": list(names),
        "every_seconds": list(every_seconds),
        "lanes": list(lanes),
        "kinds": list(kinds),
        "max_attempts": list(max_attempts),
        "catch_ups": list(catch_ups),
        "on_time": _ON_TIME_SECONDS,
        "most": _MOST_AT_ONCE,
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
