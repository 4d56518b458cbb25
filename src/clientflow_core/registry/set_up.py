"""How much of a plugin is set, whether it is loaded or only described by its manifest."""

from collections.abc import Iterable, Mapping, Sequence

from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.manifest import DescribedSetting, Manifest
from clientflow_core.settings import Completeness, completeness_of, setting_fields


def begun(plugin: Plugin, values: Mapping[str, str]) -> Mapping[str, Completeness]:
    """Tell for each provider of *plugin* how much of it is set.

    A setting that one provider shares with another, which is complete, does not begin it: of a
    plugin that brings two, one may be used alone.
    """
    return _begun({spec.name: _settings_of(spec.settings) for spec in plugin.specs}, values)


def is_left_unset(plugin: Plugin, values: Mapping[str, str]) -> bool:
    """Tell whether nothing is set of the settings that a plugin needs beside its providers'."""
    return _is_left_unset([_settings_of(one) for one in plugin.contributions.settings], values)


def described_begun(manifest: Manifest, values: Mapping[str, str]) -> Mapping[str, Completeness]:
    """Tell the same of a plugin that is not loaded, by its *manifest*."""
    settings = {one.name: _by_name(one.settings) for one in manifest.providers}
    return _begun(settings, values)


def is_begun(manifest: Manifest, *, values: Mapping[str, str]) -> bool:
    """Tell whether a plugin is enabled where none is listed, by its *manifest*."""
    if not manifest.providers:
        return bool(manifest.contributes) and not _is_left_unset(
            [_by_name(own) for own in manifest.settings], values
        )
    return bool(set(described_begun(manifest, values).values()) - {Completeness.NONE})


def _begun(
    settings: Mapping[str, Sequence[tuple[str, bool]]], values: Mapping[str, str]
) -> Mapping[str, Completeness]:
    states = {name: completeness_of(own, values) for name, own in settings.items()}
    is_set = {name: {env for env, _ in own if values.get(env)} for name, own in settings.items()}
    complete = {
        env for name in states if states[name] is Completeness.COMPLETE for env in is_set[name]
    }
    for name, state in states.items():
        if state is Completeness.HALF and is_set[name] <= complete:
            states[name] = Completeness.NONE
    return states


def _is_left_unset(
    classes: Iterable[Sequence[tuple[str, bool]]], values: Mapping[str, str]
) -> bool:
    states = [completeness_of(own, values) for own in classes]
    is_half = Completeness.HALF in states
    return Completeness.NONE in states and not is_half


def _settings_of(settings_class: type) -> list[tuple[str, bool]]:
    return [(field.setting.env, field.is_required) for field in setting_fields(settings_class)]


def _by_name(settings: Iterable[DescribedSetting]) -> list[tuple[str, bool]]:
    return [(one.env, one.is_required) for one in settings]
