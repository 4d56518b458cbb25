"""Which commands plugins bring; only the plugin whose command is run is imported for it."""

from collections.abc import Mapping, Sequence

from clientflow_core.contributions.commands import CommandSpec
from clientflow_core.registry.contributions import Contributions
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.finding import find_plugins
from clientflow_core.registry.installed import InstalledPlugin
from clientflow_core.registry.manifest import Manifest
from clientflow_core.registry.set_up import is_begun
from clientflow_host.assembly import redact_for, wanted_plugins
from clientflow_host.settings import load_host_settings


def find_commands(values: Mapping[str, str], *, named: str | None) -> Sequence[Plugin]:
    """Give the plugins, each with its commands.

    Args:
        values: the settings.
        named: the plugin whose command is to be run. It is loaded, and so are those that are
            enabled; of the others only what their manifests say is given.

    Raises:
        SettingsError: the host's settings are not usable, or a plugin that must work is not
            installed.
    """

    def is_needed(manifest: Manifest) -> bool:
        is_run = named is not None and not named.startswith("-")
        return is_run and (manifest.plugin == named or is_begun(manifest, values=values))

    wanted = wanted_plugins(load_host_settings(dict(values)))
    found = find_plugins(wanted, values=values, is_needed=is_needed)
    redact_for(found.plugins)
    described = [_described(one, one.manifest) for one in found.idle if one.manifest]
    return sorted([*found.plugins, *described], key=lambda plugin: plugin.name)


def _described(installed: InstalledPlugin, manifest: Manifest) -> Plugin:
    commands = (
        CommandSpec(name=one.name, help=one.help, target=one.target) for one in manifest.commands
    )
    return Plugin(
        name=installed.name,
        version=installed.version or "unknown",
        specs=(),
        distribution=installed.distribution,
        contributions=Contributions(commands=tuple(commands)),
    )
