"""R13: jobs that raise, end their process or never come back, among many good ones.

The good ones are asked for at a steady pace: without any poison; then with some that raises or
hangs; then with some that ends its process, too. How long each waits for its effect is compared.
Poison that leaves its process alive must hold up nobody. What ends it takes as long as a process
takes to start from whoever is served by that; so it is told for how long there was no worker at
all. All poison must end as dead letters, and must be done once the code is mended and they are
repeated.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Final

import psycopg

from clientflow_core.jobs.carrier import SaqCarrier
from clientflow_core.jobs.wake_queue import open_wake_queue
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.dead_jobs import revive_job
from clientflow_core.persistence.repositories.jobs import LIVENESS_LOCKS, MOST_ATTEMPTS, enqueue
from clientflow_core.persistence.server import connection_string, parse_url
from tests.torture.job_worker import LANE
from tests.torture.job_workers import JobWorkers, job_workers
from tests.torture.report import Options, Result, say

_WORKERS: Final = 2
_SHARE: Final = 0.01
# Of each part: what poison there is, and under which name its time is told.
_PARTS: Final = {
    "clean": ((), "seconds until a good job is done, p95"),
    "raising": (("fail", "hang"), "the same among poison that raises or hangs"),
    "ending": (("fail", "leave", "hang"), "the same among poison that also ends its process"),
}
# The goal is a fifth; the rest is for what else this machine does.
_MOST_MORE: Final = 1.2
_LEEWAY_SECONDS: Final = 0.05
# As many as all jobs have would take days.
_MOST_ATTEMPTS: Final = 3
_RATE: Final = 50.0
_BATCH: Final = 5
_WAIT: Final = """
    SELECT coalesce(percentile_cont(0.95) WITHIN GROUP
        (ORDER BY extract(epoch FROM done_at - asked_at)), 0) FROM effects WHERE name LIKE %s
