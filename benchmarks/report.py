"""From rounds to a table and to JSON. A ratio is of one round; the median of them counts."""

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from rich.console import Console
from rich.table import Table
from typing_extensions import override

_FSYNC_SECONDS: Final = 0.3


class BenchRefused(Exception):
    """There is no result, or none that could be trusted; the text says why."""


@attrs.frozen(kw_only=True)
class Options:
    """How a bench is run.

    Attributes:
        rounds: how often each variant is measured, in turns.
        seconds: the length of a load.
        is_judged: whether a goal that is missed counts.
        folder: for the JSON.
    """

    rounds: int = attrs.field(validator=attrs.validators.ge(1))
    seconds: int
    is_judged: bool = True
    folder: Path = Path(".benchmarks")


@attrs.frozen(kw_only=True)
class Goal:
    """What a ratio is held to.

    Attributes:
        name: of the ratio.
        bound: such as 0.6.
        is_most: the ratio may be at most *bound*; else it must be at least that.
    """

    name: str
    bound: float
    is_most: bool

    def holds(self, value: float) -> bool:
        """Tell whether *value* reaches the goal."""
        return value <= self.bound if self.is_most else value >= self.bound

    @override
    def __str__(self) -> str:
        return f"{'at most' if self.is_most else 'at least'} {self.bound:g}"


def spread(values: Sequence[float], *, digits: int = 2) -> str:
    """Write the median of *values*, and between which two they lie."""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({least:,.{digits}f}..{most:,.{digits}f})"


def print_table(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Print *rows*, all with the same columns."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row.values())
    # Whole also where it is piped into a file.
    Console(width=max(Console().width, 120)).print(table)


def say(line: str) -> None:
    """Print a line about what is going on."""
    print(line, flush=True)


def judge(ratios: Mapping[str, Sequence[float]], goals: Sequence[Goal]) -> bool:
    """Print each goal and what was reached; tell whether all were.

    Args:
        ratios: of each round, by name; those without a goal are printed as well.
        goals: each about one of *ratios*.
    """
    by_name = {goal.name: goal for goal in goals}
    rows, missed = [], 0
    for name, values in ratios.items():
        goal = by_name.get(name)
        verdict = ""
        if goal is not None:
            is_held = goal.holds(statistics.median(values))
            verdict = "reached" if is_held else "MISSED"
            missed += not is_held
        goal_text = str(goal) if goal else "-"
        rows.append({"ratio": name, "median": spread(values), "goal": goal_text, "": verdict})
    print_table("Ratios, paired by round", rows)
    return not missed


def write_json(name: str, result: Mapping[str, Any], *, folder: Path) -> Path:
    """Keep *result*, with what it was measured on; give the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"machine": machine(), **result}, indent=2) + "\n")
    say(f"All figures: {file}")
    return file


def machine() -> dict[str, Any]:
    """Tell what the figures depend on: cores, their load, the disk, Python."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "fdatasyncs_a_second": round(_fdatasyncs_a_second()),
    }


def _fdatasyncs_a_second() -> float:
    """Measure how often a second the disk below the temporary folder takes 8 kB for good.

    Hundreds or thousands are a disk; a hundred thousand is memory, where nothing is durable.
    """
    with tempfile.TemporaryFile() as file:
        begun, count = time.monotonic(), 0
        while time.monotonic() < begun + _FSYNC_SECONDS:
            os.pwrite(file.fileno(), bytes(8192), 0)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.monotonic() - begun)
