"""The command that has a provider's sandbox send a webhook: trigger."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from clientflow_core.errors import ClientFlowError
from clientflow_host.cli import TRY, app
from clientflow_host.cli.options import AsJson, StateDir, read_all, running_up, state_folder
from clientflow_host.cli.tables import output, print_json
from clientflow_host.cli.typed import typed_command
from clientflow_host.cli.visible import visible
from clientflow_host.state import UpNote

if TYPE_CHECKING:
    from clientflow_host.triggering import TriggerEvent


def _check_pairs(_: Any, pairs: Sequence[str]) -> None:
    for pair in pairs or ():
        name, mark, _value = pair.partition("=")
        if not (name and mark):
            msg = f"write NAME=VALUE, not {pair!r}"
            raise ValueError(msg)


@app.command(group=TRY, sort_key=3)
def trigger(
    event: Annotated[
        str | None,
        Parameter(
            name="PROVIDER.EVENT",
            help="Such as twilio.inbound-sms; without it, all are listed.",
            show_default=False,
        ),
    ] = None,
    /,
    *,
    set_: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            help="NAME=VALUE: a field of the event; may be repeated.",
            validator=_check_pairs,
            negative=(),
            show_default=False,
        ),
    ] = None,
    times: Annotated[
        int,
        Parameter(
            help="How often the same webhook is sent.", validator=validators.Number(gte=1, lte=100)
        ),
    ] = 1,
    list_: Annotated[
        bool,
        Parameter(
            name="--list",
            help="List the events, and what can be set.",
            negative=(),
            show_default=False,
        ),
    ] = False,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """Have a provider's sandbox send a webhook, signed as the provider signs it.

    It works on what `clientflow up` runs, and never on a real provider.
    """
    values = read_all(state_dir)
    note = running_up(values)
    if note is None:
        msg = (
            f"nothing runs on {state_folder(values)} to trigger webhooks of: start `clientflow up`"
            " first, or name its --state-dir"
        )
        raise ClientFlowError(msg)
    if event is None or list_:
        _print_events(asyncio.run(_list(note)), note, as_json=json)
        return
    fields = dict(pair.split("=", 1) for pair in set_ or ())
    told = asyncio.run(_trigger(note, values, event, fields, times))
    if json:
        print_json({"event": event, **told})
    else:
        _print_told(told, event, note)
    if not all(map(_is_taken, told["deliveries"])):
        sys.exit(1)


async def _list(note: UpNote) -> "list[TriggerEvent]":
    from clientflow_host.triggering import open_sandboxes  # noqa: PLC0415 - heavy

    async with open_sandboxes(note) as sandboxes:
        return await sandboxes.list_events()


async def _trigger(
    note: UpNote, values: Mapping[str, str], name: str, fields: Mapping[str, str], times: int
) -> dict[str, Any]:
    from clientflow_host.triggering import (  # noqa: PLC0415 - heavy
        check_fields,
        choose_event,
        open_sandboxes,
    )

    async with open_sandboxes(note) as sandboxes:
        events = await sandboxes.list_events()
        event = choose_event(events, name, is_real=lambda one: _is_real(one, values, note))
        check_fields(event, fields)
        return await sandboxes.trigger(event, fields, times=times)


def _is_real(provider: str, values: Mapping[str, str], note: UpNote) -> bool:
    from clientflow_host.plugin_states import list_plugins  # noqa: PLC0415 - imports the plugins

    rows = list_plugins(values, sandboxed=note.settings)
    return (provider, "enabled") in {(row["name"], row["state"]) for row in rows}


def _print_events(events: "Sequence[TriggerEvent]", note: UpNote, *, as_json: bool) -> None:
    if as_json:
        print_json([_event_fields(event) for event in events])
        return
    console = output()
    for event in events:
        console.print(Text(visible(event.full_name), style="bold"))
        console.print(Padding(Text(visible(event.summary)), (0, 0, 0, 2), expand=False))
        table = Table.grid(padding=(0, 2))
        table.add_column(overflow="fold")
        table.add_column(style="dim", overflow="fold")
        for field in event.fields:
            default = "…" if field.default is None else field.default
            table.add_row(Text(visible(f"{field.name}={default}")), Text(visible(field.meaning)))
        console.print(Padding(table, (0, 0, 0, 4), expand=False))
        console.print()
    command = typed_command(note, "trigger PROVIDER.EVENT --set NAME=VALUE")
    console.print(f"Trigger one:\n  {escape(command)}", soft_wrap=True)


def _event_fields(event: "TriggerEvent") -> dict[str, Any]:
    names = ("name", "meaning", "default")
    return {
        "event": event.full_name,
        "summary": event.summary,
        "fields": [{name: getattr(field, name) for name in names} for field in event.fields],
    }


def _print_told(told: Mapping[str, Any], event: str, note: UpNote) -> None:
    console = output()
    if not told["deliveries"]:
        told_of = f"{event}: it has happened, and no webhook tells of it"
        console.print(f"[green]✓[/] {escape(visible(told_of))}", soft_wrap=True)
        return
    for delivery in told["deliveries"]:
        mark = "[green]✓[/]" if _is_taken(delivery) else "[red]✗[/]"
        console.print(f"{mark} {escape(visible(_words(delivery, event)))}", soft_wrap=True)
    command = typed_command(note, "events list --limit 5")
    console.print(f"See what became of it:\n  {escape(command)}", soft_wrap=True)


def _words(delivery: Mapping[str, Any], event: str) -> str:
    where = f"{event} to {delivery['url']}"
    if delivery["status"] is not None:
        return f"{where}: answered {delivery['status']} after {1000 * delivery['seconds']:.0f} ms"
    if delivery["error"] == "dropped":
        return f"{where}: not sent, since a switch of the sandbox drops webhooks"
    return f"{where}: no answer ({delivery['error']})"


def _is_taken(delivery: Mapping[str, Any]) -> bool:
    status = delivery["status"]
    return status is not None and status < HTTPStatus.MULTIPLE_CHOICES
