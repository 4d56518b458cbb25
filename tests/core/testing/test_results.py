"""From findings to a tier."""

from typing import Any

import pytest

from clientflow_core.testing import ChannelConformance, Tier, checks_of
from clientflow_core.testing.profile import Profile
from clientflow_core.testing.results import Results

CHECKS = checks_of(ChannelConformance)
PROFILE = Profile()


def evidence(check_id: str, outcome: str = "passed", skip: str | None = None) -> dict[str, Any]:
    return {
        "class": "test_it.py::TestIt",
        "suite": "ChannelConformance",
        "suite_module": "clientflow_core.testing.channel",
        "about": {"provider": "it", "kind": "channel"},
        "id": check_id,
        "outcome": outcome,
        "skip": skip,
        "reason": "because" if outcome != "passed" else None,
    }


def first_of(tier: Tier) -> str:
    return next(check.id for check in CHECKS.values() if check.tier is tier)


def judge(**changed: tuple[str, str | None]) -> Results:
    """Judge a provider of which all is well but the first check of the tiers named."""
    found = {check_id: evidence(check_id) for check_id in CHECKS}
    for name, (outcome, skip) in changed.items():
        check_id = first_of(Tier(name))
        found[check_id] = evidence(check_id, outcome, skip)
    return Results.of(found.values(), profile=PROFILE)


@pytest.mark.parametrize(
    ("missing", "tier"),
    [
        ("bronze", None),
        ("silver", "bronze"),
        ("gold", "silver"),
        ("platinum", "gold"),
    ],
)
def test_tier_ends_before_the_first_of_which_something_is_missing(
    missing: str, tier: str | None
) -> None:
    for outcome, skip in (("failed", None), ("skipped", "Planned"), ("not run", None)):
        told = judge(**{missing: (outcome, skip)}).state()
        assert told["tier"] == tier
        assert told["missing"] == [first_of(Tier(missing))]


@pytest.mark.parametrize("skip", ["NotSupported", "VendorBug"])
def test_what_is_not_held_against_it_does_not_hold_up_the_tier(skip: str) -> None:
    results = judge(silver=("skipped", skip))
    assert results.state()["tier"] == "platinum"
    assert f"  left out: {first_of(Tier.SILVER)}: because" in list(results.lines())


def test_what_failed_once_has_failed() -> None:
    found = [evidence(check_id) for check_id in CHECKS]
    bronze = first_of(Tier.BRONZE)
    for order in ([evidence(bronze, "failed"), *found], [*found, evidence(bronze, "failed")]):
        assert Results.of(order, profile=PROFILE).state()["tier"] is None


def test_least_proven_provider_speaks_for_the_run() -> None:
    good = [evidence(check_id) for check_id in CHECKS]
    bad = [{**evidence(first_of(Tier.BRONZE)), "class": "test_it.py::TestOther"}]
    told = Results.of([*good, *bad], profile=PROFILE).state()
    assert told["tier"] is None
    assert [one["tier"] for one in told["providers"]] == ["platinum", None]


def test_summary_shows_the_first_three_and_counts_the_rest() -> None:
    lines = list(Results.of([evidence(first_of(Tier.BRONZE))], profile=PROFILE).lines())
    assert lines[0] == f"it: below bronze (1 passed, {len(CHECKS) - 1} not run)"
    bronze = sum(check.tier is Tier.BRONZE for check in CHECKS.values())
    assert lines[5] == f"    and {bronze - 1 - 3} more"
    assert lines[-1] == "profile quick, --conformance-seed=0"
