"""The job rows: made with their cause, claimed in batches, finished behind a fence.

The fence is ``claimed_by`` and ``attempts``: whoever was given up for dead and comes back finds no
row to finish, and its transaction is rolled back with everything in it.
"""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
import structlog

from clientflow_core.domain.jobs import Job
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import jobs

LIVENESS_LOCKS: Final = 0x636C69
"""The first key of the advisory locks that say which workers live; the second is their number."""

VISIBILITY_SECONDS: Final = 60.0
"""After this long without an extension a claimed row is claimed again, whatever the locks say."""

MOST_ATTEMPTS: Final = 14
"""After so many a job is a dead letter, unless it was asked for otherwise."""

# Each of these skips what somebody has locked: a row is locked by its own run only, and whoever
# waited for that would be late for everything else. MATERIALIZED keeps PostgreSQL from running the
# inner statement, and with it its LIMIT, more than once.
_CLAIM: Final = sa.text(
    """
    WITH due AS MATERIALIZED (
        SELECT id FROM jobs
        WHERE lane = :lane AND run_at <= now() AND dead_at IS NULL
        ORDER BY run_at, id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs SET attempts = attempts + 1, claimed_by = :worker,
        run_at = now() + make_interval(secs => :visibility)
    FROM due WHERE jobs.id = due.id
    RETURNING jobs.id, lane, kind, organization_id, args, attempts, max_attempts, claimed_by,
        request_id
    """
)
_FINISH: Final = sa.text(
    """
    DELETE FROM jobs
    USING unnest(cast(:ids AS bigint[]), cast(:attempts AS int[])) AS done (id, attempts)
    WHERE jobs.id = done.id AND jobs.attempts = done.attempts AND claimed_by = :worker
        AND dead_at IS NULL
    """
)
_HOLD: Final = sa.text(
    "SELECT 1 FROM jobs WHERE id = :id AND claimed_by = :worker AND attempts = :attempts"
    " AND dead_at IS NULL FOR SHARE"
)
_PUT_BACK: Final = sa.text(
    """
    UPDATE jobs SET claimed_by = NULL, last_error = :error,
        run_at = now() + make_interval(secs => :delay), max_attempts = max_attempts + :more
    WHERE id = :id AND claimed_by = :worker AND attempts = :attempts AND dead_at IS NULL
    """
)
_MARK: Final = sa.text(
    """
    UPDATE jobs SET args = args || jsonb_build_object(cast(:mark AS text), true)
    WHERE id = :id AND claimed_by = :worker AND attempts = :attempts AND dead_at IS NULL
    """
)
_NOTE_BEGUN: Final = sa.text(
    """
    UPDATE jobs SET last_error = :begun
    WHERE id = :id AND claimed_by = :worker AND attempts = :attempts AND dead_at IS NULL
    """
)
_BURY: Final = sa.text(
    """
    UPDATE jobs SET claimed_by = NULL, last_error = :error, dead_at = now()
    WHERE id = :id AND claimed_by = :worker AND attempts = :attempts AND dead_at IS NULL
    """
)
_EXTEND: Final = sa.text(
    """
    WITH running AS MATERIALIZED (
        SELECT jobs.id FROM jobs
        JOIN unnest(cast(:ids AS bigint[]), cast(:attempts AS int[])) AS run (id, attempts)
            ON jobs.id = run.id AND jobs.attempts = run.attempts
        WHERE claimed_by = :worker AND dead_at IS NULL
            AND run_at < now() + make_interval(secs => :visibility / 2.0)
        FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE jobs SET run_at = now() + make_interval(secs => :visibility)
    FROM running WHERE jobs.id = running.id
    """
)
# pg_locks shows the two keys of an advisory lock as classid and objid, with objsubid 2.
# One that was running is perhaps what has ended its worker: it comes back a little later, each at a
# time of its own, or those that are begun with it would die with it each time. One that was merely
# claimed has lost nothing, not even one of its attempts. Of a first attempt nobody knows which it
# was, since those are begun together.
_FREE_ORPHANS: Final = sa.text(
    """
    WITH orphans AS MATERIALIZED (
        SELECT id, last_error IS NOT DISTINCT FROM :begun AS was_running FROM jobs
        WHERE claimed_by IS NOT NULL AND dead_at IS NULL AND claimed_by NOT IN (
            SELECT objid::int FROM pg_locks
            WHERE locktype = 'advisory' AND classid = :locks AND objsubid = 2 AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        )
        FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs SET claimed_by = NULL,
        run_at = now() + make_interval(
            secs => CASE WHEN was_running THEN random() * attempts * :spread ELSE 0 END),
        last_error = CASE WHEN was_running THEN :died ELSE last_error END,
        max_attempts = max_attempts + CASE WHEN was_running OR attempts = 1 THEN 0 ELSE 1 END
    FROM orphans WHERE jobs.id = orphans.id
    """
)
_RELEASE: Final = sa.text(
    """
    WITH held AS MATERIALIZED (
        SELECT id FROM jobs WHERE claimed_by = :worker AND dead_at IS NULL FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs SET claimed_by = NULL, run_at = now() FROM held WHERE jobs.id = held.id
    """
)
_IS_ASKED_FOR: Final = sa.text(
    """
    SELECT EXISTS (
        SELECT 1 FROM jobs WHERE kind = :kind AND dead_at IS NULL AND args @> cast(:args AS jsonb))
    """
)
_SPREAD_SECONDS: Final = 5
_BEGUN: Final = "begun_again"
_DIED: Final = "worker_died"


