"""What the tests of the benchmarks share; and which of the long ones run.

Each saturates both cores for a while. Of those that drive a whole service two run on each commit,
chosen by it, so that all of them have their turn; ``-m bench`` runs every one.
"""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from clientflow_core.release import commit

ROOT: Final = Path(__file__).parent.parent.parent
Bench = Callable[..., "subprocess.CompletedProcess[str]"]


LONG: Final = ("test_growth.py", "test_intake.py", "test_jobs.py", "test_latency.py")
_TURNS: Final = 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long ones whose turn it is not, unless benchmarks or a file are asked for."""
    if config.option.markexpr or config.option.file_or_dir:
        return
    chosen = random.Random(commit()).sample(LONG, _TURNS)
    left_out = [
        item
        for item in items
        if item.get_closest_marker("bench")
        and item.path.name in LONG
        and item.path.name not in chosen
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Run a benchmark as ``nox -s bench`` does; its JSON goes into the folder of the test."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "benchmarks", *arguments, "--out", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            timeout=110,
            check=False,
        )

    return run
