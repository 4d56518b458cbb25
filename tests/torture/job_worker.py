"""A worker with jobs of a session's own, as a process; what they do is counted in a table.

Its settings: DATABASE_URL; TORTURE_EVERY_SECONDS, of the schedule that it ticks, if any; and
TORTURE_IS_MENDED, with which the jobs that are poison do what others do.
"""

import asyncio
import os
import signal
from typing import Final

import sqlalchemy as sa
import structlog

from clientflow_core.domain.jobs import Job
from clientflow_core.jobs.handlers import DatabaseJob, Handler, JobRun, ProviderJob
from clientflow_core.jobs.liveness import Liveness
from clientflow_core.jobs.runner import JobRunner
from clientflow_core.jobs.schedules import CatchUp, Schedule
from clientflow_core.jobs.wake_queue import open_wake_queue
from clientflow_core.jobs.worker import JobWorker
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.server import connection_string, parse_url
from clientflow_core.secret import Secret
from clientflow_host.logs import configure_logs

LANE: Final = "torture"
AT_WORK: Final = "torture_worker_at_work"
"""What a worker says in its log once it is."""

SLOT: Final = "torture_slot"
TABLE: Final = """
    CREATE TABLE effects (
        job_id bigint NOT NULL, name text NOT NULL, attempts int NOT NULL,
        asked_at timestamptz, done_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    GRANT SELECT, INSERT ON effects TO PUBLIC;
"""
"""Without anything unique, so that a double can be seen."""

_EFFECT: Final = sa.text(
    "INSERT INTO effects (job_id, name, attempts, asked_at)"
    " SELECT id, :name, :attempts, coalesce(to_timestamp(cast(:asked AS float8)), created_at)"
    " FROM jobs WHERE id = :id"
)
_SLOTS: Final = 20
_HANG_SECONDS: Final = 2.0
_IS_MENDED: Final = bool(os.environ.get("TORTURE_IS_MENDED"))


async def note(transaction: Transaction, job: Job) -> None:
    """Have an effect."""
    name = job.args.get("name") or job.args["slot"]
    values = {"id": job.id, "attempts": job.attempts, "asked": job.args.get("asked")}
    await transaction.execute(_EFFECT, {**values, "name": name})


async def fail(transaction: Transaction, job: Job) -> None:
    """Raise, until it is mended."""
    if not _IS_MENDED:
        msg = "this job is poison"
        raise ValueError(msg)
    await note(transaction, job)


async def leave(transaction: Transaction, job: Job) -> None:
    """End the process, until it is mended."""
    if not _IS_MENDED:
        os._exit(137)
    await note(transaction, job)


async def hang(run: JobRun) -> None:
    """Never come back, until it is mended."""
    if not _IS_MENDED:
        await asyncio.Event().wait()
    async with run.last_transaction() as transaction:
        await note(transaction, run.job)


HANDLERS: Final[dict[str, Handler]] = {
    "note": DatabaseJob(handle=note),
    SLOT: DatabaseJob(handle=note),
    "fail": DatabaseJob(handle=fail),
    "leave": DatabaseJob(handle=leave),
    "hang": ProviderJob(handle=hang, deadline_seconds=_HANG_SECONDS),
}


async def main() -> None:
    """Work until SIGTERM."""
    # As the service does: a traceback with all that there is of it takes half a second.
    configure_logs("info")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    url = parse_url(Secret(os.environ["DATABASE_URL"]), env="DATABASE_URL")
    database = Database(url, pool_size=5)
    every = int(os.environ.get("TORTURE_EVERY_SECONDS", "0"))
    schedule = Schedule(
        name=SLOT, every_seconds=every or 1, lane=LANE, kind=SLOT, catch_up=CatchUp.ALL
    )
    runner = JobRunner(
        database,
        Liveness(connection_string(url)),
        handlers=HANDLERS,
        lanes={LANE: _SLOTS},
        schedules=[schedule] if every else [],
    )
    queue = open_wake_queue(connection_string(url))
    await queue.connect()
    worker = JobWorker(runner, queue)
    await worker.start()
    structlog.get_logger().info(AT_WORK)
    await stop.wait()
    await worker.stop(grace_seconds=5)
    await queue.disconnect()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
