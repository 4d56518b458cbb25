"""From entry points to a checked list of specs."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import pluggy

from clientflow_core.contributions.routes import operation_name
from clientflow_core.errors import PluginError, SettingProblem, SettingsError
from clientflow_core.hookspecs import Hooks
from clientflow_core.providers.spec import AnySpec, ProviderKind, ProviderSpec
from clientflow_core.registry.contributions import Contributions, contributions_of
from clientflow_core.registry.hook_calls import PluginHooks, RuleBroken
from clientflow_core.registry.index import cached_installed
from clientflow_core.registry.installed import InstalledPlugin, describe, source_of
from clientflow_core.registry.plugin_folder import find_plugin_files

if TYPE_CHECKING:
    import importlib.metadata

PLUGINS_ENV: Final = "CLIENTFLOW_PLUGINS"
_REMEDY: Final = f"mend it, uninstall it, or name only the others in {PLUGINS_ENV}"


@attrs.frozen(kw_only=True)
class Plugin:
    """A plugin that was found, with what it registers.

    Attributes:
        name: its entry point's name; what ``CLIENTFLOW_PLUGINS`` lists.
        version: of the distribution that brings it.
        specs: the providers it brings.
        distribution: what ``pip`` calls it; None for one that no distribution brings.
        contributions: what it brings beside providers.
        sdk_troubles: by provider, what of its SDK is of a version that it cannot use.
        remark: what its author should mend, though it works; None if there is nothing.
    """

    name: str
    version: str
    specs: tuple[AnySpec, ...]
    distribution: str | None = None
    contributions: Contributions = attrs.field(factory=Contributions)
    sdk_troubles: Mapping[str, str] = attrs.field(factory=dict)
    remark: str | None = None

    @property
    def operation_names(self) -> tuple[str, ...]:
        """What its routes are called in the API's document."""
        return tuple(operation_name(self.name, route.name) for route in self.contributions.routes)

    @property
    def source(self) -> str:
        """Whose it is, for an error message."""
        return source_of(self.name, self.distribution, self.version)


# Which hook brings the providers of which kind.
_HOOKS: Final[Mapping[ProviderKind, Callable[[Hooks], Iterable[AnySpec]]]] = {
    ProviderKind.CHANNEL: Hooks.clientflow_channels,
    ProviderKind.BILLING: Hooks.clientflow_billing,
    ProviderKind.CALENDAR: Hooks.clientflow_calendars,
    ProviderKind.ASSISTANT: Hooks.clientflow_assistants,
    ProviderKind.IDENTITY: Hooks.clientflow_identities,
    ProviderKind.OBSERVER: Hooks.clientflow_observers,
}


def discover_plugins(
    found: "Iterable[importlib.metadata.EntryPoint] | None" = None,
    *,
    names: Sequence[str] | None = None,
    folder: Path | None = None,
) -> Sequence[Plugin]:
    """Load installed plugins and ask them for their specs; no SDK is imported.

    Args:
        found: the entry points to look at; by default those of the group ``clientflow.plugins``.
        names: load only these, so that nothing else that is installed can get in the way; None
            loads every one.
        folder: whose files are looked at too, each a plugin.

    Raises:
        SettingsError: one of *names* is not installed, or *folder* cannot be looked into.
        PluginError: one is for another version of ClientFlow, cannot be imported, breaks the
            rules of registration, or two have a name in common; the message says which and what
            to do.
    """
    points = (
        installed_plugins(folder)
        if found is None
        else [*describe(found), *find_plugin_files(folder)]
    )
    if names is not None:
        refuse_unknown(names, installed=[point.name for point in points])
        points = [point for point in points if point.name in names]
    points.sort(key=lambda point: point.name)
    _refuse_same_names([(point.name, point.source) for point in points], "plugin")
    plugins = [load_plugin(point) for point in points]
    specs = [(spec, plugin.source) for plugin in plugins for spec in plugin.specs]
    _refuse_same_names([(spec.name, source) for spec, source in specs], "provider")
    webhooks = [(webhook.name, source) for spec, source in specs for webhook in spec.webhooks]
    webhooks += [
        (one.name, plugin.source) for plugin in plugins for one in plugin.contributions.webhooks
    ]
    _refuse_same_names(webhooks, "webhook")
    routes = [(name, plugin.source) for plugin in plugins for name in plugin.operation_names]
    _refuse_same_names(routes, "route")
    return plugins


