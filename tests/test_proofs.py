"""What a run of the tests leaves of what it has proven, and what the checklist makes of it."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from clientflow_core.release import commit
from clientflow_host.checklist import proofs as kept
from clientflow_host.checklist.proofs import Proven, read_proofs
from tests import proofs
from tests.proofs import Proofs

NODE: Final = "tests/test_a.py::test_b"


def report(outcome: str, *, when: str = "call", ids: tuple[str, ...] = ("DR4",)) -> Any:
    """One that pytest makes, of a test that proves something."""
    made = pytest.TestReport(
        nodeid=NODE,
        location=("tests/test_a.py", 1, "test_b"),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]  # of each case's own
        longrepr=None,
        when=when,  # type: ignore[arg-type]
    )
    made.user_properties.append(("proves", list(ids)))
    return made


@pytest.mark.parametrize(
    ("reports", "outcome"),
    [
        ([("passed", "setup"), ("passed", "call"), ("passed", "teardown")], "passed"),
        ([("passed", "setup"), ("failed", "call"), ("passed", "teardown")], "failed"),
        ([("passed", "setup"), ("passed", "call"), ("failed", "teardown")], "failed"),
        ([("failed", "setup"), ("passed", "teardown")], "failed"),
        ([("skipped", "setup"), ("passed", "teardown")], "skipped"),
    ],
)
def test_a_test_has_ended_as_its_worst_part_has(
    reports: list[tuple[str, str]], outcome: str
) -> None:
    gathered = Proofs()
    for how, when in reports:
        gathered.pytest_runtest_logreport(report(how, when=when))
    assert gathered.items == {"DR4": {NODE: outcome}}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they are kept, and read by the checklist."""
    monkeypatch.setattr(proofs, "_FILE", tmp_path / kept.NAME)
    monkeypatch.setattr(kept, "_FOLDER", tmp_path)
    monkeypatch.setattr(proofs, "_is_clean", lambda: True)
    return tmp_path / kept.NAME


def leave(*reports: Any) -> None:
    gathered = Proofs()
    for one in reports:
        gathered.pytest_runtest_logreport(one)
    gathered.pytest_sessionfinish()


def test_what_was_proven_on_this_commit_is_believed_on_it_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(report("passed"))
    leave(report("passed", ids=("TI5",)))
    assert {item: read_proofs().of(item).proven for item in ("DR4", "TI5", "SD1")} == {
        "DR4": Proven.YES,
        "TI5": Proven.YES,
        "SD1": Proven.UNKNOWN,
    }
    assert json.loads(file.read_text())["commit"] == commit()
    monkeypatch.setattr(kept, "commit", lambda: "f" * 40)
    assert read_proofs().of("DR4").proven is Proven.UNKNOWN


def test_a_later_failure_counts(file: Path) -> None:
    leave(report("passed"))
    leave(report("failed"))
    assert read_proofs().of("DR4").proven is Proven.NO


def test_of_a_checkout_with_changes_nothing_is_kept(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "_is_clean", lambda: False)
    leave(report("passed"))
    assert not file.exists()
    assert read_proofs().of("DR4").proven is Proven.UNKNOWN


def test_damaged_file_proves_nothing(file: Path) -> None:
    file.write_text("{")
    assert read_proofs().of("DR4").proven is Proven.UNKNOWN
    leave(report("passed"))
    assert read_proofs().of("DR4").proven is Proven.YES
