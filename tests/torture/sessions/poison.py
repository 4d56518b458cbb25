"""R13: jobs that raise, end their process or never come back, among many good ones.

The good ones are asked for at a steady pace, once without any poison and once with it, and how long
each waits for its effect is compared. All poison must end as dead letters, and must be done once
the code is mended and they are repeated.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import psycopg

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.dead_jobs import revive_job
from clientflow_core.persistence.repositories.jobs import MOST_ATTEMPTS
from clientflow_core.persistence.server import parse_url
from tests.torture.job_worker import LANE
from tests.torture.job_workers import JobWorkers, job_workers
from tests.torture.report import Options, Result, say

_WORKERS: Final = 2
_SHARE: Final = 0.01
_KINDS: Final = ("fail", "leave", "hang")
# As many as all jobs have would take days.
_MOST_ATTEMPTS: Final = 3
_RATE: Final = 50.0
_BATCH: Final = 5
_ADD: Final = """
    INSERT INTO jobs (lane, kind, args, max_attempts)
    SELECT %s, kind, args, CASE WHEN kind = 'note' THEN %s ELSE %s END
    FROM unnest(%s::text[], %s::jsonb[]) AS asked (kind, args)
"""
_WAIT: Final = """
    SELECT coalesce(percentile_cont(0.95) WITHIN GROUP
        (ORDER BY extract(epoch FROM done_at - asked_at)), 0) FROM effects WHERE name LIKE %s
"""
_ALIVE: Final = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
_SETTLED: Final = "SELECT count(*) FROM jobs WHERE dead_at IS NULL"
# The second attempt is 5 s after the first, the third 30 s after that.
_SETTLE_SECONDS: Final = 180.0


async def run(options: Options) -> Result:
    """Do ``n`` jobs without poison, and ``n`` with."""
    result = Result.begin("poison", "R13", options)
    chance = options.chance("poison")
    with job_workers(_WORKERS) as workers:
        workers.start()
        await workers.until(
            lambda: workers.count(_ALIVE) == _WORKERS, what="all workers are there", seconds=60
        )
        await ask(workers, ["note"] * options.n, "clean")
        kinds = [_kind(chance) for _ in range(options.n)]
        # At least one of each, however few there are.
        kinds[: len(_KINDS)] = _KINDS
        await ask(workers, kinds, "mixed")
        poison = [kind for kind in kinds if kind != "note"]
        say(f"all are asked for; {len(poison)} of them are poison")
        await workers.until(
            lambda: not workers.count(_SETTLED), what="all is settled", seconds=_SETTLE_SECONDS
        )
        await judge(workers, result, kinds)
        await mend(workers, result, poison=len(poison))
    return result


def _kind(chance: random.Random) -> str:
    return chance.choice(_KINDS) if chance.random() < _SHARE else "note"


async def ask(workers: JobWorkers, kinds: Sequence[str], name: str) -> None:
    """Ask for a job of each of *kinds*, at a steady pace; those that have died are revived."""
    begun = time.monotonic()
    url = workers.postgres.superuser.reveal()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for place in range(0, len(kinds), _BATCH):
            await asyncio.sleep(max(0.0, begun + place / _RATE - time.monotonic()))
            some, now = list(kinds[place : place + _BATCH]), time.time()
            args = [
                json.dumps({"name": f"{name} {kind} {place + n}", "asked": now})
                for n, kind in enumerate(some)
            ]
            values = [LANE, MOST_ATTEMPTS, _MOST_ATTEMPTS, some, args]
            await connection.execute(_ADD.encode(), values)
            workers.revive()


async def judge(workers: JobWorkers, result: Result, kinds: Sequence[str]) -> None:
    """All good jobs are done once, and all poison is dead."""
    dead = workers.postgres.rows("SELECT kind, last_error, attempts FROM jobs")
    wanted = Counter(kind for kind in kinds if kind != "note")
    found = Counter(kind for kind, _, _ in dead)
    for kind, count in (wanted - found).items():
        result.lost.append(f"{count} jobs of the kind {kind} are no dead letters")
    for kind, count in (found - wanted).items():
        result.lost.append(f"{count} jobs of the kind {kind} are dead letters, and no poison")
    check_effects(workers, result, wanted=2 * len(kinds) - wanted.total())
    result.count("workers that poison has ended", sum(one.deaths for one in workers.workers))
    result.count("runs of poison", sum(min(one[2], _MOST_ATTEMPTS) for one in dead))
    errors = Counter(f"{kind}: {error}" for kind, error, _ in dead)
    result.figures["dead letters"] = dict(sorted(errors.items()))
    clean, mixed = (
        float(workers.postgres.rows(_WAIT, f"{name} note %")[0][0]) for name in ("clean", "mixed")
    )
    result.figures["seconds until a good job is done, p95"] = round(clean, 3)
    result.figures["the same among poison"] = round(mixed, 3)


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
