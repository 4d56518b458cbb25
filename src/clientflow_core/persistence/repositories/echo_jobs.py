"""Jobs that do nothing, by which one sees that jobs are done."""

from typing import Final

import sqlalchemy as sa

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import jobs

_WITHDRAW: Final = sa.text("DELETE FROM jobs WHERE id = :id AND kind = :kind")


async def add_echo_job(transaction: Transaction, *, lane: str, kind: str) -> int:
    """Ask for a job of *kind*, which is tried once; give its id."""
    statement = jobs.insert().values(lane=lane, kind=kind, args={}, max_attempts=1)
    transaction.wake(lane)
    return int(await transaction.scalar(statement.returning(jobs.c.id)))


async def is_job_there(transaction: Transaction, job_id: int) -> bool:
    """Tell whether a job is still to be done."""
    statement = sa.select(sa.exists().where(jobs.c.id == job_id))
    return bool(await transaction.scalar(statement))


async def withdraw_job(transaction: Transaction, job_id: int, *, kind: str) -> None:
    """Take back a job, in case that it is still there."""
    await transaction.execute(_WITHDRAW, {"id": job_id, "kind": kind})
