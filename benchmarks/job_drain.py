"""One process that works off jobs which do nothing: ``python -m benchmarks.job_drain WAY COUNT``.

The addresses come in DATABASE_URL and REDIS_URL. It prints how many seconds it took, from the
beginning of the worker to the end of the last job, and how much of a processor.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs
import structlog
from redis.asyncio import Redis
from saq import Worker
from saq.queue import Queue
from saq.queue.postgres import PostgresQueue
from saq.queue.redis import RedisQueue

from clientflow_core.domain.jobs import Job
from clientflow_core.jobs.handlers import DatabaseJob
from clientflow_core.jobs.liveness import Liveness
from clientflow_core.jobs.runner import JobRunner
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.server import connection_string, parse_url
from clientflow_core.secret import Secret

OURS: Final = "ours"
SAQ_POSTGRES: Final = "saq-postgres"
SAQ_REDIS: Final = "saq-redis"
LANE: Final = "bench"
_AT_ONCE: Final = 50


@attrs.define(eq=False)
class Counter:
    """Counts jobs that have ended.

    Attributes:
        wanted: of them.
        is_over: set when so many have.
    """

    wanted: int
    done: int = 0
    is_over: asyncio.Event = attrs.field(factory=asyncio.Event)

    def add(self) -> None:
        """Count one more."""
        self.done += 1
        if self.done >= self.wanted:
            self.is_over.set()


async def drain_ours(counter: Counter) -> float:
    """Work off the rows that are there already; give when it began."""
    url = parse_url(Secret(os.environ["DATABASE_URL"]), env="DATABASE_URL")
    database = Database(url, pool_size=10)

    async def do_nothing(_: Transaction, __: Job) -> None:
        """Do nothing: what is counted is the end of the job, by the meter."""

    runner = JobRunner(
        database,
        Liveness(connection_string(url)),
        handlers={"nothing": DatabaseJob(handle=do_nothing)},
        lanes={LANE: 4 * _AT_ONCE},
        meter=_Meter(counter),
    )
    began = time.perf_counter()
    await runner.start()
    await counter.is_over.wait()
    await runner.stop(grace_seconds=5)
    await database.close()
    return began


@attrs.frozen
class _Meter:
    counter: Counter

    def record_job(self, _: str, outcome: str) -> None:
        """Count a job that is done, and durably so."""
        if outcome != "done":
            msg = f"a job that does nothing has ended as {outcome!r}"
            raise RuntimeError(msg)
        self.counter.add()


async def drain_saq(queue: Queue, counter: Counter) -> float:
    """Put the jobs into SAQ's queue, then work them off by its worker; give when that began."""

    async def nothing(_: Mapping[str, Any]) -> None:
        """Do nothing."""

    async def note_end(_: Mapping[str, Any]) -> None:
        counter.add()

    await queue.connect()
    for _ in range(0, counter.wanted, _AT_ONCE):
        # Forgotten as soon as they are done, as ours are.
        await asyncio.gather(*(queue.enqueue("nothing", ttl=-1) for _ in range(_AT_ONCE)))
    worker: Worker[Any] = Worker(
        queue, [("nothing", nothing)], concurrency=_AT_ONCE, after_process=note_end
    )
    worker.SIGNALS = []
    began = time.perf_counter()
    working = asyncio.create_task(worker.start())
    await counter.is_over.wait()
    # SAQ's worker tells that a job is over before it has written so.
    while await queue.count("incomplete"):  # noqa: ASYNC110 - it has no event for that
        await asyncio.sleep(0.001)
    working.cancel()
    await asyncio.wait([working])
    await queue.disconnect()
    return began


def _postgres() -> Queue:
    return PostgresQueue.from_url(os.environ["DATABASE_URL"], name=LANE)


def _redis() -> Queue:
    return RedisQueue(Redis.from_url(os.environ["REDIS_URL"]), name=LANE)


_WAYS: Final[Mapping[str, Callable[[Counter], Awaitable[float]]]] = {
    OURS: drain_ours,
    SAQ_POSTGRES: lambda counter: drain_saq(_postgres(), counter),
    SAQ_REDIS: lambda counter: drain_saq(_redis(), counter),
}


async def main() -> None:
    """Drain, and print what it took."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    way, count = sys.argv[1], int(sys.argv[2])
    cpu = time.process_time()
    began = await _WAYS[way](Counter(count))
    sys.stdout.write(f"{time.perf_counter() - began} {time.process_time() - cpu}\n")


if __name__ == "__main__":
    asyncio.run(main())
