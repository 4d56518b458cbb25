"""Claiming in turn: where more is due than can be claimed at once, each organization has its turn.

The oldest job first is fair between jobs, and lets whoever has ten thousand of them keep all others
waiting. Here the organization that has had the fewest of late gives the next one.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
import sqlalchemy as sa

from clientflow_core.domain.jobs import Job
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.jobs import VISIBILITY_SECONDS

_ALL: Final = 64
_FIRST: Final = uuid.UUID(int=0)

# Goes from organization to organization by the index, as far as *all* of them; what PostgreSQL
# has a skip scan for only from version 18 on. Nothing is locked before it is chosen.
_CLAIM: Final = sa.text(
    """
    WITH RECURSIVE ring (organization_id, place) AS (
        (SELECT organization_id, 1 FROM jobs
        WHERE lane = :lane AND dead_at IS NULL AND organization_id > cast(:after AS uuid)
        ORDER BY organization_id LIMIT 1)
        UNION ALL
        SELECT other.organization_id, place + 1 FROM ring CROSS JOIN LATERAL (
            SELECT organization_id FROM jobs
            WHERE lane = :lane AND dead_at IS NULL AND organization_id > ring.organization_id
            ORDER BY organization_id LIMIT 1
        ) AS other WHERE place < :all
    ), due AS (
        SELECT one.id, place, coalesce(had.jobs, 0)
            + row_number() OVER (PARTITION BY ring.organization_id ORDER BY run_at, id) AS turn
        FROM ring LEFT JOIN unnest(cast(:organizations AS uuid[]), cast(:had AS int[]))
            AS had (organization_id, jobs) USING (organization_id)
        CROSS JOIN LATERAL (
            SELECT id, run_at FROM jobs
            WHERE lane = :lane AND organization_id = ring.organization_id AND run_at <= now()
                AND dead_at IS NULL
            ORDER BY run_at, id LIMIT (SELECT 1 + 4 * :most / count(*) FROM ring)
        ) AS one
    ), chosen AS MATERIALIZED (
        SELECT id FROM due ORDER BY turn, place LIMIT :most
    ), locked AS MATERIALIZED (
        SELECT jobs.id FROM jobs JOIN chosen USING (id)
        WHERE run_at <= now() AND dead_at IS NULL FOR UPDATE OF jobs SKIP LOCKED
    ), claimed AS (
        UPDATE jobs SET attempts = attempts + 1, claimed_by = :worker,
            run_at = now() + make_interval(secs => :visibility)
        FROM locked WHERE jobs.id = locked.id
        RETURNING jobs.id, lane, kind, organization_id, args, attempts, max_attempts, claimed_by,
            request_id
    )
    SELECT claimed.*, reached.organization_id AS reached, reached.place
    FROM (SELECT * FROM ring ORDER BY place DESC LIMIT 1) AS reached
        LEFT JOIN claimed ON true
    """
)


@attrs.frozen(kw_only=True)
class Round:
    """What was claimed in turn.

    Attributes:
        jobs: the worker's once the transaction is committed; perhaps none.
        after: the organization behind which the next round begins; None at the first one.
        is_lonely: whether one organization alone has jobs in the lane.
    """

    jobs: Sequence[Job]
    after: uuid.UUID | None
    is_lonely: bool


async def claim_in_turn(  # noqa: PLR0913 - a claim has its terms
    transaction: Transaction,
    *,
    lane: str,
    worker: int,
    most: int,
    had: Mapping[uuid.UUID, int],
    after: uuid.UUID | None,
    visibility_seconds: float = VISIBILITY_SECONDS,
) -> Round:
    """Claim up to *most* due jobs of *lane*, the first from who has had the fewest.

    Jobs of no organization are left to the claim by age.

    Args:
        transaction: of the system.
        lane: where to look.
        worker: the number under which the worker is alive.
        most: 1 or more.
        had: for each organization that has had any of late, how many.
        after: as the round before has said.
        visibility_seconds: as for :func:`claim_jobs`.
    """
    parameters = {
        "lane": lane,
        "worker": worker,
        "most": most,
        "organizations": list(had),
        "had": list(had.values()),
        "after": after or _FIRST,
        "all": _ALL,
        "visibility": visibility_seconds,
    }
    rows = (await transaction.execute(_CLAIM, parameters)).mappings().all()
    jobs = sorted((_job(row) for row in rows if row["id"] is not None), key=lambda job: job.id)
    seen = rows[0]["place"] if rows else 0
    return Round(
        jobs=jobs,
        after=rows[0]["reached"] if seen == _ALL else None,
        is_lonely=seen <= 1 and after is None,
    )


def _job(row: sa.RowMapping) -> Job:
    return Job(**{name: row[name] for name in row if name not in ("reached", "place")})
