"""The command that has webhooks handled again: events replay."""

import asyncio
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter, validators
from rich.console import Console
from rich.progress import Progress

from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_host.cli.database import opened_database
from clientflow_host.cli.events import Failed, Ignored, Since, events, named_states
from clientflow_host.cli.options import AsJson, StateDir, read_all, running_up
from clientflow_host.cli.tables import output, print_json, print_rows
from clientflow_host.cli.typed import typed_command

if TYPE_CHECKING:
    from uuid import UUID

    from clientflow_host.replaying import Replayed, Replaying

_COLUMNS: Final = ("id", "outcome", "reason")
# Of more than this many, those that were handled are counted only.
_MOST_LISTED: Final = 50
_MANY: Final = 20


def _check(**given: Any) -> None:
    is_chosen = bool(given.get("failed") or given.get("ignored"))
    if given.get("ids") and (is_chosen or given.get("since")):
        msg = "name events by their ids, or choose them by options, not both"
        raise ValueError(msg)
    if not given.get("ids") and not is_chosen:
        msg = "name events by their ids, or choose them by --failed or --ignored"
        raise ValueError(msg)


@events.command(name="replay", validator=_check)
def replay_events(
    *ids: Annotated[str, Parameter(name="ID", help="As `events list` has them.")],
    failed: Failed = False,
    ignored: Ignored = False,
    since: Since = None,
    wait: Annotated[
        float,
        Parameter(
            help="Follow them until nothing was handled for so many seconds; 0 does not follow.",
            validator=validators.Number(gte=0, lte=86_400),
        ),
    ] = 30,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """Have webhooks handled again, once the cause of their failure is mended.

    A worker handles them as if they had just come in. One that was handled before is left alone,
    and a text that is there already is not doubled. `events list` with the same options shows which
    they are.
    """
    values = read_all(state_dir)
    states = named_states(failed=failed, ignored=ignored)

    async def choose(replaying: "Replaying") -> "Collection[UUID]":
        # An id that is none is told before anything is asked for.
        named = [from_public_id(IdPrefix.INBOUND_EVENT, one) for one in dict.fromkeys(ids)]
        return named or await replaying.choose(states=states, since=since)

    replayed, trouble = asyncio.run(_replay(values, choose, wait_seconds=wait))
    if json:
        print_json([_row(one) for one in replayed])
    else:
        _print(replayed, trouble=trouble)
        if any(one.end == "failed" for one in replayed):
            show = typed_command(running_up(values), "events show ID")
            output().print(f"What is known of one: {show}", markup=False, soft_wrap=True)
    if wait and not all(one.is_good for one in replayed):
        sys.exit(1)


async def _replay(
    values: dict[str, str], choose: Any, *, wait_seconds: float
) -> "tuple[Sequence[Replayed], str | None]":
    """Replay what *choose* gives; say what became of it, and why it was not followed to its end."""
    from clientflow_host.replaying import Replaying  # noqa: PLC0415 - heavy

    async with opened_database(values) as database:
        replaying = Replaying(database)
        await replaying.ask(list(await choose(replaying)))
        if not await replaying.has_worker():
            return replaying.replayed(), "no worker is running: start `clientflow worker`"
        await _follow(replaying, wait_seconds=wait_seconds)
        return replaying.replayed(), f"nothing was handled for {wait_seconds:g} s"


async def _follow(replaying: "Replaying", *, wait_seconds: float) -> None:
    count = len(replaying.replayed())
    console = Console(stderr=True)
    is_shown = count > _MANY and console.is_terminal
    with Progress(console=console, transient=True, disable=not is_shown) as progress:
        task = progress.add_task("handling …", total=count)
        async for settled in replaying.follow(wait_seconds=wait_seconds):
            progress.update(task, completed=settled)


def _row(one: "Replayed") -> dict[str, Any]:
    public_id = to_public_id(IdPrefix.INBOUND_EVENT, one.id)
    return {"id": public_id, "outcome": one.end.value, "reason": one.reason}


def _print(replayed: "Sequence[Replayed]", *, trouble: str | None) -> None:
    if not replayed:
        output().print("There is no such webhook.")
        return
    listed = replayed
    if len(replayed) > _MOST_LISTED:
        listed = [one for one in replayed if not one.is_good][:_MOST_LISTED]
    if listed:
        print_rows([_row(one) for one in listed], columns=_COLUMNS, as_json=False, empty="")
    counts = Counter(one.end.value for one in replayed)
    if len(replayed) > 1:
        told = ", ".join(f"{count} {end}" for end, count in counts.items())
        output().print(f"{len(replayed)} replayed: {told}.")
    if counts["waiting"]:
        output().print(f"Not handled yet; {trouble}.", markup=False)
