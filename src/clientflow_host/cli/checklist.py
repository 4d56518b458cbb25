"""``clientflow checklist``: what can be told of the running system."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import attrs
from cyclopts import Parameter
from structlog.testing import capture_logs

from clientflow_core.contributions.checks import CheckStatus
from clientflow_host.cli import LOOK, app
from clientflow_host.cli.options import AsJson, PluginsDir, StateDir, read_all, running_up
from clientflow_host.cli.tables import print_rows

if TYPE_CHECKING:
    from clientflow_host.checklist.running import CheckedItem, Chosen

_COLUMNS = ("id", "plugin", "title", "status", "found", "expected", "hint")


@app.command(group=LOOK)
def checklist(
    *ids: Annotated[str, Parameter(name="ID")],
    plugin: Annotated[str | None, Parameter(name="--plugin")] = None,
    format: Literal["table", "json"] = "table",  # noqa: A002 - the word that people look for
    json: AsJson = False,
    state_dir: StateDir = None,
    plugins_dir: PluginsDir = None,
) -> None:
    """Check what the enabled plugins need of the running system; exit with 1 if anything failed.

    Nothing is sent and nothing is changed.

    Args:
        ids: Only these items.
        plugin: Only those of this plugin.
        format: How they are printed.
        json: The same as --format json.
        state_dir: The folder for state; also CLIENTFLOW_STATE_DIR.
        plugins_dir: A folder whose *.py are plugins too; also CLIENTFLOW_PLUGINS_DIR.
    """
    from clientflow_host.checklist.running import Chosen  # noqa: PLC0415 - heavy

    values = read_all(state_dir, plugins_dir=plugins_dir)
    note = running_up(values)
    of_up = {**note.settings, "CLIENTFLOW_PUBLIC_URL": note.url} if note else {}
    # What is logged meanwhile is what the items say.
    with capture_logs():
        items = asyncio.run(_run({**of_up, **values}, Chosen(ids=ids, plugin=plugin)))
    print_rows(
        [attrs.asdict(item) for item in items],
        columns=_COLUMNS,
        as_json=json or format == "json",
        empty="No enabled plugin brings checks; `clientflow plugins` lists all.",
    )
    if any(item.status is CheckStatus.FAILED for item in items):
        sys.exit(1)


async def _run(values: Mapping[str, str], chosen: "Chosen") -> "Sequence[CheckedItem]":
    from clientflow_host.assembly import load_everything  # noqa: PLC0415 - heavy
    from clientflow_host.checklist.running import run_checks  # noqa: PLC0415 - heavy

    settings, registry = load_everything(values)
    async with registry:
        return await run_checks(registry, public_url=settings.url, chosen=chosen)
