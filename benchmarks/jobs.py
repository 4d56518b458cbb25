"""Jobs: how fast a backlog of jobs that do nothing is worked off; ours against SAQ's own.

Each way works in one process of its own, in turns with the others, on the same database and the
same Redis: ours off rows of PostgreSQL, SAQ off the queue that it keeps itself.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
from psycopg import sql

from benchmarks.database import BenchDatabase, new_database
from benchmarks.job_drain import LANE, OURS, SAQ_POSTGRES, SAQ_REDIS
from benchmarks.processes import cpu_seconds, kept_environment
from benchmarks.report import (
    BenchRefused,
    Goal,
    Options,
    judge,
    print_table,
    say,
    spread,
    write_json,
)
from clientflow_core.persistence.provision import DATABASE

GOALS: Final = (
    Goal(name=f"jobs a second, to those of {SAQ_POSTGRES}", bound=5, is_most=False),
    Goal(name=f"jobs a second, to those of {SAQ_REDIS}", bound=2.5, is_most=False),
)
_WAYS: Final = (OURS, SAQ_POSTGRES, SAQ_REDIS)
_COUNT: Final = 5_000
_SHORT_COUNT: Final = 200
_SECONDS: Final = 110
_OTHER: Final = "saq"


@attrs.frozen(kw_only=True)
class Sample:
    """One backlog, worked off.

    Attributes:
        rate: jobs a second.
        worker_us, postgres_us: CPU time for each job, in microseconds; that of the worker holds its
            start, and for SAQ the putting in.
    """

    rate: float
    worker_us: float
    postgres_us: float


Round = Mapping[str, Sample]


def run(options: Options) -> bool:
    """Measure, print and keep the figures; tell whether the goals were reached.

    Raises:
        BenchRefused: a process fails, or leaves a job undone.
    """
    count = _COUNT if options.is_judged else _SHORT_COUNT
    with new_database() as database, _redis(database.folder) as redis:
        database.superuser.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_OTHER)))
        rounds = [_round(database, redis, number, count) for number in range(options.rounds)]
    ratios = ratios_of(rounds)
    _print(rounds)
    is_reached = judge(ratios, GOALS)
    result = {
        "jobs": count,
        "rounds": [{way: attrs.asdict(s) for way, s in one.items()} for one in rounds],
        "ratios": ratios,
        "goals": {goal.name: str(goal) for goal in GOALS},
        "is_reached": is_reached,
    }
    write_json("jobs", result, folder=options.folder)
    return is_reached or not options.is_judged


def ratios_of(rounds: Sequence[Round]) -> dict[str, list[float]]:
    """Give how many of our jobs are done in the time of one of SAQ's, for each round by itself."""
    over_postgres, over_redis = (goal.name for goal in GOALS)
    return {
        over_postgres: [one[OURS].rate / one[SAQ_POSTGRES].rate for one in rounds],
        over_redis: [one[OURS].rate / one[SAQ_REDIS].rate for one in rounds],
    }


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    try:
        from tests.redis_server import running_redis  # noqa: PLC0415 - brings pytest
    except ImportError as error:
        raise BenchRefused("run it from the checkout, with what its tests need") from error
    with running_redis(folder) as server:
        yield server.url.reveal()


def _round(database: BenchDatabase, redis: str, number: int, count: int) -> Round:
    first = number % len(_WAYS)
    ways = [*_WAYS[first:], *_WAYS[:first]]
    found = {}
    for way in ways:
        found[way] = _drain(way, database, redis, count)
        say(f"{way}: {found[way].rate:,.0f} jobs a second")
    return found


def _drain(way: str, database: BenchDatabase, redis: str, count: int) -> Sample:
    database.empty("jobs")
    if way == OURS:
        database.superuser.execute(
            "INSERT INTO jobs (lane, kind, args, max_attempts)"
            " SELECT %s, 'nothing', '{}', 14 FROM generate_series(1, %s)",
            [LANE, count],
        )
    database.superuser.execute("ANALYZE jobs")
    postgres = cpu_seconds(database.pid)
    seconds, cpu = _run(way, database, redis, count)
    postgres = cpu_seconds(database.pid) - postgres
    if left := database.count("jobs"):
        msg = f"{way} says that it is done, but {left} jobs are left"
        raise BenchRefused(msg)
    return Sample(
        rate=count / seconds, worker_us=cpu / count * 1e6, postgres_us=postgres / count * 1e6
    )


def _run(way: str, database: BenchDatabase, redis: str, count: int) -> tuple[float, float]:
    url = database.application.reveal()
    if way != OURS:
        # It makes its tables itself, which our role may not, so it gets a database of its own.
        url = database.superuser_url.reveal().replace(f"/{DATABASE}", f"/{_OTHER}")
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.job_drain", way, str(count)],
        env=kept_environment() | {"DATABASE_URL": url, "REDIS_URL": redis},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if ran.returncode:
        msg = f"{way} failed: {ran.stderr[-2000:]}"
        raise BenchRefused(msg)
    seconds, cpu = map(float, ran.stdout.split())
    return seconds, cpu


def _print(rounds: Sequence[Round]) -> None:
    rows = []
    for way in _WAYS:
        samples = [one[way] for one in rounds]
        rows.append(
            {
                "": way,
                "jobs a second": spread([s.rate for s in samples], digits=0),
                "worker us": spread([s.worker_us for s in samples], digits=0),
                "PostgreSQL us": spread([s.postgres_us for s in samples], digits=0),
            }
        )
    print_table("Jobs that do nothing: median (least..most)", rows)
