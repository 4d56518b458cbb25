"""Growth: what it costs to take an event in where there are few already, and where there are many.

``clientflow serve`` as an operator runs it, with no worker about, one on each of two databases;
both are loaded in turns, as :mod:`benchmarks.intake` does.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

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
from benchmarks.texts import ACCOUNT, PATH, PUBLIC_URL, SETTINGS, write_texts
from clientflow_core.ports import free_port

GOAL: Final = Goal(name="CPU per event among many, to that among few", bound=1.15, is_most=True)
_FEW, _MANY = 10_000, 1_000_000
_SHORT_FEW, _SHORT_MANY = 100, 1_000
_CONNECTIONS: Final = 32
_WARM_UP_SECONDS: Final = 1
_TOUCH_ROUNDS: Final = 5
_TOUCH_SECONDS: Final = 3
_LOOK_SECONDS: Final = 0.2
_MOST_LOOKS: Final = 100
# More than two cores can take.
_MOST_A_SECOND: Final = 12_000
# Rows as those that are measured, whose ids have come in order and whose external ids have not.
_FILL: Final = """
    INSERT INTO inbound_events
        (id, provider, webhook, account, external_id, method, url, headers, body, received_at,
         state, handled_at)
    SELECT cast(lpad(to_hex(1700000000000 + n), 12, '0') || '7' || substr(digest, 1, 3) || '8'
                || substr(digest, 4, 15) AS uuid),
        'twilio', 'twilio', %s, 'SM' || digest, 'POST', %s, '{}', cast(repeat(digest, 40) AS bytea),
        now(), 'done', now()
    FROM generate_series(cast(%s AS bigint), %s) AS n, LATERAL (SELECT md5(n::text) AS digest) AS d
