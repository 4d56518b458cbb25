"""The kit for identity: a good provider passes, each broken one is caught by the right check."""

from pathlib import Path
from typing import Any

import pytest

from clientflow_core.testing import (
    BillingConformance,
    ChannelConformance,
    IdentityConformance,
    checks_of,
)
from tests.core.testing.edited import load_edited
from tests.core.testing.identity_mutants import MUTANTS
from tests.scaffolds import Mutant, assert_caught, failures, names_of, runnable_checks

CHECKS = runnable_checks(IdentityConformance)
pytestmark = pytest.mark.usefixtures("short")


def suite_of(spec: Any) -> type[IdentityConformance]:
    return type("TestIt", (IdentityConformance,), {"spec": spec})


def test_good_provider_passes_every_check(tmp_path: Path) -> None:
    assert failures(suite_of(load_edited("signet", tmp_path)), CHECKS) == {}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_broken_provider_is_caught_by_the_right_check(mutant: Mutant, tmp_path: Path) -> None:
    suite = suite_of(load_edited("signet", tmp_path, mutant=mutant))
    assert_caught(suite, mutant, CHECKS)


def test_every_check_of_identity_alone_has_a_broken_provider() -> None:
    others = checks_of(ChannelConformance).keys() | checks_of(BillingConformance).keys()
    assert CHECKS.keys() - others == names_of(MUTANTS)
