"""Which plugins are installed, and which of them can be used: each is loaded by itself."""

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from clientflow_core.errors import PluginError
from clientflow_core.registry.discovery import (
    PLUGINS_ENV,
    Plugin,
    installed_plugins,
    load_plugin,
    refuse_unknown,
)
from clientflow_core.registry.index import cache_folder
from clientflow_core.registry.installed import InstalledPlugin, describe
from clientflow_core.registry.manifest import FILE_NAME, Manifest, agrees
from clientflow_core.registry.plugin_folder import PLUGINS_DIR_ENV, find_plugin_files
from clientflow_core.registry.quarantine import Quarantined, kept_apart, kept_unloaded
from clientflow_core.registry.set_up import is_begun

if TYPE_CHECKING:
    import importlib.metadata

OPTIONAL_ENV: Final = "CLIENTFLOW_OPTIONAL_PLUGINS"

_STALE: Final = f"its {FILE_NAME} is not what its code says: clientflow plugin manifest"

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
    if wanted.names is not None:
        is_needed = None
    elif values is not None:
        is_needed = is_needed or functools.partial(is_begun, values=values)
    return _load_each(_listed(installed, wanted), wanted, is_needed=is_needed)


def discover_plugins(
    found: "Iterable[importlib.metadata.EntryPoint] | None" = None,
    *,
    names: Sequence[str] | None = None,
    folder: Path | None = None,
) -> Sequence[Plugin]:
    """Load plugins that must all work, and ask them for their specs; no SDK is imported.

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
    wanted = Wanted(required=None if names is None else tuple(names), folder=folder)
    installed = (
        installed_plugins(folder)
        if found is None
        else [*describe(found), *find_plugin_files(folder)]
    )
    result = _load_each(_listed(installed, wanted), wanted, is_needed=None)
    if result.broken:
        causes = [one.cause for one in result.broken if one.cause is not None]
        reasons = dict.fromkeys(one.reason for one in result.broken)
        raise PluginError("\n".join(reasons)) from (causes[0] if causes else None)
    return result.plugins


def _listed(installed: Sequence[InstalledPlugin], wanted: Wanted) -> Sequence[InstalledPlugin]:
    points = sorted(installed, key=lambda point: point.name)
    if wanted.names is None:
        return points
    refuse_unknown(wanted.required or (), installed=[point.name for point in points])
    return [point for point in points if point.name in wanted.names]


def _load_each(
    points: Sequence[InstalledPlugin], wanted: Wanted, *, is_needed: IsNeeded | None
) -> Found:
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


def _load(point: InstalledPlugin) -> Plugin | Quarantined:
    try:
        plugin = load_plugin(point)
    except PluginError as error:
        if point.trouble:
            summary = "it is made for another version of ClientFlow"
            broken = kept_unloaded(point, summary=summary, reason=point.trouble)
            return attrs.evolve(broken, is_incompatible=True)
        kind = type(error.__cause__).__name__ if error.__cause__ else type(error).__name__
        broken = kept_unloaded(point, summary=f"it cannot be loaded ({kind})", reason=str(error))
        return attrs.evolve(broken, cause=error.__cause__)
    if point.manifest and not agrees(point.manifest, plugin):
        return attrs.evolve(plugin, remark=_STALE)
    return plugin


def _shared(point: InstalledPlugin, rivals: Collection[InstalledPlugin]) -> Quarantined:
    who = " and ".join(_owner(one) for one in rivals)
    reason = f"{who} both bring a plugin named {point.name!r}; uninstall one"
    return kept_unloaded(point, summary="it shares its name with another", reason=reason)


def _owner(point: InstalledPlugin) -> str:
    if point.distribution is None:
        return f"a file in {PLUGINS_DIR_ENV}"
    return f"{point.distribution} {point.version}"


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
            apart[rival.name] = kept_apart(rival, None, summary=summary, reason=reason)
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
