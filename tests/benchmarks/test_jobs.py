"""The benchmark of the jobs runs; how fast anything is, no test asks."""

import json
from pathlib import Path

import pytest

from benchmarks.job_drain import OURS, SAQ_POSTGRES, SAQ_REDIS
from benchmarks.jobs import GOALS, Sample, ratios_of
from tests.benchmarks.conftest import Bench


def sample(rate: float) -> Sample:
    return Sample(rate=rate, worker_us=1.0, postgres_us=1.0)


def test_ratios_are_of_ours_to_each_of_saqs_round_by_round() -> None:
    rounds = [
        {OURS: sample(1000), SAQ_POSTGRES: sample(100), SAQ_REDIS: sample(250)},
        {OURS: sample(300), SAQ_POSTGRES: sample(100), SAQ_REDIS: sample(300)},
    ]
    over_postgres, over_redis = (goal.name for goal in GOALS)
    assert ratios_of(rounds) == {over_postgres: [10.0, 3.0], over_redis: [4.0, 1.0]}


def test_goals_are_those_that_were_set() -> None:
    assert [(goal.bound, goal.is_most) for goal in GOALS] == [(5, False), (2.5, False)]


@pytest.mark.bench
@pytest.mark.timeout(120)
def test_short_run_gives_every_figure(bench: Bench, tmp_path: Path) -> None:
    result = bench("jobs", "--short")
    assert result.returncode == 0, result.stdout + result.stderr
    (one,) = json.loads((tmp_path / "jobs.json").read_text())["rounds"]
    assert {OURS, SAQ_POSTGRES, SAQ_REDIS} == one.keys()
    assert all(figures["rate"] > 0 and figures["worker_us"] > 0 for figures in one.values())
