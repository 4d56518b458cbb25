"""Which plugins are enabled.

An operator's list says which plugins must work: whatever is wrong with one of those refuses the
start. What is optional, or merely installed, is quarantined instead.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence

import attrs

from clientflow_core.errors import PluginError, SettingProblem, SettingsError
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.discovery import PLUGINS_ENV, Plugin
from clientflow_core.registry.finding import Found, Wanted
from clientflow_core.registry.quarantine import Quarantined, kept_apart
from clientflow_core.registry.set_up import begun, is_left_unset
from clientflow_core.settings import Completeness, load_all, load_settings

LeaveOut = Callable[[AnySpec], bool]


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


def as_problem(refused: str) -> SettingProblem:
    """Give what is *refused* as a problem of the list of plugins, to be told with the others."""
    return SettingProblem(PLUGINS_ENV, f"names what cannot be used: {refused}")


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
        return kept_apart(plugin, spec, summary="its SDK is not installed", reason=reason)
    if (reason := plugin.sdk_troubles.get(spec.name)) is not None:
        summary = "its SDK is of another version than it needs"
        apart = kept_apart(plugin, spec, summary=summary, reason=reason)
        return attrs.evolve(apart, is_incompatible=True)
    if not wanted.is_optional(plugin.name):
        return None
    return _settings_trouble(plugin, spec, lambda: _check_settings(spec, values, public_url))


def _own_trouble(
    plugin: Plugin, values: Mapping[str, str], *, wanted: Wanted
) -> Quarantined | None:
    """Say what is wrong with the settings that an optional plugin has beside its providers'."""
    if not wanted.is_optional(plugin.name):
        return None
    return _settings_trouble(plugin, None, lambda: load_all(plugin.contributions.settings, values))


def _settings_trouble(
    plugin: Plugin, spec: AnySpec | None, check: Callable[[], object]
) -> Quarantined | None:
    try:
        check()
    except SettingsError as error:
        names = ", ".join(dict.fromkeys(problem.env for problem in error.problems))
        summary, reason = f"its settings: {names}", _words(error)
    except Exception as error:  # noqa: BLE001 - its own checks are a plugin's code
        summary = f"its settings cannot be checked ({type(error).__name__})"
        reason = f"{plugin.source}: {summary}"
    else:
        return None
    return kept_apart(plugin, spec, summary=summary, reason=reason)


def _check_settings(spec: AnySpec, values: Mapping[str, str], public_url: str | None) -> None:
    settings = load_settings(spec.settings, values)
    _ = spec.addresses(settings)
    problems = list(spec.check_public_url(settings, public_url)) if public_url else []
    if problems:
        raise SettingsError(problems)


def _words(error: SettingsError) -> str:
    return "; ".join(f"{problem.env} {problem.problem}" for problem in error.problems)
