"""The latency benchmark runs, and tells one carrier from the other."""

import json
from pathlib import Path

import pytest

from benchmarks.latency import POSTGRES, percentile
from tests.benchmarks.conftest import Bench


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([5.0], 99, 5.0),
        ([float(n) for n in range(1, 101)], 99, 99.0),
        ([float(n) for n in range(1, 101)], 50, 50.0),
        ([float(n) for n in range(1, 301)], 99, 297.0),
        ([3.0, 1.0, 2.0], 100, 3.0),
        ([3.0, 1.0, 2.0], 0, 1.0),
    ],
)
def test_percentile_is_one_of_the_values(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == expected


@pytest.mark.bench
@pytest.mark.timeout(120)
def test_short_run_gives_every_figure(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    # No redis-server there.
    monkeypatch.setenv("PATH", "/nowhere")
    result = bench("latency", "--short")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "over PostgreSQL only" in result.stdout
    kept = json.loads((tmp_path / "latency.json").read_text())
    (one,) = kept["rounds"]
    assert list(one) == [POSTGRES]
    figures = one[POSTGRES]
    assert len(figures["read_ms"]) == len(figures["told_ms"]) == kept["texts"] == 40
    assert 0 < figures["read p50 ms"] <= figures["read p99 ms"] < 20_000
    assert 0 < figures["told p50 ms"] <= figures["told p99 ms"] < 20_000
