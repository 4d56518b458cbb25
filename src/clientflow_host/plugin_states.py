"""Which providers are installed, and whether each can be used."""

from collections.abc import Mapping
from typing import Any

from clientflow_core.errors import SettingsError
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.discovery import discover_plugins
from clientflow_core.settings import (
    Completeness,
    completeness,
    load_settings,
    setting_fields,
)
from clientflow_host.settings import load_host_settings


def list_plugins(
    values: Mapping[str, str], *, sandboxed: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Give a row for each provider of each plugin.

    Args:
        values: the settings.
        sandboxed: those that a running `up` has added for its stand-ins.

    Raises:
        PluginError: a plugin cannot be imported, or breaks the rules.
        SettingsError: the host's settings are not usable.
    """
    named = load_host_settings(dict(values)).plugins
    return [
        {
            "name": spec.name,
            "kind": spec.kind.value,
            "version": plugin.version,
            "state": _state(spec, values, sandboxed)
            if named is None or plugin.name in named
            else "disabled",
            # Computed by the conformance kit; None until it has judged.
            "tier": None,
        }
        for plugin in discover_plugins()
        for spec in plugin.specs
    ]


def _state(spec: AnySpec, values: Mapping[str, str], sandboxed: Mapping[str, str]) -> str:
    match completeness(spec.settings, values):
        case Completeness.COMPLETE:
            return "enabled" if _is_valid(spec, values) else "invalid"
        case Completeness.HALF:
            return "half set"
        case Completeness.NONE:
            is_stand_in = any(f.setting.env in sandboxed for f in setting_fields(spec.settings))
            return "sandbox" if is_stand_in else "not set"


def _is_valid(spec: AnySpec, values: Mapping[str, str]) -> bool:
    try:
        load_settings(spec.settings, values)
    except SettingsError:
        return False
    return True