"""


@attrs.frozen(kw_only=True)
class Host:
    """A running host.

    Attributes:
        rows: how many events its database holds before each load.
        pid: its first process.
    """

    database: BenchDatabase
    rows: int
    url: str
    pid: int


@attrs.frozen(kw_only=True)
class Sample:
    """One load.

    Attributes:
        rows: how many events there were before it.
        rate: events a second.
        server_us, postgres_us: CPU time for each event, in microseconds.
    """

    rows: int
    rate: float
    server_us: float
    postgres_us: float

    @property
    def both_us(self) -> float:
        """CPU time for each event, in microseconds."""
        return self.server_us + self.postgres_us


def run(options: Options) -> bool:
    """Measure, print and keep the figures; tell whether the goal was reached.

    Raises:
        BenchRefused: something is missing, or not every event was kept.
    """
    require_wrk()
    few, many = (_FEW, _MANY) if options.is_judged else (_SHORT_FEW, _SHORT_MANY)
    with _host(few) as first, _host(many) as second:
        texts = first.database.folder / "texts"
        write_texts(texts, count=_MOST_A_SECOND * options.seconds)
        for host in (first, second):
            _touch(host, texts, rounds=_TOUCH_ROUNDS if options.is_judged else 0)
        rounds = [
            _round((first, second), texts, seconds=options.seconds, number=number)
            for number in range(options.rounds)
        ]
    ratios = ratios_of(rounds)
    _print(rounds)
    is_reached = judge(ratios, [GOAL])
    result = {
        "rounds": [[attrs.asdict(sample) for sample in one] for one in rounds],
        "ratios": ratios,
        "goals": {GOAL.name: str(GOAL)},
        "is_reached": is_reached,
    }
    write_json("growth", result, folder=options.folder)
    return is_reached or not options.is_judged


def ratios_of(rounds: Sequence[Sequence[Sample]]) -> dict[str, list[float]]:
    """Give what an event costs among many in terms of among few, for each round by itself."""
    return {
        GOAL.name: [many.both_us / few.both_us for few, many in rounds],
        "PostgreSQL alone": [many.postgres_us / few.postgres_us for few, many in rounds],
        "events a second": [many.rate / few.rate for few, many in rounds],
    }


@contextlib.contextmanager
def _host(rows: int) -> Iterator[Host]:
    with new_database() as database:
        fill(database, rows)
        port = free_port()
        settings = {
            **SETTINGS,
            "DATABASE_URL": database.application.reveal(),
            "CLIENTFLOW_PORT": str(port),
            "CLIENTFLOW_STATE_DIR": str(database.folder),
        }
        log = database.folder / "serve.log"
        with running([*CLI, "serve"], settings=settings, log=log) as popen:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(f"{url}/ready", popen=popen, log=log)
            yield Host(database=database, rows=rows, url=url, pid=popen.pid)


def fill(database: BenchDatabase, rows: int) -> None:
    """Put *rows* events there that are over."""
    database.superuser.execute(_FILL, [ACCOUNT, PUBLIC_URL + PATH, 1, rows])
    say(f"{rows:,} events are there")


def _round(hosts: Sequence[Host], texts: Path, *, seconds: int, number: int) -> Sequence[Sample]:
    # Few first, then many; the other way round every second time.
    order = list(reversed(hosts)) if number % 2 else hosts
    found = [_measure(host, texts, seconds=seconds) for host in order]
    return sorted(found, key=lambda sample: sample.rows)


def _measure(host: Host, texts: Path, *, seconds: int) -> Sample:
    _begin_anew(host)
    _load(host, texts, seconds=_WARM_UP_SECONDS)
    _settled_rows(host)
    host.database.superuser.execute("DELETE FROM inbound_events WHERE state = 'received'")
    server, postgres = cpu_seconds(host.pid), cpu_seconds(host.database.pid)
    taken = _load(host, texts, seconds=seconds)
    kept = _settled_rows(host) - host.rows
    server, postgres = cpu_seconds(host.pid) - server, cpu_seconds(host.database.pid) - postgres
    # What was under way at the end was stored too, but nobody read its answer.
    if not taken <= kept <= taken + _CONNECTIONS:
        msg = f"{taken} good answers, but {kept} new rows are there"
        raise BenchRefused(msg)
    sample = Sample(
        rows=host.rows,
        rate=taken / seconds,
        server_us=server / kept * 1e6,
        postgres_us=postgres / kept * 1e6,
    )
    say(f"among {host.rows:,}: {sample.both_us:.0f} us an event, {sample.rate:,.0f} a second")
    return sample


def _touch(host: Host, texts: Path, *, rounds: int) -> None:
    """Load *host* once, after a checkpoint, and none is asked for after that.

    A page that is changed for the first time since a checkpoint is written to the log as a whole.
    With the usual five minutes from one to the next, few are; right after one, all are.
    """
    host.database.superuser.execute("CHECKPOINT")
    for _ in range(rounds):
        _begin_anew(host)
        _load(host, texts, seconds=_TOUCH_SECONDS)
        _settled_rows(host)


def _settled_rows(host: Host) -> int:
    """Count the rows once no more come.

    Raises:
        BenchRefused: they do not stop coming.
    """
    before = -1
    for _ in range(_MOST_LOOKS):
        rows = host.database.count("inbound_events")
        if rows == before:
            return rows
        before = rows
        time.sleep(_LOOK_SECONDS)
    msg = "the host still stores events long after the load has ended"
    raise BenchRefused(msg)


def _begin_anew(host: Host) -> None:
    host.database.empty("jobs", "saq_jobs")
    host.database.superuser.execute("DELETE FROM inbound_events WHERE state = 'received'")
    host.database.superuser.execute("VACUUM (ANALYZE) inbound_events")


def _load(host: Host, texts: Path, *, seconds: int) -> int:
    return post_texts(host.url, texts=texts, connections=_CONNECTIONS, seconds=seconds).answers


def _print(rounds: Sequence[Sequence[Sample]]) -> None:
    rows = [
        {
            "events before": f"{samples[0].rows:,}",
            "events a second": spread([s.rate for s in samples], digits=0),
            "server us": spread([s.server_us for s in samples], digits=0),
            "PostgreSQL us": spread([s.postgres_us for s in samples], digits=0),
        }
        for samples in zip(*rounds, strict=True)
    ]
    print_table("One more event: median (least..most)", rows)
