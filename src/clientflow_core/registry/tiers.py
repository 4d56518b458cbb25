"""The tier that a plugin has proven, by the result of the conformance kit that it brings along."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from clientflow_core.registry.installed import InstalledPlugin

RESULT_NAME: Final = "conformance.json"
_FORMAT: Final = 1
_TIERS: Final = ("bronze", "silver", "gold", "platinum")


def shipped_tiers(plugin: InstalledPlugin) -> Mapping[str, str]:
    """Give the tiers of the providers of *plugin*, by their names.

    Only what was found of the very version that is installed counts. Of several results for one
    provider the lowest counts.
    """
    found: dict[str, str | None] = {}
    for result in shipped_results(plugin):
        name, tier = str(result.get("provider")), result.get("tier")
        if (result.get("distribution"), result.get("version")) != _whose(plugin):
            continue
        tier = tier if tier in _TIERS else None
        found[name] = min(found.get(name, tier), tier, key=_height)
    return {name: tier for name, tier in found.items() if tier}


def _whose(plugin: InstalledPlugin) -> tuple[str | None, str | None]:
    return plugin.distribution, plugin.version


def _height(tier: str | None) -> int:
    return _TIERS.index(tier) if tier else -1


def shipped_results(plugin: InstalledPlugin) -> Sequence[Mapping[str, Any]]:
    """Read the results that lie in the package of *plugin*; none where they cannot be read."""
    for path in plugin.looked_at:
        try:
            told = json.loads(Path(path).with_name(RESULT_NAME).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(told, dict) and told.get("format") == _FORMAT:
            results = told.get("providers")
            return [one for one in results or () if isinstance(one, dict)]
    return ()