def installed_plugins(
    folder: Path | None = None, *, cache: Path | None = None
) -> list[InstalledPlugin]:
    """Give what is installed in the group ``clientflow.plugins``, and the files of *folder*.

    Args:
        folder: whose files are plugins too.
        cache: a folder that keeps what was found for the next time; None keeps nothing.

    Raises:
        SettingsError: *folder* cannot be looked into.
    """
    return [*cached_installed(cache), *find_plugin_files(folder)]


def refuse_unknown(names: Iterable[str], *, installed: Collection[str]) -> None:
    """Make sure that each of *names*, from ``CLIENTFLOW_PLUGINS``, is *installed*.

    Raises:
        SettingsError: one is not.
    """
    unknown = [name for name in names if name not in installed]
    if unknown:
        known = ", ".join(sorted(installed)) or "none"
        problem = f"names {', '.join(unknown)}; installed are: {known}"
        hint = "correct the name, or install the distribution that brings it"
        raise SettingsError([SettingProblem(PLUGINS_ENV, problem, hint)])


def load_plugin(point: InstalledPlugin) -> Plugin:
    """Load a plugin, and ask it for its specs; no SDK is imported.

    Raises:
        PluginError: it is for another version of ClientFlow, and then it is not imported; or it
            cannot be imported, or breaks the rules of registration.
    """
    if point.trouble:
        raise PluginError(point.trouble)
    try:
        loaded = point.load()
    except Exception as error:
        raise _broken(point, f"cannot be imported: {error!r}") from error
    try:
        hooks = PluginHooks(loaded, point.name)
        specs = _collect_specs(hooks)
        contributions = contributions_of(hooks)
    except (RuleBroken, pluggy.PluginValidationError) as error:
        raise _broken(point, f"breaks the rules of registration: {error}") from error
    except Exception as error:
        raise _broken(point, f"failed when it was asked what it brings: {error!r}") from error
    return Plugin(
        name=point.name,
        version=point.version or "unknown",
        specs=tuple(specs),
        distribution=point.distribution,
        contributions=contributions,
        sdk_troubles=point.sdk_troubles,
        remark=point.remark,
    )


def _broken(point: InstalledPlugin, what: str) -> PluginError:
    return PluginError(f"{point.source} {what}; {_REMEDY}")


def specs_of(plugin: object, name: str) -> list[AnySpec]:
    """Ask *plugin*, whose entry point is *name*, for the providers that it brings.

    Raises:
        RuleBroken, pluggy.PluginValidationError: it breaks the rules of registration.
        Exception: a hook's own.
    """
    return _collect_specs(PluginHooks(plugin, name))


def _collect_specs(hooks: PluginHooks) -> list[AnySpec]:
    found: list[AnySpec] = []
    for kind, hook in _HOOKS.items():
        for spec in hooks.collect(hook, of=ProviderSpec):
            if spec.kind is not kind:
                msg = f"{hook.__name__} gives {spec.name!r}, whose kind is {spec.kind}, not {kind}"
                raise RuleBroken(msg)
            found.append(spec)
    return found


def _refuse_same_names(names: Sequence[tuple[str, str]], what: str) -> None:
    seen: dict[str, str] = {}
    for name, source in names:
        if seen.get(name) == source:
            msg = f"{source} brings two {what}s named {name!r}; rename one"
            raise PluginError(msg)
        if name in seen:
            msg = f"{seen[name]} and {source} both bring a {what} named {name!r}; uninstall one"
            raise PluginError(msg)
        seen[name] = source
