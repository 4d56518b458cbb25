"""Jobs that were given up, and what a person has decided about them."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.jobs import MOST_ATTEMPTS

# The count of attempts is part of the fence, and only ever rises.
_REVIVE: Final = sa.text(
    """
    UPDATE jobs SET dead_at = NULL, run_at = now(), max_attempts = attempts + :more
    WHERE id = ANY (cast(:ids AS bigint[])) AND dead_at IS NOT NULL
    RETURNING id, lane
    """
)
_DISCARD: Final = sa.text(
    "DELETE FROM jobs WHERE id = ANY (cast(:ids AS bigint[])) AND dead_at IS NOT NULL RETURNING id"
)


async def revive_jobs(transaction: Transaction, ids: Sequence[int]) -> frozenset[int]:
    """Make those of the jobs that were given up due, as if they were new; give which they were."""
    rows = (await transaction.execute(_REVIVE, {"ids": list(ids), "more": MOST_ATTEMPTS})).all()
    for row in rows:
        transaction.wake(row.lane)
    return frozenset(row.id for row in rows)


async def discard_jobs(transaction: Transaction, ids: Sequence[int]) -> frozenset[int]:
    """Remove those of the jobs that were given up; give which they were."""
    return frozenset((await transaction.execute(_DISCARD, {"ids": list(ids)})).scalars())
