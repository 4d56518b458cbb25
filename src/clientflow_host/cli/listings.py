"""The commands that list plugins and jobs."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from clientflow_host.cli import LOOK, app
from clientflow_host.cli.database import system_transaction
from clientflow_host.cli.options import AsJson, Most, PluginsDir, StateDir, read_all, running_up
from clientflow_host.cli.tables import print_rows

jobs = App(name="jobs", help="Work that is still to be done, or was given up.", group=LOOK)
app.command(jobs)

_PLUGIN_COLUMNS: Final = ("name", "kind", "version", "state", "tier", "reason")
_JOB_COLUMNS: Final = ("id", "lane", "kind", "run_at", "attempts", "last_error", "dead_at")


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


@jobs.command(name="list")
def list_jobs(
    *,
    dead: Annotated[
        bool, Parameter(help="Only those that were given up.", negative=(), show_default=False)
    ] = False,
    limit: Most = 50,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """List jobs that are not done, the longest due first."""
    rows = asyncio.run(_read_jobs(read_all(state_dir), only_dead=dead, most=limit))
    empty = "Nothing was given up." if dead else "There is nothing to do."
    print_rows(rows, columns=_JOB_COLUMNS, as_json=json, empty=empty)


async def _read_jobs(
    values: dict[str, str], *, only_dead: bool, most: int
) -> Sequence[Mapping[str, Any]]:
    from clientflow_core.persistence.repositories.jobs import list_jobs  # noqa: PLC0415 - heavy

    async with system_transaction(values) as transaction:
        return await list_jobs(transaction, only_dead=only_dead, most=most)
