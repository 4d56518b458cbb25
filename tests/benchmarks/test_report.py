"""Goals are judged by the median of the ratios of each round."""

import json
from pathlib import Path

import pytest

from benchmarks.report import Goal, judge, print_table, spread, write_json

CPU = Goal(name="CPU", bound=0.6, is_most=True)
RATE = Goal(name="rate", bound=1.5, is_most=False)


@pytest.mark.parametrize(
    ("goal", "value", "is_held"),
    [
        (CPU, 0.59, True),
        (CPU, 0.6, True),
        (CPU, 0.61, False),
        (RATE, 1.49, False),
        (RATE, 1.5, True),
        (RATE, 9.0, True),
    ],
)
def test_goal_holds_up_to_its_bound(goal: Goal, value: float, *, is_held: bool) -> None:
    assert goal.holds(value) is is_held


@pytest.mark.parametrize(
    ("cpu", "rate", "is_reached"),
    [
        ([0.5, 0.6, 3.0], [1.5, 0.1, 2.0], True),
        ([0.61, 0.62, 0.1], [2.0], False),
        ([0.5], [1.0, 1.4, 9.0], False),
    ],
)
def test_goals_are_reached_by_the_median_and_only_together(
    cpu: list[float], rate: list[float], *, is_reached: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    ratios = {"CPU": cpu, "rate": rate, "not judged": [99.0]}
    assert judge(ratios, [CPU, RATE]) is is_reached
    said = capsys.readouterr().out
    assert ("MISSED" not in said) is is_reached
    assert "99.00" in said


def test_spread_is_the_median_between_the_extremes() -> None:
    assert spread([3.0, 1.0, 2.0, 1000.0]) == "2.50 (1.00..1,000.00)"
    assert spread([1.26], digits=1) == "1.3 (1.3..1.3)"


def test_table_is_whole_where_nobody_looks_on(capsys: pytest.CaptureFixture[str]) -> None:
    cell = "1,234 (1,000..2,000)"
    print_table("Title", [{str(number): cell for number in range(5)}])
    assert capsys.readouterr().out.count(cell) == 5


def test_figures_are_kept_with_what_they_were_measured_on(tmp_path: Path) -> None:
    file = write_json("intake", {"ratios": {"CPU": [0.5]}}, folder=tmp_path / "new")
    kept = json.loads(file.read_text())
    assert file.name == "intake.json"
    assert kept["ratios"] == {"CPU": [0.5]}
    assert {"python", "cores", "load_average", "fdatasyncs_a_second"} <= kept["machine"].keys()
    assert kept["machine"]["fdatasyncs_a_second"] > 0
