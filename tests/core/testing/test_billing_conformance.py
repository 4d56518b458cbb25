"""The kit for billing: the scaffold passes, and each broken one is caught by the right check."""

from pathlib import Path
from typing import Any

import attrs
import pytest

from clientflow_core.testing import BillingConformance, ChannelConformance, checks_of
from clientflow_core.testing.skips import Skipped
from tests.core.testing.billing_mutants import MUTANTS
from tests.core.testing.heliograph.spec import HELIOGRAPH
from tests.scaffolds import (
    Mutant,
    assert_caught,
    failures,
    load_scaffold,
    names_of,
    runnable_checks,
)

CHECKS = runnable_checks(BillingConformance)
pytestmark = pytest.mark.usefixtures("short")


def suite_of(spec: Any) -> type[BillingConformance]:
    return type("TestIt", (BillingConformance,), {"spec": spec})


def test_scaffold_passes_every_check(tmp_path: Path) -> None:
    assert failures(suite_of(load_scaffold("billing", tmp_path)), CHECKS) == {}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_broken_provider_is_caught_by_the_right_check(mutant: Mutant, tmp_path: Path) -> None:
    suite = suite_of(load_scaffold("billing", tmp_path, mutant=mutant))
    assert_caught(suite, mutant, CHECKS)


def test_every_check_of_billing_alone_has_a_broken_provider() -> None:
    assert CHECKS.keys() - checks_of(ChannelConformance).keys() <= names_of(MUTANTS)


@pytest.mark.parametrize(
    "check_id",
    [
        "usage.counts-once",
        "invoices.are-exact",
        "subscription.events-name-it",
        "subscription.events-converge",
        "subscription.unpaid-is-not-active",
    ],
)
def test_ability_that_is_not_there_is_left_out(check_id: str, tmp_path: Path) -> None:
    spec = attrs.evolve(load_scaffold("billing", tmp_path), webhooks=(), capabilities=frozenset())
    suite = suite_of(spec)
    payment_never_fails = type("TestIt", (suite,), {"name_of_failure": lambda *_: None})
    with pytest.raises(Skipped, match="NotSupported: "):
        getattr(payment_never_fails(), CHECKS[check_id])()
    assert checks_of(suite)[check_id].is_ability


def test_sandbox_that_lacks_what_the_checks_need_is_told(tmp_path: Path) -> None:
    suite = suite_of(load_scaffold("billing", tmp_path))
    other = type("TestIt", (suite,), {"price_event": "price.lowered", "begin_event": "rain"})
    tests = {one: CHECKS[one] for one in ("plans.prices-are-exact", "subscription.is-whole")}
    failed = failures(other, tests)
    assert "no event with the fields amount, currency, key" in failed["plans.prices-are-exact"]
    assert "the sandbox has no event 'rain'" in failed["subscription.is-whole"]


def test_provider_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="holds a billing to account, and heliograph is a channel"):
        suite_of(HELIOGRAPH)
