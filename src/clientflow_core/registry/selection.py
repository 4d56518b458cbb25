"""Which plugins are enabled, and which are kept apart because they cannot be used.

An operator's list says which plugins must work: whatever is wrong with one of those refuses the
start. What is optional, or merely installed, is quarantined instead: named, shown, and in nobody's
way.
"""

import functools
import importlib.util
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from clientflow_core.errors import PluginError, SettingProblem, SettingsError
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.discovery import (
    PLUGINS_ENV,
    Plugin,
    installed_plugins,
    load_plugin,
    refuse_unknown,
)
from clientflow_core.registry.index import cache_folder
from clientflow_core.registry.installed import InstalledPlugin
from clientflow_core.registry.manifest import FILE_NAME, DescribedSetting, Manifest, agrees
from clientflow_core.registry.plugin_folder import PLUGINS_DIR_ENV
from clientflow_core.registry.reporting import log
from clientflow_core.settings import (
    Completeness,
    completeness_of,
    load_all,
    load_settings,
    setting_fields,
)

OPTIONAL_ENV: Final = "CLIENTFLOW_OPTIONAL_PLUGINS"

_STALE: Final = f"its {FILE_NAME} is not what its code says: clientflow plugin manifest"

LeaveOut = Callable[[AnySpec], bool]
IsNeeded = Callable[[Manifest], bool]


@attrs.frozen(kw_only=True)
class Wanted:
    """What an operator lists.

    Attributes:
        required: the plugins that must work.
        optional: those that may fail. With neither, every installed plugin whose settings are
            complete is enabled, and one that cannot be loaded is kept apart.
        folder: whose files are plugins too.
    """

    required: tuple[str, ...] | None = None
    optional: tuple[str, ...] | None = None
    folder: Path | None = None

    @property
    def names(self) -> tuple[str, ...] | None:
        """All that are listed, each once; None if nothing is."""
        if self.required is None and self.optional is None:
            return None
        return tuple(dict.fromkeys((*(self.required or ()), *(self.optional or ()))))

    def is_required(self, name: str) -> bool:
        """Whether the plugin *name* must work."""
        return name in (self.required or ())

    def is_optional(self, name: str) -> bool:
        """Whether the plugin *name* is listed as one that may fail."""
        return name in (self.optional or ()) and not self.is_required(name)


@attrs.frozen(kw_only=True)
class Quarantined:
    """A plugin, or one of its providers, that is kept apart.

    Attributes:
        name: the provider's; the plugin's where its providers are not known.
        plugin: the plugin's.
        version: that of its distribution, if there is one.
        distribution: what ``pip`` calls it.
        summary: why, in a few words that everybody may see.
        reason: why, in full and for operators, and what to do.
        is_incompatible: whether all that is wrong is a version.
    """

    name: str
    plugin: str
    version: str | None = None
    distribution: str | None = None
    summary: str
    reason: str
    is_incompatible: bool = False


@attrs.frozen(kw_only=True)
class Found:
    """What is installed.

    Attributes:
        plugins: those that could be loaded.
        broken: those that could not, and what was asked for and is not there.
        idle: those whose manifests say that they are not needed; nothing of them is imported.
    """

    plugins: Sequence[Plugin]
    broken: Sequence[Quarantined]
    idle: Sequence[InstalledPlugin] = ()


@attrs.frozen(kw_only=True)
class Selection:
    """What is enabled, and what is kept apart.

    Attributes:
        plugins: the enabled ones, each with those of its providers that are begun to be set up.
        quarantined: what cannot be used, and does not have to.
        refused: what has to be used and cannot, and why; that refuses the start.
    """

    plugins: Sequence[Plugin]
    quarantined: Sequence[Quarantined]
    refused: Sequence[str] = ()

    def require_all(self) -> None:
        """Make sure that nothing is refused.

        Raises:
            PluginError: plugins that must work cannot be used; names each.
        """
        if self.refused:
            raise PluginError("\n".join(self.refused))


