"""``clientflow billing``: ask the billing providers for what may have been missed."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cyclopts import App

from clientflow_host.cli import RUN, app
from clientflow_host.cli.database import opened_database
from clientflow_host.cli.options import AsJson, StateDir, read_all, running_up
from clientflow_host.cli.tables import print_rows

billing = App(name="billing", help="Plans and subscriptions.", group=RUN)
app.command(billing)

_COLUMNS: Final = ("provider", "plans", "problem")


@billing.command
def sync(*, state_dir: StateDir = None, json: AsJson = False) -> None:
    """Read what is on sale, and have the worker read what every customer has.

    Exits with 1 if a provider could not be asked. The worker does the same every few hours.
    """
    values = read_all(state_dir)
    note = running_up(values)
    of_up = {**note.settings, "CLIENTFLOW_PUBLIC_URL": note.url} if note else {}
    rows = asyncio.run(_sync({**of_up, **values}))
    print_rows(rows, columns=_COLUMNS, as_json=json, empty="No billing provider is enabled.")
    if any(row["problem"] for row in rows):
        sys.exit(1)


async def _sync(values: dict[str, str]) -> Sequence[Mapping[str, Any]]:
    from clientflow_core.services.sync_billing import find_plans, record_sync  # noqa: PLC0415
    from clientflow_host.assembly import load_everything  # noqa: PLC0415 - heavy

    _, registry = load_everything(values)
    async with opened_database(values) as database, registry:
        found = await find_plans(registry)
        async with database.system() as transaction:
            await record_sync(transaction, found)
    done = [
        {"provider": name, "plans": len(plans), "problem": None}
        for name, plans in found.plans.items()
    ]
    failed = [
        {"provider": name, "plans": None, "problem": str(error)}
        for name, error in found.failures.items()
    ]
    return [*done, *failed]
