"""From entry points to a checked list of specs."""

import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import attrs
import pluggy

from clientflow_core.errors import PluginError, SettingProblem, SettingsError
from clientflow_core.hookspecs import ENTRY_POINT_GROUP, PROJECT, Hooks
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.spec import AnySpec, ProviderSpec

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
    """

    name: str
    version: str
    specs: tuple[AnySpec, ...]
    distribution: str | None = None

    @property
    def source(self) -> str:
        """Whose it is, for an error message."""
        return _source(self.name, self.distribution, self.version)


class _RuleBroken(Exception):
    """Says what a plugin does wrong; :func:`_load` adds whose it is."""


def discover_plugins(
    found: Iterable[EntryPoint] | None = None, *, names: Sequence[str] | None = None
) -> Sequence[Plugin]:
    """Load installed plugins and ask them for their specs; no SDK is imported.

    Args:
        found: the entry points to look at; by default those of the group ``clientflow.plugins``.
        names: load only these, so that nothing else that is installed can get in the way; None
            loads every one.

    Raises:
        SettingsError: one of *names* is not installed.
        PluginError: one cannot be imported, breaks the rules of registration, or two have a name
            in common; the message says which and what to do.
    """
    points = list(entry_points(group=ENTRY_POINT_GROUP) if found is None else found)
    if names is not None:
        refuse_unknown(names, installed=[point.name for point in points])
        points = [point for point in points if point.name in names]
    points.sort(key=lambda point: point.name)
    _refuse_same_names([(point.name, _source_of(point)) for point in points], "plugin")
    plugins = [_load(point) for point in points]
    specs = [(spec, plugin.source) for plugin in plugins for spec in plugin.specs]
    _refuse_same_names([(spec.name, source) for spec, source in specs], "provider")
    webhooks = [(webhook.name, source) for spec, source in specs for webhook in spec.webhooks]
    _refuse_same_names(webhooks, "webhook")
    return plugins


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


def _load(point: EntryPoint) -> Plugin:
    try:
        loaded = point.load()
    except Exception as error:
        raise _broken(point, f"cannot be imported: {error!r}") from error
    try:
        specs = _collect(loaded, point.name)
    except (_RuleBroken, pluggy.PluginValidationError) as error:
        raise _broken(point, f"breaks the rules of registration: {error}") from error
    except Exception as error:
        raise _broken(point, f"failed when it was asked what it brings: {error!r}") from error
    return Plugin(
        name=point.name,
        version=point.dist.version if point.dist else "unknown",
        specs=tuple(specs),
        distribution=point.dist.name if point.dist else None,
    )


def _broken(point: EntryPoint, what: str) -> PluginError:
    return PluginError(f"{_source_of(point)} {what}; {_REMEDY}")


def _collect(plugin: object, name: str) -> list[AnySpec]:
    if not isinstance(plugin, Hooks):
        msg = (
            "its entry point must name an instance of a class that subclasses"
            f" clientflow_core.hookspecs.Hooks, not {plugin!r}"
        )
        raise _RuleBroken(msg)
    _refuse_undecorated(type(plugin))
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(plugin, name=name)
    manager.check_pending()
    return _call(manager, Hooks.clientflow_channels)


def _call(
    manager: pluggy.PluginManager,
    hook: Callable[[Hooks], Iterable[ProviderSpec[Any, ChannelProvider]]],
) -> list[AnySpec]:
    """Call *hook*, named by its spec, so that a type checker knows what comes back."""
    # Not through pluggy, which drops an answer of None in silence.
    functions = [found.function for found in getattr(manager.hook, hook.__name__).get_hookimpls()]
    answers = [function() for function in functions]
    return [spec for answer in answers for spec in _specs_in(answer, hook.__name__)]


def _specs_in(answer: object, hook: str) -> Iterable[AnySpec]:
    if inspect.iscoroutine(answer):
        answer.close()
    if not isinstance(answer, Iterable):
        msg = (
            f"{hook} must give a list of ProviderSpec, and gives {type(answer).__name__};"
            " hooks are plain functions, not async"
        )
        raise _RuleBroken(msg)
    for spec in answer:
        if not isinstance(spec, ProviderSpec):
            msg = f"{hook} must give a list of ProviderSpec, and {spec!r} in it is none"
            raise _RuleBroken(msg)
        yield spec


def _refuse_undecorated(plugin_class: type[Hooks]) -> None:
    # pluggy ignores a method without its mark in silence.
    for name in dir(plugin_class):
        method = getattr(plugin_class, name)
        is_ours = name.startswith(f"{PROJECT}_") and method is not getattr(Hooks, name, None)
        if is_ours and not hasattr(method, f"{PROJECT}_impl"):
            msg = f"mark {name} with @hookimpl"
            raise _RuleBroken(msg)


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


def _source_of(point: EntryPoint) -> str:
    dist = point.dist
    return _source(point.name, dist.name, dist.version) if dist else _source(point.name, None, "")


def _source(name: str, distribution: str | None, version: str) -> str:
    return f"the plugin {name!r}" + (f" of {distribution} {version}" if distribution else "")
