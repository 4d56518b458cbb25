"""The commands that list something: plugins, events, jobs."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter, validators

from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_host.cli import LOOK, app
from clientflow_host.cli.options import (
    AsJson,
    StateDir,
    read_all,
    running_up,
    settings_with_database,
)
from clientflow_host.cli.tables import print_rows

if TYPE_CHECKING:
    from clientflow_core.persistence.database import Transaction

events = App(name="events", help="Webhooks that came in.", group=LOOK)
jobs = App(name="jobs", help="Work that is still to be done, or was given up.", group=LOOK)
app.command(events)
app.command(jobs)

_PLUGIN_COLUMNS: Final = ("name", "kind", "version", "state", "tier")
_EVENT_COLUMNS: Final = ("id", "received_at", "plugin", "webhook", "state", "reason")
_JOB_COLUMNS: Final = ("id", "lane", "kind", "run_at", "attempts", "last_error", "dead_at")

Most = Annotated[
    int,
    Parameter(
        name="--limit",
        help="How many at the most.",
        validator=validators.Number(gte=1, lte=10_000),
    ),
]


@app.command(group=LOOK)
def plugins(*, state_dir: StateDir = None, json: AsJson = False) -> None:
    """List the providers that are installed, and whether each is enabled."""
    from clientflow_host.plugin_states import list_plugins  # noqa: PLC0415 - imports the plugins

    values = read_all(state_dir)
    note = running_up(values)
    sandboxed = note.settings if note else {}
    rows = list_plugins(values, sandboxed=sandboxed)
    print_rows(rows, columns=_PLUGIN_COLUMNS, as_json=json, empty="No plugin is installed.")


@events.command(name="list")
def list_events(
    *,
    limit: Most = 50,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """List webhooks that were kept, the newest first."""
    rows = asyncio.run(_read_events(read_all(state_dir), limit))
    print_rows(rows, columns=_EVENT_COLUMNS, as_json=json, empty="No webhook has come in.")


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


async def _read_events(values: dict[str, str], most: int) -> Sequence[Mapping[str, Any]]:
    from clientflow_core.persistence.repositories.inbound_events import (  # noqa: PLC0415 - heavy
        list_inbound_events,
    )

    async with _transaction(values) as transaction:
        rows = await list_inbound_events(transaction, before=None, most=most)
    return [{**row, "id": to_public_id(IdPrefix.INBOUND_EVENT, row["id"])} for row in rows]


async def _read_jobs(
    values: dict[str, str], *, only_dead: bool, most: int
) -> Sequence[Mapping[str, Any]]:
    from clientflow_core.persistence.repositories.jobs import list_jobs  # noqa: PLC0415 - heavy

    async with _transaction(values) as transaction:
        return await list_jobs(transaction, only_dead=only_dead, most=most)


@asynccontextmanager
async def _transaction(values: dict[str, str]) -> "AsyncIterator[Transaction]":
    from clientflow_host.assembly import open_database, require_schema  # noqa: PLC0415 - heavy

    async with open_database(settings_with_database(values)) as database:
        await require_schema(database)
        async with database.system() as transaction:
            yield transaction
