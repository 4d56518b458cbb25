"""From entry points to a checked list of specs."""

from collections.abc import Callable, Collection, Iterable, Mapping
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
from clientflow_core.registry.installed import InstalledPlugin, source_of
from clientflow_core.registry.plugin_folder import find_plugin_files

if TYPE_CHECKING:
    pass

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


def _collect_specs(hooks: PluginHooks) -> list[AnySpec]:
    found: list[AnySpec] = []
    for kind, hook in _HOOKS.items():
        for spec in hooks.collect(hook, of=ProviderSpec):
            if spec.kind is not kind:
                msg = f"{hook.__name__} gives {spec.name!r}, whose kind is {spec.kind}, not {kind}"
                raise RuleBroken(msg)
            found.append(spec)
    return found
