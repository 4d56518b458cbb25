"""The kit itself: a good provider passes, and each broken one is caught by the right check."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from clientflow_core.testing import ChannelConformance, checks_of
from clientflow_core.testing.profile import Profile, set_profile
from clientflow_core.testing.skips import Skipped
from tests.core.testing.heliograph.spec import HELIOGRAPH
from tests.core.testing.mutants import MUTANTS, Mutant

# They start interpreters, or look at what is installed: test_installed.py has them.
APART = ("import.", "packaging.")
CHECKS = {
    check_id: check
    for check_id, check in checks_of(ChannelConformance).items()
    if not check_id.startswith(APART)
}
EXAMPLES = 8


@pytest.fixture(autouse=True)
def short() -> Iterator[None]:
    """A few examples, the same each time."""
    profile = Profile(seed=1)
    profile.examples, profile.shrinks = EXAMPLES, False
    before = set_profile(profile)
    yield
    set_profile(before)


def suite_of(mutant: Mutant) -> type[ChannelConformance]:
    changed: dict[str, Any] = {
        "spec": attrs.evolve(HELIOGRAPH, **mutant.changes),
        "module": "tests.core.testing.heliograph.spec",
        **mutant.attributes,
    }
    return type("TestMutant", (ChannelConformance,), changed)


def failures(suite: type[ChannelConformance]) -> dict[str, str]:
    """Run every check of *suite*; give what those say that fail."""
    failed = {}
    for check_id, check in CHECKS.items():
        try:
            getattr(suite(), check.test)()
        except Skipped:
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is, the check has failed
            failed[check_id] = f"{type(error).__name__}: {error}"
    return failed


def test_good_provider_passes_every_check() -> None:
    assert failures(suite_of(Mutant(name="good", breaks=""))) == {}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_broken_provider_is_caught_by_the_right_check(mutant: Mutant) -> None:
    failed = failures(suite_of(mutant))
    assert mutant.breaks in failed
    assert failed.keys() <= {mutant.breaks, *mutant.also}, failed
    assert failed[mutant.breaks].startswith("AssertionError: ")


def test_every_check_has_a_broken_provider() -> None:
    assert CHECKS.keys() == {mutant.breaks for mutant in MUTANTS}
