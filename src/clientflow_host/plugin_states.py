"""Which providers are installed, and whether each can be used."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from clientflow_core.errors import SettingsError
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.discovery import PLUGINS_ENV, Plugin, installed_plugins
from clientflow_core.registry.finding import Found, Wanted, find_plugins
from clientflow_core.registry.index import cache_folder
from clientflow_core.registry.installed import InstalledPlugin
from clientflow_core.registry.quarantine import Quarantined
from clientflow_core.registry.selection import missing_sdk
from clientflow_core.registry.set_up import begun
from clientflow_core.registry.tiers import shipped_tiers
from clientflow_core.settings import Completeness, load_settings, setting_fields
from clientflow_host.assembly import wanted_plugins
from clientflow_host.settings import load_host_settings


@attrs.frozen(kw_only=True)
class _Asked:
    """What the states depend on."""

    wanted: Wanted
    values: Mapping[str, str]
    sandboxed: Mapping[str, str]
    tiers: Mapping[tuple[str | None, str], str]


def list_plugins(
    values: Mapping[str, str], *, sandboxed: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Give a row for each provider of each plugin, and for each plugin that is broken.

    A plugin that is not enabled is not imported, if it has a manifest.

    Args:
        values: the settings.
        sandboxed: those that a running `up` has added, for its stand-ins and local providers.

    Raises:
        SettingsError: the host's settings are not usable.
    """
    wanted = wanted_plugins(load_host_settings(dict(values)))
    asked = _Asked(wanted=wanted, values=values, sandboxed=sandboxed, tiers=_tiers(wanted, values))
    found = _find(wanted, values)
    rows = [row for plugin in found.plugins for row in _rows(plugin, asked)]
    rows += [row for plugin in found.idle for row in _idle_rows(plugin, asked)]
    rows.sort(key=lambda row: str(row["name"]))
    return rows + [_broken_row(one, wanted) for one in found.broken]


def _tiers(wanted: Wanted, values: Mapping[str, str]) -> Mapping[tuple[str | None, str], str]:
    """Give the tiers of all that is installed, by distribution and provider."""
    return {
        (plugin.distribution, provider): tier
        for plugin in installed_plugins(wanted.folder, cache=cache_folder(values))
        for provider, tier in shipped_tiers(plugin).items()
    }


def _find(wanted: Wanted, values: Mapping[str, str]) -> Found:
    """Find what is listed as the service does, and then the rest.

    What is not listed is not loaded by the service, and so can be in the way of nothing there.
    """
    if wanted.names is None:
        return find_plugins(wanted, values=values)
    everything = find_plugins(
        Wanted(folder=wanted.folder), values=values, is_needed=lambda _: False
    )
    known = {
        *(one.name for one in everything.plugins),
        *(one.name for one in everything.idle),
        *(one.plugin for one in everything.broken),
    }
    required = tuple(name for name in wanted.required or () if name in known)
    listed = find_plugins(attrs.evolve(wanted, required=required), values=values)
    names = wanted.names
    absent = [_absent(name) for name in wanted.required or () if name not in known]
    return Found(
        plugins=[*listed.plugins, *(one for one in everything.plugins if one.name not in names)],
        broken=[
            *absent,
            *listed.broken,
            *(one for one in everything.broken if one.plugin not in names),
        ],
        idle=[one for one in everything.idle if one.name not in names],
    )


def _absent(name: str) -> Quarantined:
    reason = f"{PLUGINS_ENV} names {name}, which is not installed"
    return Quarantined(name=name, plugin=name, summary="it is not installed", reason=reason)


def _rows(plugin: Plugin, asked: _Asked) -> Iterator[dict[str, Any]]:
    states = begun(plugin, asked.values)
    for spec in plugin.specs:
        state, reason = _state(plugin, spec, states, asked)
        row = _row(spec.name, spec.kind.value, plugin.version, state=state, reason=reason)
        yield {**row, "tier": asked.tiers.get((plugin.distribution, spec.name))}


def _idle_rows(plugin: InstalledPlugin, asked: _Asked) -> Iterator[dict[str, Any]]:
    """Give what the manifest says of a plugin that is not loaded."""
    for provider in plugin.manifest.providers if plugin.manifest else ():
        is_added = any(one.env in asked.sandboxed for one in provider.settings)
        state, reason = _added_state(provider.sandbox) if is_added else "not set", None
        if plugin.trouble:
            state, reason = "incompatible", plugin.trouble
        if asked.wanted.names is not None:
            state, reason = "disabled", None
        row = _row(provider.name, provider.kind, plugin.version, state=state, reason=reason)
        yield {**row, "tier": asked.tiers.get((plugin.distribution, provider.name))}


def _state(
    plugin: Plugin, spec: AnySpec, states: Mapping[str, Completeness], asked: _Asked
) -> tuple[str, str | None]:
    if asked.wanted.names is not None and plugin.name not in asked.wanted.names:
        return "disabled", None
    set_up = states[spec.name]
    if set_up is Completeness.NONE:
        return _unset_state(plugin, spec, asked)
    if (lack := missing_sdk(plugin, spec)) is not None:
        return _unusable("broken", plugin, asked), lack
    if (misfit := plugin.sdk_troubles.get(spec.name)) is not None:
        return "incompatible", misfit
    problem = _problem(spec, asked.values)
    if problem is None:
        return "enabled", plugin.remark
    state = "half set" if set_up is Completeness.HALF else "invalid"
    return _unusable(state, plugin, asked), problem


def _unset_state(plugin: Plugin, spec: AnySpec, asked: _Asked) -> tuple[str, str | None]:
    if any(field.setting.env in asked.sandboxed for field in setting_fields(spec.settings)):
        return _added_state(spec.sandbox), None
    return "not set", None


def _added_state(sandbox: str | None) -> str:
    return "sandbox" if sandbox else "local"


def _unusable(state: str, plugin: Plugin, asked: _Asked) -> str:
    return "quarantined" if asked.wanted.is_optional(plugin.name) else state


def _problem(spec: AnySpec, values: Mapping[str, str]) -> str | None:
    try:
        load_settings(spec.settings, values)
    except SettingsError as error:
        return "; ".join(f"{problem.env} {problem.problem}" for problem in error.problems)
    except Exception as error:  # noqa: BLE001 - its own checks are a plugin's code
        return f"its settings cannot be checked: {type(error).__name__}"
    return None


def _broken_row(broken: Quarantined, wanted: Wanted) -> dict[str, Any]:
    state = "quarantined" if wanted.is_optional(broken.plugin) else "broken"
    if broken.is_incompatible:
        state = "incompatible"
    if wanted.names is not None and broken.plugin not in wanted.names:
        state = "disabled"
    return _row(broken.name, None, broken.version, state=state, reason=broken.reason)


def _row(
    name: str, kind: str | None, version: str | None, *, state: str, reason: str | None
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "version": version,
        "state": state,
        # Of the result of the conformance kit that the plugin brings along for this version.
        "tier": None,
        "reason": reason,
    }
