"""Upkeep: what is kept for a time only goes when that is over."""

from typing import Final

from clientflow_core.domain.jobs import UPKEEP, Job
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.expiry import Periods, purge
from clientflow_core.persistence.repositories.jobs import enqueue

PURGE_EXPIRED: Final = Schedule(
    name="purge_expired", every_seconds=3_600, lane=UPKEEP, kind="purge_expired"
)

# So many that an hour's usual share goes at once, so few that the statement ends in a second or so.
_MOST: Final = 20_000
_KINDS: Final = "kinds"


async def purge_expired(transaction: Transaction, job: Job, *, periods: Periods) -> None:
    """Remove what has expired; what is left of a kind after a good part is for a job of its own.

    Args:
        transaction: of any scope.
        job: names the kinds of rows that it is about; without any it is about all.
        periods: how long each kind is kept.
    """
    wanted = job.args.get(_KINDS, list(periods))
    chosen = {kind: periods[kind] for kind in wanted if kind in periods}
    removed = await purge(transaction, chosen, most=_MOST)
    unfinished = [kind for kind, count in removed.items() if count >= _MOST]
    if unfinished:
        await enqueue(transaction, lane=job.lane, kind=job.kind, args={_KINDS: unfinished})
