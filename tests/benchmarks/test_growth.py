"""The benchmark of growth runs; what anything costs, no test asks."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.growth import GOAL, Sample, ratios_of
from tests.benchmarks.conftest import Bench
from tests.requirements import demand


def sample(server_us: float, postgres_us: float) -> Sample:
    return Sample(rows=10, rate=100.0, server_us=server_us, postgres_us=postgres_us)


def test_ratio_is_of_many_to_few_with_both_processes_counted() -> None:
    rounds = [[sample(10, 10), sample(12, 18)], [sample(30, 10), sample(30, 20)]]
    assert ratios_of(rounds) == {
        GOAL.name: [1.5, 1.25],
        "PostgreSQL alone": [1.8, 2.0],
        "events a second": [1.0, 1.0],
    }


def test_goal_is_the_one_that_was_set() -> None:
    assert (GOAL.bound, GOAL.is_most) == (1.15, True)


@pytest.mark.bench
@pytest.mark.timeout(120)
def test_short_run_gives_every_figure(bench: Bench, tmp_path: Path) -> None:
    demand(shutil.which("wrk"), "wrk is not installed: apt-get install wrk")
    result = bench("growth", "--short")
    assert result.returncode == 0, result.stdout + result.stderr
    (one,) = json.loads((tmp_path / "growth.json").read_text())["rounds"]
    few, many = one
    assert few["rows"] < many["rows"]
    assert all(sample["server_us"] > 0 and sample["postgres_us"] > 0 for sample in one)
