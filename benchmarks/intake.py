"""Intake: a signed text comes in and is durable before it is answered; ours against bare ones.

Ours is ``clientflow serve`` as an operator runs it, with no worker about. The bare ones are
:mod:`benchmarks.bare`. All run from the beginning on, and are loaded in turns.
"""

import contextlib
import importlib.util
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.database import BenchDatabase, new_database
from benchmarks.load import post_texts, require_wrk
from benchmarks.processes import CLI, cpu_seconds, running, wait_until_ready
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
from benchmarks.texts import SETTINGS, write_texts
from clientflow_core.ports import free_port

OURS: Final = "clientflow serve"
BARE: Final = "bare psycopg"
BARE_ASYNCPG: Final = "bare asyncpg"
MANY: Final = 32
FEW: Final = 4
GOALS: Final = (
    Goal(name="server CPU per event", bound=0.6, is_most=True),
    Goal(name=f"rate at {MANY} connections", bound=1.5, is_most=False),
    Goal(name=f"p50 at {FEW} connections", bound=1.1, is_most=True),
)
# More than two cores can take.
_MOST_A_SECOND: Final = 12_000
_WARM_UP_SECONDS: Final = 1
_TABLES: Final = ("inbound_events", "jobs", "saq_jobs", "bare_events")
_SETTLED_SECONDS: Final = 10.0


@attrs.frozen(kw_only=True)
class Variant:
    """A server that takes texts in.

    Attributes:
        pid: its first process.
        table: where it keeps them.
    """

    name: str
    url: str
    pid: int
    table: str


@attrs.frozen(kw_only=True)
class Sample:
    """One load on one variant.

    Attributes:
        rate: answers a second.
        server_us, postgres_us: CPU time for each row that was stored, in microseconds.
    """

    answers: int
    rows: int
    rate: float
    p50_ms: float
    p99_ms: float
    server_us: float
    postgres_us: float


Round = Mapping[str, Mapping[int, Sample]]
"""By the name of the variant, then by the number of connections."""


def run(options: Options) -> bool:
    """Measure, print and keep the figures; tell whether the goals were reached.

    Raises:
        BenchRefused: something is missing, or was not as it must be.
    """
    require_wrk()
    with new_database() as database, _variants(database) as variants:
        texts = database.folder / "texts"
        say("signing the texts")
        write_texts(texts, count=_MOST_A_SECOND * max(options.seconds, _WARM_UP_SECONDS))
        for variant in variants:
            measure(variant, database, texts=texts, connections=MANY, seconds=_WARM_UP_SECONDS)
        rounds = [
            _round(_rotated(variants, number), database, texts=texts, seconds=options.seconds)
            for number in range(options.rounds)
        ]
    ratios = ratios_of(rounds)
    _print(rounds)
    is_reached = judge(ratios, GOALS)
    result = {
        "seconds": options.seconds,
        "rounds": [_to_json(one) for one in rounds],
        "ratios": ratios,
        "goals": {goal.name: str(goal) for goal in GOALS},
        "is_reached": is_reached,
    }
    write_json("intake", result, folder=options.folder)
    return is_reached or not options.is_judged


def measure(
    variant: Variant, database: BenchDatabase, *, texts: Path, connections: int, seconds: int
) -> Sample:
    """Load *variant*, with every table empty before, and see that each answer left its row.

    Raises:
        BenchRefused: an answer was not 2xx, or the rows are not those that were answered.
    """
    database.empty(*_TABLES)
    server, postgres = cpu_seconds(variant.pid), cpu_seconds(database.pid)
    load = post_texts(variant.url, texts=texts, connections=connections, seconds=seconds)
    rows = _settled_rows(variant, database)
    server, postgres = cpu_seconds(variant.pid) - server, cpu_seconds(database.pid) - postgres
    # What was under way at the end was stored too, but nobody read its answer.
    if not load.answers <= rows <= load.answers + connections:
        msg = f"{variant.name} gave {load.answers} good answers, but {rows} rows are there"
        raise BenchRefused(msg)
    if variant.name == OURS and database.count("jobs") != rows:
        msg = f"{rows} events are there, but {database.count('jobs')} jobs"
        raise BenchRefused(msg)
    return Sample(
        answers=load.answers,
        rows=rows,
        rate=load.answers / load.seconds,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        server_us=server / rows * 1e6,
        postgres_us=postgres / rows * 1e6,
    )