def find_plugins(
    wanted: Wanted | None = None,
    *,
    values: Mapping[str, str] | None = None,
    is_needed: IsNeeded | None = None,
) -> Found:
    """Load each installed plugin by itself, so that one that is broken is in nobody's way.

    Args:
        wanted: only these are loaded, if it lists any.
        values: the settings; a plugin that has a manifest and is not listed is loaded only if one
            of its providers is begun to be set up. Without them every plugin is loaded.
        is_needed: tells of a plugin that has a manifest whether it is loaded, instead.

    Raises:
        SettingsError: one that is required is not installed.
    """
    wanted = wanted or Wanted()
    installed = installed_plugins(wanted.folder, cache=cache_folder(values or {}))
    points = sorted(installed, key=lambda point: point.name)
    if wanted.names is not None:
        refuse_unknown(wanted.required or (), installed=[point.name for point in points])
        points = [point for point in points if point.name in wanted.names]
    elif values is not None:
        is_needed = is_needed or functools.partial(is_begun, values=values)
    found: list[Plugin] = []
    idle: list[InstalledPlugin] = []
    broken = [_absent(name) for name in _absent_names(wanted, points)]
    for point in points:
        rivals = [other for other in points if other.name == point.name]
        if is_needed and point.manifest and len(rivals) == 1 and not is_needed(point.manifest):
            idle.append(point)
            continue
        loaded = _shared(point, rivals) if len(rivals) > 1 else _load(point)
        if isinstance(loaded, Plugin):
            found.append(loaded)
        else:
            broken.append(loaded)
    plugins, rivals_of_each_other = _keep_apart(found, wanted)
    return Found(plugins=plugins, broken=[*broken, *rivals_of_each_other], idle=tuple(idle))


def select(
    found: Found,
    values: Mapping[str, str],
    *,
    wanted: Wanted,
    public_url: str | None = None,
    leave_out: LeaveOut | None = None,
) -> Selection:
    """Tell which of what was found is enabled with the settings *values*.

    Args:
        found: from :func:`find_plugins`, for the same *wanted*.
        values: the settings.
        wanted: what the operator lists.
        public_url: where the world reaches the host.
        leave_out: tells which providers are treated as if they were not there.
    """
    apart = [one for one in found.broken if not wanted.is_required(one.plugin)]
    refused = [one.reason for one in found.broken if wanted.is_required(one.plugin)]
    plugins: list[Plugin] = []
    for plugin in _in_order(found.plugins, wanted):
        specs: list[AnySpec] = []
        begun_specs = _begun_specs(plugin, values, wanted=wanted, leave_out=leave_out)
        for spec in begun_specs:
            trouble = _trouble(plugin, spec, values, wanted=wanted, public_url=public_url)
            if trouble is None:
                specs.append(spec)
            elif wanted.is_required(plugin.name):
                refused.append(trouble.reason)
            else:
                apart.append(trouble)
        if (trouble := _own_trouble(plugin, values, wanted=wanted)) is not None:
            apart.append(trouble)
            continue
        is_unset = wanted.names is None and is_left_unset(plugin, values)
        brings_no_provider = not plugin.specs and bool(plugin.contributions) and not is_unset
        # Without the provider that it is about, what else a plugin brings would only fail.
        is_only_listed = wanted.names is not None and not begun_specs
        if specs or brings_no_provider or is_only_listed:
            plugins.append(attrs.evolve(plugin, specs=tuple(specs)))
    return Selection(plugins=plugins, quarantined=apart, refused=refused)


def report_quarantined(quarantined: Iterable[Quarantined]) -> None:
    """Write each to the log."""
    for one in quarantined:
        log().warning(
            "plugin_quarantined",
            plugin=one.plugin,
            provider=one.name,
            version=one.version,
            distribution=one.distribution,
            reason=one.reason,
        )


def begun(plugin: Plugin, values: Mapping[str, str]) -> Mapping[str, Completeness]:
    """Tell for each provider of *plugin* how much of it is set.

    A setting that one provider shares with another, which is complete, does not begin it: of a
    plugin that brings two, one may be used alone.
    """
    return _begun({spec.name: _settings_of(spec.settings) for spec in plugin.specs}, values)


def is_left_unset(plugin: Plugin, values: Mapping[str, str]) -> bool:
    """Tell whether nothing is set of the settings that a plugin needs beside its providers'."""
    return _is_left_unset([_settings_of(one) for one in plugin.contributions.settings], values)


