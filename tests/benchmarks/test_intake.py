"""The intake benchmark runs, and believes no figure that the rows do not bear out."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from benchmarks import intake
from benchmarks.database import BenchDatabase, new_database
from benchmarks.intake import BARE, FEW, GOALS, MANY, OURS, Sample, Variant, measure, ratios_of
from benchmarks.report import BenchRefused
from benchmarks.texts import PATH, write_texts
from tests.benchmarks.conftest import Bench
from tests.requirements import demand

Rows = list[dict[str, Any]]


def sample(**changes: float) -> Sample:
    values: dict[str, Any] = {
        "answers": 10,
        "rows": 10,
        "rate": 100.0,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "server_us": 100.0,
        "postgres_us": 50.0,
    }
    return Sample(**(values | changes))


def test_ratios_are_of_ours_to_the_bare_one_round_by_round() -> None:
    rounds = [
        {
            OURS: {MANY: sample(server_us=50.0, rate=300.0), FEW: sample(p50_ms=0.5)},
            BARE: {MANY: sample(), FEW: sample()},
        },
        {
            OURS: {MANY: sample(postgres_us=25.0), FEW: sample()},
            BARE: {MANY: sample(server_us=400.0, rate=50.0), FEW: sample(p50_ms=4.0)},
        },
    ]
    cpu, rate, p50 = (goal.name for goal in GOALS)
    assert ratios_of(rounds) == {
        cpu: [0.5, 0.25],
        rate: [3.0, 2.0],
        p50: [0.5, 0.25],
        "PostgreSQL CPU per event": [1.0, 0.5],
    }


def test_goals_are_those_that_were_set() -> None:
    assert [(goal.bound, goal.is_most) for goal in GOALS] == [
        (0.6, True),
        (1.5, False),
        (1.1, True),
    ]


@pytest.mark.bench
@pytest.mark.timeout(120)
def test_short_run_gives_every_figure(bench: Bench, tmp_path: Path) -> None:
    demand(shutil.which("wrk"), "wrk is not installed: apt-get install wrk")
    result = bench("intake", "--short")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Ratios, paired by round" in result.stdout
    kept = json.loads((tmp_path / "intake.json").read_text())
    (one,) = kept["rounds"]
    assert {OURS, BARE} <= one.keys()
    for connections in (MANY, FEW):
        for figures in one[OURS][str(connections)], one[BARE][str(connections)]:
            assert 0 < figures["answers"] <= figures["rows"] <= figures["answers"] + connections
            assert all(value > 0 for value in figures.values())
    assert {goal.name for goal in GOALS} <= kept["ratios"].keys()


@pytest.fixture(scope="module")
def bench_database() -> Iterator[BenchDatabase]:
    demand(shutil.which("wrk"), "wrk is not installed: apt-get install wrk")
    with new_database() as database:
        yield database


@pytest.fixture
async def forgetful(bench_database: BenchDatabase) -> AsyncIterator[Variant]:
    """A server that answers every text with 200 and keeps none."""

    async def forget(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application()
    app.router.add_post(PATH, forget)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site.port}"
    yield Variant(name="forgetful", url=url, pid=os.getpid(), table="bare_events")
    await runner.cleanup()


@pytest.mark.bench
async def test_answers_without_rows_are_refused(
    forgetful: Variant, bench_database: BenchDatabase
) -> None:
    texts = bench_database.folder / "texts"
    write_texts(texts, count=20_000)

    def run() -> None:
        measure(forgetful, bench_database, texts=texts, connections=4, seconds=1)

    with pytest.raises(BenchRefused, match="good answers, but 0 rows are there"):
        await asyncio.to_thread(run)


@pytest.mark.bench
def test_rows_of_the_bare_table_are_held_to_the_same_rules(bench_database: BenchDatabase) -> None:
    shape = (
        "SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_name = %s ORDER BY 1"
    )
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = %s"
    for question in (shape, indexes):
        ours, bare = (
            bench_database.superuser.execute(question, [table]).fetchall()
            for table in ("inbound_events", "bare_events")
        )
        assert ours == bare


def test_variants_begin_in_turns() -> None:
    variants = [Variant(name=name, url="", pid=0, table="") for name in "abc"]
    begun = [intake._rotated(variants, number)[0].name for number in range(4)]
    assert begun == ["a", "b", "c", "a"]
