"""The benchmark of wake-ups runs; how fast anything is, no test asks."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.conftest import Bench


@pytest.mark.bench
@pytest.mark.timeout(120)
@pytest.mark.proves("TP3")
def test_short_run_gives_every_figure(bench: Bench, tmp_path: Path) -> None:
    result = bench("wakeups", "--short")
    assert result.returncode == 0, result.stdout + result.stderr
    (one,) = json.loads((tmp_path / "wakeups.json").read_text())["rounds"]
    assert len(one) == 3
    assert all(figure > 0 for figure in one.values())