async def enqueue(
    transaction: Transaction,
    *,
    lane: str,
    kind: str,
    args: Mapping[str, Any],
    delay_seconds: float = 0,
    max_attempts: int = MOST_ATTEMPTS,
) -> None:
    """Ask for work; it exists if the transaction commits, and its lane is woken then.

    It carries on the request id of whoever asks, for the log.
    """
    statement = jobs.insert().values(
        lane=lane,
        kind=kind,
        organization_id=transaction.organization_id,
        args=dict(args),
        max_attempts=max_attempts,
        request_id=structlog.contextvars.get_contextvars().get("request_id"),
        run_at=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, delay_seconds),
    )
    await transaction.execute(statement)
    if not delay_seconds:
        transaction.wake(lane)


async def is_asked_for(transaction: Transaction, kind: str, args: Mapping[str, Any]) -> bool:
    """Tell whether a job of *kind*, with at least these *args*, waits or is under way."""
    parameters = {"kind": kind, "args": json.dumps(args)}
    return bool(await transaction.scalar(_IS_ASKED_FOR, parameters))


async def claim_jobs(
    transaction: Transaction,
    *,
    lane: str,
    worker: int,
    most: int,
    visibility_seconds: float = VISIBILITY_SECONDS,
) -> Sequence[Job]:
    """Claim up to *most* due jobs of *lane*, the longest due first; their attempt counts from now.

    Args:
        transaction: of the system; the jobs are the worker's once it is committed.
        lane: where to look.
        worker: the number under which the worker is alive.
        most: 1 or more.
        visibility_seconds: when others may claim them, unless :func:`extend_claims` says later.
    """
    parameters = {"lane": lane, "worker": worker, "most": most, "visibility": visibility_seconds}
    rows = await transaction.execute(_CLAIM, parameters)
    return sorted((Job(**row) for row in rows.mappings()), key=lambda job: job.id)


async def finish_jobs(transaction: Transaction, done: Sequence[Job]) -> bool:
    """Remove the rows of *done*, all of one worker; False if one of them was no longer ours."""
    parameters = {
        "ids": [job.id for job in done],
        "attempts": [job.attempts for job in done],
        "worker": done[0].claimed_by,
    }
    result = await transaction.execute(_FINISH, parameters)
    return result.rowcount == len(done)


async def hold_job(transaction: Transaction, job: Job) -> bool:
    """Keep others from claiming *job* until the transaction ends; False if they already have."""
    row = await transaction.execute(_HOLD, _fence(job))
    return row.scalar() is not None


