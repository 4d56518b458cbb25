"""The processes of the service, as they show themselves in the database."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Final

from clientflow_core.persistence.repositories.heartbeats import Process, list_processes
from clientflow_host.checklist.host_checks import HostCheckContext
from clientflow_host.heartbeat import FRESH_SECONDS

SERVE, WORKER = "serve", "worker"
KINDS: Final = (SERVE, WORKER)
START: Final = (
    "Start `clientflow serve` and `clientflow worker`; where one runs, its log says what keeps it"
    " from the database."
)
_DAY_SECONDS: Final = 86_400.0


async def fresh_processes(context: HostCheckContext, *, kind: str | None = None) -> list[Process]:
    """List the processes that are there, or those of a kind."""
    async with context.database.system() as transaction:
        found = await list_processes(transaction, seen_within_seconds=FRESH_SECONDS)
    return [one for one in found if kind in (None, one.kind)]


async def last_seen(context: HostCheckContext, kind: str) -> str:
    """Tell in words when a process of a kind was last there."""
    async with context.database.system() as transaction:
        listed = await list_processes(transaction, seen_within_seconds=_DAY_SECONDS)
    seen = max((one.seen_at for one in listed if one.kind == kind), default=None)
    if seen is None:
        return f"no {kind} was seen for a day"
    return f"no {kind} is there: the last was seen {ago(context, seen)} ago"


def ago(context: HostCheckContext, moment: dt.datetime) -> str:
    """Tell how long ago *moment* was."""
    return f"{max(0, (context.now - moment).total_seconds()):.0f} s"


def names(processes: Iterable[Process]) -> str:
    """Name *processes*."""
    return ", ".join(one.process for one in processes)


def detail(process: Process, name: str) -> Any:
    """Give what a process says of itself; None if it says nothing of the kind."""
    return process.details.get(name)


def differing(processes: Sequence[Process], name: str) -> list[str]:
    """List the members of a detail in which *processes* that name them differ, or lack them."""
    said = [detail(one, name) or {} for one in processes]
    known = sorted({member for one in said for member in one})
    return [member for member in known if len({one.get(member) for one in said}) > 1]
