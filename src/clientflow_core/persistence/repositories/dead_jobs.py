"""Jobs as people see them, above all those that were given up, and what was decided about them."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
import sqlalchemy as sa

from clientflow_core.domain.dead_jobs import DeadJobFilter, JobRecord
from clientflow_core.errors import NotFound
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.jobs import MOST_ATTEMPTS
from clientflow_core.persistence.tables import jobs

# The count of attempts is part of the fence, and only ever rises.
_REVIVE: Final = sa.text(
    """
    UPDATE jobs SET dead_at = NULL, run_at = now(), max_attempts = attempts + :more
    WHERE id = :id AND dead_at IS NOT NULL AND discarded_at IS NULL RETURNING lane
    """
)
_DISCARD: Final = sa.text(
    """
    UPDATE jobs SET discarded_at = now(), discarded_by = :by, discard_reason = :reason,
        dead_at = coalesce(dead_at, now())
    WHERE id = :id AND claimed_by IS NULL AND discarded_at IS NULL
    """
)
_DISCARD_DELIVERY: Final = sa.text(
    """
    UPDATE jobs SET discarded_at = now(), discarded_by = :by, discard_reason = :reason
    WHERE organization_id = :organization_id AND kind = :kind
        AND args ->> 'message_id' = :message_id AND dead_at IS NOT NULL AND discarded_at IS NULL
    """
)
# Ids are numbers of eight bytes.
_TOO_LARGE: Final = 2**63
_COLUMNS: Final = tuple(jobs.c[field.name] for field in attrs.fields(JobRecord))


async def list_dead_jobs(
    transaction: Transaction, which: DeadJobFilter, *, before: int | None = None, most: int
) -> Sequence[JobRecord]:
    """List jobs that were given up, the newest first.

    Args:
        transaction: of any scope: the table is the system's, so *which* must name an organization
            where only its own are to be seen.
        which: all that are listed.
        before: only those with a smaller id, for the next page.
        most: 1 or more.
    """
    statement = sa.select(*_COLUMNS).where(*_rule(which)).order_by(jobs.c.id.desc()).limit(most)
    if before is not None:
        statement = statement.where(jobs.c.id < min(before, _TOO_LARGE - 1))
    rows = await transaction.execute(statement)
    return [JobRecord(**row) for row in rows.mappings()]


async def read_job(
    transaction: Transaction,
    job_id: int,
    *,
    organization_id: uuid.UUID | None = None,
    is_locked: bool = False,
) -> JobRecord:
    """Read a job that is not done.

    Args:
        transaction: of any scope.
        job_id: names it.
        organization_id: whose it must be; None for anybody's.
        is_locked: keeps others from deciding about it until the transaction ends.

    Raises:
        NotFound: there is none; perhaps it is done.
    """
    statement = sa.select(*_COLUMNS).where(jobs.c.id == job_id)
    if organization_id is not None:
        statement = statement.where(jobs.c.organization_id == organization_id)
    if is_locked:
        statement = statement.with_for_update()
    is_one = 0 < job_id < _TOO_LARGE
    row = (await transaction.execute(statement)).mappings().one_or_none() if is_one else None
    if row is None:
        msg = "there is no such job; it may be done"
        raise NotFound(msg)
    return JobRecord(**row)


async def count_dead_jobs(transaction: Transaction, which: DeadJobFilter) -> Mapping[str, int]:
    """Count the jobs that were given up, for each kind that there is; the most first."""
    count = sa.func.count().label("number")
    statement = sa.select(jobs.c.kind, count).where(*_rule(which)).group_by(jobs.c.kind)
    rows = await transaction.execute(statement.order_by(count.desc(), jobs.c.kind))
    return {str(row["kind"]): int(row["number"]) for row in rows.mappings()}


async def revive_job(transaction: Transaction, job_id: int) -> bool:
    """Make a job that was given up due, as if it were new; False if there is no such."""
    row = (await transaction.execute(_REVIVE, {"id": job_id, "more": MOST_ATTEMPTS})).one_or_none()
    if row is None:
        return False
    transaction.wake(row.lane)
    return True


async def mark_discarded(transaction: Transaction, job_id: int, *, by: str, reason: str) -> bool:
    """Write down that nobody needs a job; False if a worker has it, or somebody has already."""
    parameters = {"id": job_id, "by": by, "reason": reason}
    return (await transaction.execute(_DISCARD, parameters)).rowcount == 1


async def mark_delivery_discarded(
    transaction: Transaction, message_id: uuid.UUID, *, kind: str, by: str, reason: str
) -> None:
    """Write down that the job that was to deliver a message is needed no more, if it was given up.

    Args:
        transaction: of the message's organization.
        message_id: names the message.
        kind: of such jobs.
        by: who says so.
        reason: why.
    """
    parameters = {
        "organization_id": transaction.scope,
        "message_id": str(message_id),
        "kind": kind,
        "by": by,
        "reason": reason,
    }
    await transaction.execute(_DISCARD_DELIVERY, parameters)


def _rule(which: DeadJobFilter) -> list[sa.ColumnElement[bool]]:
    wanted = {
        jobs.c.kind: which.kind,
        jobs.c.lane: which.lane,
        jobs.c.last_error: which.error,
        jobs.c.organization_id: which.organization_id,
    }
    discarded = jobs.c.discarded_at
    return [
        jobs.c.dead_at.is_not(None),
        discarded.is_not(None) if which.is_discarded else discarded.is_(None),
        *(column == value for column, value in wanted.items() if value is not None),
    ]
