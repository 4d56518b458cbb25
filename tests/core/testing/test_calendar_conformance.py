"""The kit for calendars: the scaffold passes, and each broken one is caught by the right check."""

from pathlib import Path
from typing import Any

import attrs
import pytest

from clientflow_core.testing import (
    BillingConformance,
    CalendarConformance,
    ChannelConformance,
    checks_of,
)
from clientflow_core.testing.skips import Skipped
from tests.core.testing.calendar_mutants import MUTANTS
from tests.core.testing.heliograph.spec import HELIOGRAPH
from tests.scaffolds import (
    Mutant,
    assert_caught,
    failures,
    load_scaffold,
    names_of,
    runnable_checks,
)

CHECKS = runnable_checks(CalendarConformance)
PUSH = [check_id for check_id in CHECKS if check_id.startswith("push.")]
pytestmark = pytest.mark.usefixtures("short")


def suite_of(spec: Any) -> type[CalendarConformance]:
    return type("TestIt", (CalendarConformance,), {"spec": spec})


def test_scaffold_passes_every_check(tmp_path: Path) -> None:
    assert failures(suite_of(load_scaffold("calendar", tmp_path)), CHECKS) == {}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_broken_provider_is_caught_by_the_right_check(mutant: Mutant, tmp_path: Path) -> None:
    suite = suite_of(load_scaffold("calendar", tmp_path, mutant=mutant))
    assert_caught(suite, mutant, CHECKS)


def test_every_check_of_calendars_alone_has_a_broken_provider() -> None:
    others = checks_of(ChannelConformance) | checks_of(BillingConformance)
    assert CHECKS.keys() - others.keys() <= names_of(MUTANTS)


@pytest.mark.parametrize("check_id", PUSH)
def test_provider_that_does_not_tell_is_left_alone(check_id: str, tmp_path: Path) -> None:
    spec = attrs.evolve(load_scaffold("calendar", tmp_path), webhooks=(), capabilities=frozenset())
    suite = suite_of(spec)
    with pytest.raises(Skipped, match="NotSupported: the spec does not declare PUSH"):
        getattr(suite(), CHECKS[check_id])()
    assert checks_of(suite)[check_id].is_ability


def test_sandbox_that_lacks_what_the_checks_need_is_told(tmp_path: Path) -> None:
    suite = suite_of(load_scaffold("calendar", tmp_path))
    other = type("TestIt", (suite,), {"expiry_event": "rain", "calendar": "cal_lost"})
    tests = {one: CHECKS[one] for one in ("sync.expired-cursor-says-so", "calendars.are-whole")}
    failed = failures(other, tests)
    assert "no calendar that can be written to" in failed["calendars.are-whole"]
    only_rain = type("TestIt", (suite,), {"expiry_event": "rain"})
    failed = failures(only_rain, tests)
    assert failed.keys() == {"sync.expired-cursor-says-so"}


def test_provider_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="holds a calendar to account, and heliograph is a channel"):
        suite_of(HELIOGRAPH)