"""
_ALIVE: Final = "SELECT count(*) FROM pg_locks WHERE classid = %s AND granted"
_SETTLED: Final = "SELECT count(*) FROM jobs WHERE dead_at IS NULL"
# The second attempt is 5 s after the first, the third 30 s after that.
_SETTLE_SECONDS: Final = 180.0
_LOOK_SECONDS: Final = 0.02


async def run(options: Options) -> Result:
    """Do ``n`` jobs without poison, ``n`` with such as raises or hangs, and ``n`` with any."""
    result = Result.begin("poison", "R13", options)
    chance = options.chance("poison")
    asked: list[str] = []
    with job_workers(_WORKERS) as workers:
        workers.start()
        await workers.until(
            lambda: workers.count(_ALIVE, LIVENESS_LOCKS) == _WORKERS,
            what="all workers are there",
            seconds=60,
        )
        async with asking(workers) as database, watched(workers, result):
            for part, (poisons, _) in _PARTS.items():
                kinds = _kinds(options.n, poisons, chance)
                asked += kinds
                await ask(database, kinds, part)
        poison = sum(kind != "note" for kind in asked)
        say(f"all are asked for; {poison} of them are poison")
        await workers.until(
            lambda: not workers.count(_SETTLED), what="all is settled", seconds=_SETTLE_SECONDS
        )
        await judge(workers, result, asked)
        compare(workers, result)
        await mend(workers, result, poison=poison)
    return result


def _kinds(count: int, poisons: Sequence[str], chance: random.Random) -> list[str]:
    kinds = [
        chance.choice(poisons) if poisons and chance.random() < _SHARE else "note"
        for _ in range(count)
    ]
    # At least one of each, however few there are.
    for place, poison in zip(chance.sample(range(count), len(poisons)), poisons, strict=True):
        kinds[place] = poison
    return kinds


@contextlib.asynccontextmanager
async def asking(workers: JobWorkers) -> AsyncIterator[Database]:
    """Give a database that wakes the workers after each commit, as that of the service does."""
    url = parse_url(workers.postgres.addresses.application, env="torture")
    queue = open_wake_queue(connection_string(url))
    await queue.connect()
    carrier = SaqCarrier(queue)
    database = Database(url, wake=carrier.wake, pool_size=2)
    try:
        yield database
    finally:
        await carrier.close()
        await queue.disconnect()
        await database.close()


@contextlib.asynccontextmanager
async def watched(workers: JobWorkers, result: Result) -> AsyncIterator[None]:
    """Start workers that have died at once, as what supervises them does, while the block runs."""
    watching = asyncio.create_task(_watch(workers, result))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def _watch(workers: JobWorkers, result: Result) -> None:
    url = workers.postgres.superuser.reveal()
    none_seconds, last = 0.0, time.monotonic()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            workers.revive()
            await asyncio.sleep(_LOOK_SECONDS)
            cursor = await connection.execute(_ALIVE.encode(), [LIVENESS_LOCKS])
            row = await cursor.fetchone()
            now = time.monotonic()
            if row == (0,):
                none_seconds += now - last
            last = now
            result.figures["seconds without any worker"] = round(none_seconds, 1)


async def ask(database: Database, kinds: Sequence[str], name: str) -> None:
    """Ask for a job of each of *kinds*, at a steady pace."""
    begun = time.monotonic()
    for place in range(0, len(kinds), _BATCH):
        await asyncio.sleep(max(0.0, begun + place / _RATE - time.monotonic()))
        async with database.system() as transaction:
            for number, kind in enumerate(kinds[place : place + _BATCH], place):
                await enqueue(
                    transaction,
                    lane=LANE,
                    kind=kind,
                    args={"name": f"{name} {kind} {number}", "asked": time.time()},
                    max_attempts=MOST_ATTEMPTS if kind == "note" else _MOST_ATTEMPTS,
                )


async def judge(workers: JobWorkers, result: Result, kinds: Sequence[str]) -> None:
    """All good jobs are done once, and all poison is dead."""
    dead = workers.postgres.rows("SELECT kind, last_error, attempts FROM jobs")
    wanted = Counter(kind for kind in kinds if kind != "note")
    found = Counter(kind for kind, _, _ in dead)
    for kind, count in (wanted - found).items():
        result.lost.append(f"{count} jobs of the kind {kind} are no dead letters")
    for kind, count in (found - wanted).items():
        result.lost.append(f"{count} jobs of the kind {kind} are dead letters, and no poison")
    check_effects(workers, result, wanted=len(kinds) - wanted.total())
    result.count("workers that poison has ended", sum(one.deaths for one in workers.workers))
    result.count("runs of poison", sum(min(one[2], _MOST_ATTEMPTS) for one in dead))
    errors = Counter(f"{kind}: {error}" for kind, error, _ in dead)
    result.figures["dead letters"] = dict(sorted(errors.items()))


def compare(workers: JobWorkers, result: Result) -> None:
    """Tell how long good jobs have waited; poison that ends nothing must not be felt."""
    waits = {part: float(workers.postgres.rows(_WAIT, f"{part} note %")[0][0]) for part in _PARTS}
    for part, (_, words) in _PARTS.items():
        result.figures[words] = round(waits[part], 3)
    if waits["raising"] > _MOST_MORE * waits["clean"] + _LEEWAY_SECONDS:
        result.problems.append("poison that raises or hangs has held up good jobs")


def check_effects(workers: JobWorkers, result: Result, *, wanted: int) -> None:
    """Each job that was done was done once."""
    twice = workers.postgres.rows(
        "SELECT name, count(*) FROM effects GROUP BY name HAVING count(*) > 1"
    )
    result.doubled += [f"{name} was done {count} times" for name, count in twice]
    done = workers.count("SELECT count(DISTINCT name) FROM effects")
    if done < wanted:
        result.lost.append(f"{wanted - done} of {wanted} jobs were not done")


async def mend(workers: JobWorkers, result: Result, *, poison: int) -> None:
    """Start the workers with code that is mended, and repeat all that is dead."""
    before = workers.count("SELECT count(*) FROM effects")
    codes = workers.end()
    result.problems += [f"a worker has ended with {code}" for code in codes if code]
    workers.start(TORTURE_IS_MENDED="yes")
    ids = [id_ for (id_,) in workers.postgres.rows("SELECT id FROM jobs")]
    url = parse_url(workers.postgres.addresses.application, env="torture")
    database = Database(url, pool_size=1)
    async with database.system() as transaction:
        revived = [await revive_job(transaction, one) for one in ids]
    await database.close()
    assert sum(revived) == poison, f"{sum(revived)} of {poison} are repeated"
    await workers.until(
        lambda: not workers.count("SELECT count(*) FROM jobs"), what="all is done", seconds=60
    )
    result.figures["repeated once mended, and done"] = sum(revived)
    check_effects(workers, result, wanted=before + poison)
