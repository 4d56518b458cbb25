"""A worker as a process of its own, for tests that kill it.

Its one argument is its visibility in seconds; the address of the database comes in DATABASE_URL,
that of Redis, which then wakes it, in REDIS_URL.
It says its number once it is at work.
"""

import asyncio
import os
import random
import signal
import sys

import sqlalchemy as sa

from clientflow_core.domain.jobs import Job
from clientflow_core.jobs.handlers import DatabaseJob, JobRun, ProviderJob
from clientflow_core.jobs.liveness import Liveness
from clientflow_core.jobs.runner import JobRunner
from clientflow_core.jobs.wake_queue import open_wake_queue
from clientflow_core.jobs.worker import JobWorker
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.server import connection_string, parse_url
from clientflow_core.secret import Secret

NOTE = sa.text("INSERT INTO effects (job_id, note) VALUES (:id, :worker)")


async def note(transaction: Transaction, job: Job) -> None:
    """Have an effect, with something left to do after it."""
    await transaction.execute(NOTE, {"id": job.id, "worker": str(job.claimed_by)})
    await asyncio.sleep(random.uniform(0, 0.04))


async def call(run: JobRun) -> None:
    """Be away for as long as a provider takes, then have an effect."""
    async with run.transaction():
        pass
    await asyncio.sleep(run.job.args["seconds"] * random.uniform(0.5, 1.5))
    async with run.last_transaction() as transaction:
        await note(transaction, run.job)


async def main() -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    url = parse_url(Secret(os.environ["DATABASE_URL"]), env="DATABASE_URL")
    database = Database(url, pool_size=5)
    liveness = Liveness(connection_string(url))
    runner = JobRunner(
        database,
        liveness,
        handlers={"note": DatabaseJob(handle=note), "call": ProviderJob(handle=call)},
        lanes={"tests": 4},
        visibility_seconds=float(sys.argv[1]),
    )
    redis = os.environ.get("REDIS_URL")
    queue = open_wake_queue(connection_string(url), redis_url=Secret(redis) if redis else None)
    worker = JobWorker(runner, queue) if redis else runner
    if redis:
        await queue.connect()
    await worker.start()
    sys.stdout.write(f"{liveness.worker}\n")
    sys.stdout.flush()
    await stop.wait()
    await worker.stop(grace_seconds=5)
    if redis:
        await queue.disconnect()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
