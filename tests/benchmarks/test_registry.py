"""The benchmark of look-ups and hooks runs; how fast anything is, no test asks."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.conftest import Bench


@pytest.mark.bench
@pytest.mark.timeout(120)
def test_short_run_gives_every_figure(bench: Bench, tmp_path: Path) -> None:
    result = bench("registry", "--short")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "await registry.channel(name)" in result.stdout
    kept = json.loads((tmp_path / "registry.json").read_text())
    (one,) = kept["rounds"]
    assert len(one) == 9
    assert all(nanoseconds > 0 for nanoseconds in one.values())
    assert kept["ratios"].keys() > kept["goals"].keys()
    assert kept["is_reached"] in {True, False}