async def put_back(
    transaction: Transaction,
    job: Job,
    *,
    delay_seconds: float,
    error: str,
    is_attempt: bool = True,
) -> bool:
    """Make *job* due again in *delay_seconds*; False if it was no longer ours.

    A run that was no attempt is made up for by one more that it may have. (The count itself is part
    of the fence, and only ever rises.)
    """
    more = 0 if is_attempt else 1
    parameters = {**_fence(job), "delay": delay_seconds, "error": error, "more": more}
    return (await transaction.execute(_PUT_BACK, parameters)).rowcount == 1


async def mark_job(transaction: Transaction, job: Job, mark: str) -> bool:
    """Note in the arguments of *job* that a part of it is done; False if it was no longer ours."""
    return (await transaction.execute(_MARK, {**_fence(job), "mark": mark})).rowcount == 1


async def note_begun(transaction: Transaction, job: Job) -> bool:
    """Note that *job*, which was begun before, is begun again; False if it was no longer ours.

    Whoever finds the note when the worker is gone knows that it was not merely claimed.
    """
    result = await transaction.execute(_NOTE_BEGUN, {**_fence(job), "begun": _BEGUN})
    return result.rowcount == 1


async def bury(transaction: Transaction, job: Job, *, error: str) -> bool:
    """Make *job* a dead letter: kept, shown, not run again; False if it was no longer ours."""
    return (await transaction.execute(_BURY, {**_fence(job), "error": error})).rowcount == 1


async def extend_claims(
    transaction: Transaction,
    running: Sequence[Job],
    *,
    worker: int,
    visibility_seconds: float = VISIBILITY_SECONDS,
) -> None:
    """Keep the jobs *running* at *worker* invisible to others for another while."""
    parameters = {
        "ids": [job.id for job in running],
        "attempts": [job.attempts for job in running],
        "worker": worker,
        "visibility": visibility_seconds,
    }
    await transaction.execute(_EXTEND, parameters)


async def free_orphans(transaction: Transaction) -> int:
    """Make the jobs of workers that are gone due at once; give how many there were.

    One that was running when its worker died, and not for the first time, is due a little later.
    """
    parameters = {
        "locks": LIVENESS_LOCKS,
        "spread": _SPREAD_SECONDS,
        "begun": _BEGUN,
        "died": _DIED,
    }
    return (await transaction.execute(_FREE_ORPHANS, parameters)).rowcount


async def release_claims(transaction: Transaction, *, worker: int) -> None:
    """Make everything that *worker* still holds due at once; its last act."""
    await transaction.execute(_RELEASE, {"worker": worker})


async def list_jobs(transaction: Transaction, *, most: int) -> Sequence[Mapping[str, Any]]:
    """List jobs for an operator, save those that were discarded, the longest due first."""
    columns = [jobs.c[name] for name in _LISTED]
    statement = sa.select(*columns).where(jobs.c.discarded_at.is_(None))
    rows = await transaction.execute(statement.order_by(jobs.c.run_at, jobs.c.id).limit(most))
    return [dict(row) for row in rows.mappings()]


async def list_jobs_of_events(
    transaction: Transaction, event_ids: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, Mapping[str, Any]]:
    """Read the job of each inbound event that still has one.

    Beside what :func:`list_jobs` gives, *is_put_off* tells whether it waits for another try.
    """
    event_id = jobs.c.args["event_id"].astext
    is_put_off = (
        jobs.c.dead_at.is_(None) & jobs.c.claimed_by.is_(None) & (jobs.c.run_at > sa.func.now())
    )
    statement = sa.select(
        event_id.label("event_id"),
        is_put_off.label("is_put_off"),
        *(jobs.c[name] for name in _LISTED),
    ).where(
        jobs.c.kind == "handle_inbound_event",
        event_id == sa.func.any(sa.cast([str(one) for one in event_ids], sa.ARRAY(sa.Text))),
    )
    rows = await transaction.execute(statement)
    return {uuid.UUID(row["event_id"]): dict(row) for row in rows.mappings()}


_LISTED: Final = (
    "id",
    "lane",
    "kind",
    "organization_id",
    "run_at",
    "attempts",
    "max_attempts",
    "claimed_by",
    "last_error",
    "dead_at",
)


def _fence(job: Job) -> dict[str, uuid.UUID | int]:
    return {"id": job.id, "worker": job.claimed_by, "attempts": job.attempts}
