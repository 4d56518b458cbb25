"""The commands that list plugins and jobs, and decide about jobs that were given up."""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from clientflow_host.cli import LOOK, app
from clientflow_host.cli.database import system_transaction
from clientflow_host.cli.options import AsJson, Most, PluginsDir, StateDir, read_all, running_up
from clientflow_host.cli.tables import print_rows

jobs = App(name="jobs", help="Work that is still to be done, or was given up.", group=LOOK)
app.command(jobs)

_PLUGIN_COLUMNS: Final = ("name", "kind", "version", "state", "tier", "reason")
_Ids = Annotated[int, Parameter(name="ID", help="As `jobs list --dead` has them.")]
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


@jobs.command(name="retry")
def retry_jobs(*ids: _Ids, state_dir: StateDir = None, json: AsJson = False) -> None:
    """Have jobs that were given up tried again, once the cause is mended.

    Each has as many attempts as a new one. What was told to a person as failed meanwhile, such as a
    message, stays so: `events replay` is for webhooks, and a message is written again.
    """
    values = read_all(state_dir)
    _tell(ids, asyncio.run(_revive(values, ids)), outcome="retried", as_json=json)


@jobs.command(name="discard")
def discard_jobs(*ids: _Ids, state_dir: StateDir = None, json: AsJson = False) -> None:
    """Remove jobs that were given up and that nobody needs any more."""
    values = read_all(state_dir)
    _tell(ids, asyncio.run(_discard(values, ids)), outcome="discarded", as_json=json)


async def _revive(values: dict[str, str], ids: Sequence[int]) -> Collection[int]:
    from clientflow_core.persistence.repositories.dead_jobs import revive_jobs  # noqa: PLC0415

    async with system_transaction(values) as transaction:
        return await revive_jobs(transaction, ids)


async def _discard(values: dict[str, str], ids: Sequence[int]) -> Collection[int]:
    from clientflow_core.persistence.repositories.dead_jobs import discard_jobs  # noqa: PLC0415

    async with system_transaction(values) as transaction:
        return await discard_jobs(transaction, ids)


def _tell(ids: Sequence[int], done: Collection[int], *, outcome: str, as_json: bool) -> None:
    rows = [{"id": one, "outcome": outcome if one in done else "not given up"} for one in ids]
    print_rows(rows, columns=("id", "outcome"), as_json=as_json, empty="Name jobs by their ids.")
    if not ids or len(done) < len(set(ids)):
        sys.exit(1)