def _is_left_unset(
    classes: Iterable[Sequence[tuple[str, bool]]], values: Mapping[str, str]
) -> bool:
    states = [completeness_of(own, values) for own in classes]
    is_half = Completeness.HALF in states
    return Completeness.NONE in states and not is_half


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


def _settings_of(settings_class: type) -> list[tuple[str, bool]]:
    return [(field.setting.env, field.is_required) for field in setting_fields(settings_class)]


def _by_name(settings: Iterable[DescribedSetting]) -> list[tuple[str, bool]]:
    return [(one.env, one.is_required) for one in settings]


def missing_sdk(plugin: Plugin, spec: AnySpec) -> str | None:
    """Say what of its SDK is not installed; None if all is. Nothing is imported."""
    missing = [name for name in spec.sdk_modules if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    names = ", ".join(missing)
    return (
        f"{plugin.source} needs {names} for {spec.name!r}, which is not installed:"
        f" pip install '{requirement(plugin, spec)}'"
    )


def requirement(plugin: Plugin, spec: AnySpec) -> str:
    """Give what has to be installed so that the provider *spec* of *plugin* has its SDK."""
    extra = f"[{spec.requires}]" if spec.requires else ""
    return f"{plugin.distribution or plugin.name}{extra}"


def _in_order(plugins: Sequence[Plugin], wanted: Wanted) -> Sequence[Plugin]:
    if wanted.names is None:
        return plugins
    by_name = {plugin.name: plugin for plugin in plugins}
    return [by_name[name] for name in wanted.names if name in by_name]


def _begun_specs(
    plugin: Plugin, values: Mapping[str, str], *, wanted: Wanted, leave_out: LeaveOut | None
) -> Sequence[AnySpec]:
    """Give the providers that are to be enabled; what is wrong with them is found out later."""
    states = begun(plugin, values)
    there = [spec for spec in plugin.specs if leave_out is None or not leave_out(spec)]
    chosen = [spec for spec in there if states[spec.name] is not Completeness.NONE]
    # One that is listed and not set at all must say what it lacks.
    return chosen if chosen or wanted.names is None else there


def _trouble(
    plugin: Plugin,
    spec: AnySpec,
    values: Mapping[str, str],
    *,
    wanted: Wanted,
    public_url: str | None,
) -> Quarantined | None:
    """Say why a provider cannot be used; settings stop the start unless it is optional."""
    if (reason := missing_sdk(plugin, spec)) is not None:
        return _apart(plugin, spec, summary="its SDK is not installed", reason=reason)
    if (reason := plugin.sdk_troubles.get(spec.name)) is not None:
        summary = "its SDK is of another version than it needs"
        apart = _apart(plugin, spec, summary=summary, reason=reason)
        return attrs.evolve(apart, is_incompatible=True)
    if not wanted.is_optional(plugin.name):
        return None
    try:
        _check_settings(spec, values, public_url)
    except SettingsError as error:
        names = ", ".join(dict.fromkeys(problem.env for problem in error.problems))
        return _apart(plugin, spec, summary=f"its settings: {names}", reason=_words(error))
    except Exception as error:  # noqa: BLE001 - its own checks are a plugin's code
        what = f"its settings cannot be checked ({type(error).__name__})"
        return _apart(plugin, spec, summary=what, reason=f"{plugin.source}: {what}")
    return None


def _own_trouble(
    plugin: Plugin, values: Mapping[str, str], *, wanted: Wanted
) -> Quarantined | None:
    """Say what is wrong with the settings that an optional plugin has beside its providers'."""
    if not wanted.is_optional(plugin.name):
        return None
    try:
        load_all(plugin.contributions.settings, values)
    except SettingsError as error:
        names = ", ".join(dict.fromkeys(problem.env for problem in error.problems))
        return _apart(plugin, None, summary=f"its settings: {names}", reason=_words(error))
    except Exception as error:  # noqa: BLE001 - its own checks are a plugin's code
        what = f"its settings cannot be checked ({type(error).__name__})"
        return _apart(plugin, None, summary=what, reason=f"{plugin.source}: {what}")
    return None


def _check_settings(spec: AnySpec, values: Mapping[str, str], public_url: str | None) -> None:
    settings = load_settings(spec.settings, values)
    _ = spec.addresses(settings)
    problems = list(spec.check_public_url(settings, public_url)) if public_url else []
    if problems:
        raise SettingsError(problems)


def _words(error: SettingsError) -> str:
    return "; ".join(f"{problem.env} {problem.problem}" for problem in error.problems)


def _apart(plugin: Plugin, spec: AnySpec | None, *, summary: str, reason: str) -> Quarantined:
    return Quarantined(
        name=spec.name if spec else plugin.name,
        plugin=plugin.name,
        version=plugin.version,
        distribution=plugin.distribution,
        summary=summary,
        reason=reason,
    )


def _load(point: InstalledPlugin) -> Plugin | Quarantined:
    try:
        plugin = load_plugin(point)
    except PluginError as error:
        if point.trouble:
            summary = "it is made for another version of ClientFlow"
            broken = _broken(point, summary=summary, reason=point.trouble)
            return attrs.evolve(broken, is_incompatible=True)
        kind = type(error.__cause__).__name__ if error.__cause__ else type(error).__name__
        return _broken(point, summary=f"it cannot be loaded ({kind})", reason=str(error))
    if point.manifest and not agrees(point.manifest, plugin):
        return attrs.evolve(plugin, remark=_STALE)
    return plugin


def _shared(point: InstalledPlugin, rivals: Collection[InstalledPlugin]) -> Quarantined:
    who = " and ".join(_owner(one) for one in rivals)
    reason = f"{who} both bring a plugin named {point.name!r}; uninstall one"
    return _broken(point, summary="it shares its name with another", reason=reason)


def _owner(point: InstalledPlugin) -> str:
    if point.distribution is None:
        return f"a file in {PLUGINS_DIR_ENV}"
    return f"{point.distribution} {point.version}"


def _broken(point: InstalledPlugin, *, summary: str, reason: str) -> Quarantined:
    return Quarantined(
        name=point.name,
        plugin=point.name,
        version=point.version,
        distribution=point.distribution,
        summary=summary,
        reason=reason,
    )


def _absent_names(wanted: Wanted, points: Collection[InstalledPlugin]) -> Iterator[str]:
    installed = {point.name for point in points}
    return (name for name in dict.fromkeys(wanted.optional or ()) if name not in installed)


def _absent(name: str) -> Quarantined:
    reason = f"{OPTIONAL_ENV} names {name}, which is not installed"
    return Quarantined(name=name, plugin=name, summary="it is not installed", reason=reason)


def _keep_apart(
    plugins: Sequence[Plugin], wanted: Wanted
) -> tuple[Sequence[Plugin], Sequence[Quarantined]]:
    """Keep plugins apart that bring the same: nobody can tell which of them was meant.

    One that must work keeps the name; two of those refuse the start.
    """
    owners: dict[tuple[str, str], list[Plugin]] = {}
    for plugin in plugins:
        for what in _names(plugin):
            owners.setdefault(what, []).append(plugin)
    apart: dict[str, Quarantined] = {}
    for (kind, name), rivals in owners.items():
        if len(rivals) < 2:  # noqa: PLR2004 - a pair
            continue
        required = [one for one in rivals if wanted.is_required(one.name)]
        who = list(dict.fromkeys(one.source for one in rivals))
        reason = (
            f"{' and '.join(who)} both bring a {kind} named {name!r}; uninstall one, or name only"
            f" the other in {PLUGINS_ENV}"
            if len(who) > 1
            else f"{who[0]} brings two {kind}s named {name!r}; rename one"
        )
        summary = f"it shares the name of a {kind} with another"
        for rival in rivals if len(required) != 1 else [r for r in rivals if r not in required]:
            apart[rival.name] = _apart(rival, None, summary=summary, reason=reason)
    return [one for one in plugins if one.name not in apart], list(apart.values())


def _names(plugin: Plugin) -> Iterator[tuple[str, str]]:
    for spec in plugin.specs:
        yield "provider", spec.name
        for webhook in spec.webhooks:
            yield "webhook", webhook.name
    for own in plugin.contributions.webhooks:
        yield "webhook", own.name
    for name in plugin.operation_names:
        yield "route", name


def as_problem(refused: str) -> SettingProblem:
    """Give what is *refused* as a problem of the list of plugins, to be told with the others."""
    return SettingProblem(PLUGINS_ENV, f"names what cannot be used: {refused}")
