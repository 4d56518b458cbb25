"""Upkeep: what is kept for a time only goes when that is over."""

from typing import Final

from clientflow_core.domain.jobs import UPKEEP, Job
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.expiry import purge
from clientflow_core.persistence.repositories.jobs import enqueue

PURGE_EXPIRED: Final = Schedule(
    name="purge_expired", every_seconds=3_600, lane=UPKEEP, kind="purge_expired"
)

# So many that an hour's usual share goes at once, so few that the statement ends in a second or so.
_MOST: Final = 20_000


async def purge_expired(transaction: Transaction, job: Job) -> None:
    """Remove what has expired; what is left after a good part of it is for a job of its own."""
    removed = await purge(transaction, most=_MOST)
    if removed >= _MOST:
        await enqueue(transaction, lane=job.lane, kind=job.kind, args={})
