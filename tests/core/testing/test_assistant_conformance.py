"""The kit for assistants: the scaffold passes, and each broken one is caught by the right check."""

from pathlib import Path
from typing import Any

import pytest

from clientflow_core.testing import (
    AssistantConformance,
    BillingConformance,
    ChannelConformance,
    checks_of,
)
from clientflow_core.testing.groups import assistant_streams
from tests.core.testing.assistant_mutants import MUTANTS
from tests.scaffolds import (
    Mutant,
    assert_caught,
    failures,
    load_scaffold,
    names_of,
    runnable_checks,
)

CHECKS = runnable_checks(AssistantConformance)
pytestmark = pytest.mark.usefixtures("short")


def suite_of(spec: Any) -> type[AssistantConformance]:
    return type("TestIt", (AssistantConformance,), {"spec": spec})


def test_scaffold_passes_every_check(tmp_path: Path) -> None:
    assert failures(suite_of(load_scaffold("assistant", tmp_path)), CHECKS) == {}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_broken_assistant_is_caught_by_the_right_check(
    mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant_streams, "_PATIENCE_SECONDS", 0.5)
    suite = suite_of(load_scaffold("assistant", tmp_path, mutant=mutant))
    assert_caught(suite, mutant, CHECKS)


def test_every_check_of_assistants_alone_has_a_broken_one() -> None:
    others = checks_of(ChannelConformance).keys() | checks_of(BillingConformance).keys()
    assert CHECKS.keys() - others == names_of(MUTANTS)
