"""``clientflow x``: the commands that plugins bring."""

import pkgutil
from collections.abc import Iterable, Sequence
from typing import Annotated

from cyclopts import App, Parameter

from clientflow_core.errors import PluginError
from clientflow_core.registry.discovery import Plugin
from clientflow_host.cli import LOOK, app
from clientflow_host.cli.options import read_all

_HELP = "Commands that plugins bring: clientflow x PLUGIN COMMAND."

# It takes --help as it takes everything: which plugins there are is looked up when it is run.
extensions = App(name="x", help=_HELP, group=LOOK, help_flags=[], version_flags=[])
app.command(extensions)


@extensions.default
def run_extension(
    *tokens: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
) -> object:
    """Run the command of a plugin; without one, list them.

    Raises:
        PluginError: there is no such command, or its code cannot be imported.
        SettingsError: the host's settings are not usable.
    """
    from clientflow_host.plugin_commands import find_commands  # noqa: PLC0415 - heavy

    plugins = find_commands(read_all(None), named=tokens[0] if tokens else None)
    _check(plugins, tokens)
    return extension_app(plugins)(tokens or ["--help"])


def extension_app(plugins: Iterable[Plugin]) -> App:
    """Give the commands of *plugins*; to list them imports none of their code."""
    commands = App(name="clientflow x", help=_HELP, version_flags=[])
    for plugin in plugins:
        if not plugin.contributions.commands:
            continue
        group = App(name=plugin.name, help=f"Commands of {plugin.source}.", version_flags=[])
        for spec in plugin.contributions.commands:
            group.command(spec.target, name=spec.name, help=spec.help)
        commands.command(group)
    return commands


def _check(plugins: Sequence[Plugin], tokens: Sequence[str]) -> None:
    """Make sure that what *tokens* name is there, so that what is wrong is told with whose it is.

    Cyclopts would import the code of every command to say which there are.

    Raises:
        PluginError: there is no such plugin or command, or its code cannot be imported.
    """
    named = [token for token in tokens[:2] if not token.startswith("-")]
    if not named:
        return
    having = {plugin.name: plugin for plugin in plugins if plugin.contributions.commands}
    if named[0] not in having:
        msg = f"no plugin {named[0]!r} brings commands; those that do: {_listed(having)}"
        raise PluginError(msg)
    plugin = having[named[0]]
    targets = {spec.name: spec.target for spec in plugin.contributions.commands}
    for name in named[1:]:
        if name not in targets:
            msg = f"{plugin.source} brings no command {name!r}; it brings: {_listed(targets)}"
            raise PluginError(msg)
        try:
            pkgutil.resolve_name(targets[name])
        except Exception as error:
            msg = f"the command {name!r} of {plugin.source} cannot be imported: {error!r}"
            raise PluginError(msg) from error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
