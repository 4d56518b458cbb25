"""What the tests of the benchmarks share."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
Bench = Callable[..., "subprocess.CompletedProcess[str]"]


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
