"""How far behind the lanes are: what is read each time that somebody takes the metrics."""

from collections.abc import Sequence
from typing import Final

import attrs
import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.jobs import LIVENESS_LOCKS

MOST_DEAD: Final = 10_000
"""More dead jobs of a lane than this are not counted."""

# Each lane takes two looks into an index. A claimed job is due again only later.
_READ: Final = sa.text(
    """
    SELECT lane, greatest(0, coalesce((
            SELECT extract(epoch FROM now() - run_at) FROM jobs
            WHERE jobs.lane = wanted.lane AND run_at <= now() AND dead_at IS NULL
            ORDER BY run_at, id LIMIT 1), 0))::float8 AS lag_seconds,
        (SELECT count(*) FROM (
            SELECT 1 FROM jobs WHERE jobs.lane = wanted.lane AND dead_at IS NOT NULL
                AND discarded_at IS NULL
            LIMIT :most_dead) AS dead) AS dead,
        EXISTS (
            SELECT 1 FROM pg_locks
            WHERE locktype = 'advisory' AND classid = :locks AND objsubid = 2 AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        ) AS has_worker
    FROM unnest(cast(:lanes AS text[])) AS wanted (lane)
    """
)


@attrs.frozen(kw_only=True)
class LaneState:
    """How a lane is.

    Attributes:
        lag_seconds: for how long its oldest job has been due and was not begun.
        dead: how many of its jobs were given up, :data:`MOST_DEAD` at the most.
        has_worker: whether any worker is there; the same for all lanes.
    """

    lane: str
    lag_seconds: float
    dead: int
    has_worker: bool


async def read_lanes(transaction: Transaction, lanes: Sequence[str]) -> Sequence[LaneState]:
    """Read how each of *lanes* is."""
    parameters = {"lanes": list(lanes), "most_dead": MOST_DEAD, "locks": LIVENESS_LOCKS}
    rows = await transaction.execute(_READ, parameters)
    return [LaneState(**row) for row in rows.mappings()]
