"""The tier that is shown is that of a result about the version that is installed."""

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from clientflow_core.hookspecs import ENTRY_POINT_GROUP
from clientflow_core.registry.installed import describe
from clientflow_core.registry.tiers import shipped_tiers
from tests.core.registry.conftest import Install
from tests.core.registry.described import manifest

RESULT = {"provider": "sms", "distribution": "sms-dist", "version": "1.2", "tier": "gold"}


def shown(tmp_path: Path, told: object) -> dict[str, str]:
    """Tell the tiers that *told*, as the file beside the manifest, leads to."""
    file = tmp_path / "sms-dist" / "sms_dist" / "conformance.json"
    file.write_text(told if isinstance(told, str) else json.dumps(told))
    (point,) = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP, name="sms")
    (plugin,) = describe([point])
    return dict(shipped_tiers(plugin))


def results(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"format": 1, "providers": [RESULT | change for change in changes]}


@pytest.mark.parametrize(
    ("told", "tiers"),
    [
        (results({}), {"sms": "gold"}),
        (results({}, {"provider": "fax", "tier": "bronze"}), {"sms": "gold", "fax": "bronze"}),
        (results({"version": "1.1"}), {}),
        (results({"distribution": "other"}), {}),
        (results({"tier": None}), {}),
        (results({"tier": "diamond"}), {}),
        (results({}, {"tier": "silver"}), {"sms": "silver"}),
        (results({"tier": "silver"}, {}), {"sms": "silver"}),
        (results({}, {"tier": None}), {}),
        (results({}, {"version": "1.1", "tier": None}), {"sms": "gold"}),
        ({**results({}), "format": 2}, {}),
        ({"format": 1, "providers": None}, {}),
        ({"format": 1, "providers": ["sms"]}, {}),
        ([], {}),
        ("{", {}),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), {}),
    ],
)
def test_tier_is_the_lowest_that_was_proven_of_this_version(
    told: object, tiers: dict[str, str], install: Install, tmp_path: Path
) -> None:
    install("sms", manifest=manifest("sms"))
    assert shown(tmp_path, told) == tiers


def test_plugin_that_brings_no_result_has_no_tier(install: Install) -> None:
    install("sms", manifest=manifest("sms"))
    (point,) = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP, name="sms")
    assert shipped_tiers(describe([point])[0]) == {}
