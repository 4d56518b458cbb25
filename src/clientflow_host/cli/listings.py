"""The command that lists plugins."""

from typing import Final

from clientflow_host.cli import LOOK, app
from clientflow_host.cli.options import AsJson, PluginsDir, StateDir, read_all, running_up
from clientflow_host.cli.tables import print_rows

_PLUGIN_COLUMNS: Final = ("name", "kind", "version", "state", "tier", "reason")


@app.command(group=LOOK)
def plugins(
    *, state_dir: StateDir = None, plugins_dir: PluginsDir = None, json: AsJson = False
) -> None:
    """List the providers that are installed, and whether each is enabled."""
    from clientflow_host.plugin_states import list_plugins  # noqa: PLC0415 - imports the plugins

    values = read_all(state_dir, plugins_dir=plugins_dir)
    note = running_up(values)
    sandboxed = note.settings if note else {}
    rows = list_plugins(values, sandboxed=sandboxed)
    print_rows(rows, columns=_PLUGIN_COLUMNS, as_json=json, empty="No plugin is installed.")
