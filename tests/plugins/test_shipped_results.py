"""What our own plugins bring along: a manifest, and what the conformance kit has found of them."""

import importlib
import json
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest

from clientflow_core.hookspecs import ENTRY_POINT_GROUP
from clientflow_core.registry.installed import InstalledPlugin, describe
from clientflow_core.registry.manifest import FILE_NAME
from clientflow_core.registry.tiers import RESULT_NAME, shipped_tiers
from clientflow_core.testing import Tier, checks_of
from clientflow_core.testing.results import Finding, Result

PLUGINS_FOLDER = Path(__file__).parents[2] / "src" / "clientflow_plugins"
OURS = sorted(path.parent.name for path in PLUGINS_FOLDER.glob("*/__init__.py"))
AGAIN = "run: nox -s conformance"


def installed(name: str) -> InstalledPlugin:
    (point,) = (
        one
        for one in entry_points(group=ENTRY_POINT_GROUP)
        if one.module == f"clientflow_plugins.{name}"
    )
    (found,) = describe([point])
    return found


def shipped(name: str) -> dict[str, Any]:
    told = json.loads((PLUGINS_FOLDER / name / RESULT_NAME).read_text("utf-8"))
    assert isinstance(told, dict)
    return told


def suites_of(name: str) -> dict[str, Any]:
    """Give the classes of tests of the plugin *name*, by their names."""
    module = importlib.import_module(f"tests.plugins.{name}.test_conformance")
    return {
        key: value
        for key, value in vars(module).items()
        if key.startswith("Test") and hasattr(value, "spec")
    }


def test_there_are_plugins_of_ours() -> None:
    assert "twilio" in OURS


@pytest.mark.parametrize("name", OURS)
def test_each_brings_a_manifest_and_is_judged_by_the_kit(name: str) -> None:
    assert (PLUGINS_FOLDER / name / FILE_NAME).exists(), "run: clientflow plugin manifest"
    plugin = installed(name)
    assert plugin.manifest
    judged = {suite.spec.name for suite in suites_of(name).values()}
    assert judged == {provider.name for provider in plugin.manifest.providers}


@pytest.mark.parametrize("name", OURS)
def test_result_is_of_this_version_and_of_every_check_that_the_kit_has(name: str) -> None:
    told = shipped(name)["providers"]
    suites = suites_of(name)
    assert {one["class"].rpartition("::")[2] for one in told} == suites.keys(), AGAIN
    for one in told:
        suite = suites[one["class"].rpartition("::")[2]]
        assert (one["distribution"], one["version"]) == ("clientflow", version("clientflow")), AGAIN
        assert [check["id"] for check in one["checks"]] == list(checks_of(suite)), AGAIN


@pytest.mark.parametrize("name", OURS)
def test_tier_is_what_the_kit_computes_from_the_findings(name: str) -> None:
    told = shipped(name)["providers"]
    assert shipped_tiers(installed(name)) == {one["provider"]: one["tier"] for one in told}
    for one in told:
        checks = checks_of(suites_of(name)[one["class"].rpartition("::")[2]])
        findings = [
            Finding(
                check=checks[found["id"]],
                outcome=found["outcome"],
                skip=found["skip"],
                reason=found["reason"],
            )
            for found in one["checks"]
            if found["id"] in checks
        ]
        result = Result(name=one["class"], about={}, findings=findings)
        assert result.tier is Tier(one["tier"]), AGAIN


@pytest.mark.parametrize("name", OURS)
def test_cost_of_importing_it_is_measured_and_never_left_out(name: str) -> None:
    for suite in suites_of(name).values():
        for check_id in ("import.costs-little", "import.brings-no-sdk", "manifest.equals-the-code"):
            assert check_id in checks_of(suite)
            assert check_id not in suite.skips
    outcomes = {
        check["id"]: check["outcome"]
        for one in shipped(name)["providers"]
        for check in one["checks"]
    }
    assert outcomes["import.costs-little"] == "passed", AGAIN
