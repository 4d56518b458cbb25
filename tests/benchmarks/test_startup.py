"""The start-up benchmark runs, and judges only what it can."""

import json
from pathlib import Path

import pytest

from benchmarks.startup import SDKS, installed_sdks
from tests.benchmarks.conftest import Bench


@pytest.mark.bench
@pytest.mark.timeout(120)
def test_short_run_gives_every_figure(bench: Bench, tmp_path: Path) -> None:
    result = bench("startup", "--short")
    assert result.returncode == 0, result.stdout + result.stderr
    kept = json.loads((tmp_path / "startup.json").read_text())
    (one,) = kept["rounds"]
    assert len(one) == 7
    assert all(sample["cpu_ms"] > 0 for sample in one.values())
    assert kept["sdks"] == installed_sdks()
    is_whole = kept["sdks"] == list(SDKS)
    assert (kept["is_reached"] is not None) is is_whole
    assert ("No goal is judged" in result.stdout) is not is_whole


def test_sdk_of_the_plugin_that_is_here_is_among_them() -> None:
    assert "twilio.rest" in installed_sdks()


def test_wrong_arguments_are_told(bench: Bench) -> None:
    result = bench("nothing")
    assert result.returncode == 2
    assert "usage: nox -s bench --" in result.stderr