def ratios_of(rounds: Sequence[Round]) -> dict[str, list[float]]:
    """Give what ours needs in terms of the bare one, for each round by itself."""
    cpu, rate, p50 = (goal.name for goal in GOALS)
    pairs = [(one[OURS], one[BARE]) for one in rounds]
    return {
        cpu: [ours[MANY].server_us / bare[MANY].server_us for ours, bare in pairs],
        rate: [ours[MANY].rate / bare[MANY].rate for ours, bare in pairs],
        p50: [ours[FEW].p50_ms / bare[FEW].p50_ms for ours, bare in pairs],
        "PostgreSQL CPU per event": [
            ours[MANY].postgres_us / bare[MANY].postgres_us for ours, bare in pairs
        ],
    }


@contextlib.contextmanager
def _variants(database: BenchDatabase) -> Iterator[Sequence[Variant]]:
    """Run every server that is compared."""
    settings = {"DATABASE_URL": database.application.reveal()}
    bare = (sys.executable, "-m", "benchmarks.bare")
    with contextlib.ExitStack() as stack:

        def start(name: str, command: Sequence[str], port: int, **more: str) -> Variant:
            log = database.folder / f"{name}.log"
            popen = stack.enter_context(running(command, settings=settings | more, log=log))
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(f"{url}/ready", popen=popen, log=log)
            table = "inbound_events" if name == OURS else "bare_events"
            return Variant(name=name, url=url, pid=popen.pid, table=table)

        port = free_port()
        more = {"CLIENTFLOW_PORT": str(port), "CLIENTFLOW_STATE_DIR": str(database.folder)}
        found = [start(OURS, [*CLI, "serve"], port, **SETTINGS, **more)]
        port = free_port()
        found.append(start(BARE, [*bare, "psycopg", str(port)], port))
        if importlib.util.find_spec("asyncpg"):
            port = free_port()
            found.append(start(BARE_ASYNCPG, [*bare, "asyncpg", str(port)], port))
        else:
            say("asyncpg is not installed, so it is not printed: pip install 'clientflow[bench]'")
        yield found


def _round(
    variants: Sequence[Variant], database: BenchDatabase, *, texts: Path, seconds: int
) -> Round:
    result: dict[str, dict[int, Sample]] = {variant.name: {} for variant in variants}
    for connections in (MANY, FEW):
        for variant in variants:
            sample = measure(
                variant, database, texts=texts, connections=connections, seconds=seconds
            )
            result[variant.name][connections] = sample
            say(
                f"{variant.name}, {connections} connections: {sample.rate:,.0f}/s,"
                f" p50 {sample.p50_ms:.1f} ms, {sample.server_us:.0f} us an event"
            )
    return result


def _rotated(variants: Sequence[Variant], number: int) -> Sequence[Variant]:
    """Give *variants*, beginning with another one each round."""
    first = number % len(variants)
    return [*variants[first:], *variants[:first]]


def _settled_rows(variant: Variant, database: BenchDatabase) -> int:
    """Count the rows once no more come.

    Raises:
        BenchRefused: they do not stop coming.
    """
    deadline = time.monotonic() + _SETTLED_SECONDS
    before = -1
    while time.monotonic() < deadline:
        rows = database.count(variant.table)
        if rows == before:
            return rows
        before = rows
        time.sleep(0.1)
    msg = f"{variant.name} still stores rows {_SETTLED_SECONDS:.0f} s after the load has ended"
    raise BenchRefused(msg)


def _print(rounds: Sequence[Round]) -> None:
    for connections in (MANY, FEW):
        rows = []
        for name in sorted(rounds[0], key=(OURS, BARE, BARE_ASYNCPG).index):
            samples = [one[name][connections] for one in rounds]
            rows.append(
                {
                    "": name,
                    "answers a second": spread([s.rate for s in samples], digits=0),
                    "p50 ms": spread([s.p50_ms for s in samples], digits=1),
                    "p99 ms": spread([s.p99_ms for s in samples], digits=0),
                    "server us": spread([s.server_us for s in samples], digits=0),
                    "PostgreSQL us": spread([s.postgres_us for s in samples], digits=0),
                }
            )
        print_table(f"Intake, {connections} connections: median (least..most)", rows)


def _to_json(one: Round) -> dict[str, Any]:
    return {
        name: {str(connections): attrs.asdict(sample) for connections, sample in samples.items()}
        for name, samples in one.items()
    }
