"""The commands about webhooks that came in: events list, events show."""

import asyncio
import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from cyclopts import App, Parameter, Token

from clientflow_core.clock import SystemClock
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_host.cli import LOOK, app
from clientflow_host.cli.database import system_transaction
from clientflow_host.cli.options import AsJson, Most, StateDir, read_all, running_up
from clientflow_host.cli.tables import print_rows
from clientflow_host.cli.typed import typed_command

if TYPE_CHECKING:
    from clientflow_core.domain.inbound_events import InboundEventState
    from clientflow_host.cli.event_page import EventPage

events = App(name="events", help="Webhooks that came in.", group=LOOK)
app.command(events)

_COLUMNS: Final = ("id", "received_at", "provider", "webhook", "state", "reason")
_SECONDS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def _read_since(_: object, tokens: Sequence[Token]) -> dt.datetime:
    text = tokens[0].value
    ago = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if ago:
        return SystemClock().now() - dt.timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is no time: write 30m, 2h, 7d, or 2026-03-01T12:00 (in UTC)"
        raise ValueError(msg) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


Failed: TypeAlias = Annotated[
    bool, Parameter(help="Those that failed, or were given up.", negative=(), show_default=False)
]
Ignored: TypeAlias = Annotated[
    bool, Parameter(help="Those that concerned nobody here.", negative=(), show_default=False)
]
Since: TypeAlias = Annotated[
    dt.datetime | None,
    Parameter(
        help="Those that came in since then: 30m, 2h, 7d ago, or 2026-03-01T12:00 (in UTC).",
        converter=_read_since,
        show_default=False,
    ),
]


def named_states(*, failed: bool, ignored: bool) -> "Collection[InboundEventState]":
    """Give the states that the options name; empty for all."""
    from clientflow_core.domain.inbound_events import InboundEventState  # noqa: PLC0415 - late

    named = {InboundEventState.FAILED: failed, InboundEventState.IGNORED: ignored}
    return [state for state, is_named in named.items() if is_named]


@events.command(name="list")
def list_events(
    *,
    failed: Failed = False,
    ignored: Ignored = False,
    since: Since = None,
    limit: Most = 50,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """List webhooks that were kept, the newest first."""
    states = named_states(failed=failed, ignored=ignored)
    rows = asyncio.run(_read_events(read_all(state_dir), states=states, since=since, most=limit))
    is_all = not states and since is None
    empty = "No webhook has come in." if is_all else "There is no such webhook."
    print_rows(rows, columns=_COLUMNS, as_json=json, empty=empty)


async def _read_events(
    values: dict[str, str],
    *,
    states: "Collection[InboundEventState]",
    since: dt.datetime | None,
    most: int,
) -> Sequence[Mapping[str, Any]]:
    from clientflow_core.persistence.repositories.inbound_events import (  # noqa: PLC0415 - heavy
        list_inbound_events,
    )

    async with system_transaction(values) as transaction:
        rows = await list_inbound_events(transaction, states=states, since=since, most=most)
    return [{**row, "id": to_public_id(IdPrefix.INBOUND_EVENT, row["id"])} for row in rows]


@events.command(name="show")
def show_event(
    event_id: Annotated[str, Parameter(name="ID", help="As `events list` has it.")],
    /,
    *,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """Show all that is known of a webhook: what came in, what it means, what became of it.

    What would let its reader call in the provider's name, such as an Authorization header, is
    hidden. A signature is not: it fits this one request alone, which is kept once.
    """
    from clientflow_host.cli.event_page import print_event, print_event_json  # noqa: PLC0415 - late

    values = read_all(state_dir)
    page = asyncio.run(_read_page(values, event_id))
    if json:
        print_event_json(page)
        return
    print_event(page, replay=typed_command(running_up(values), f"events replay {event_id}"))


async def _read_page(values: dict[str, str], public_id: str) -> "EventPage":
    from clientflow_core.persistence.repositories.inbound_events import (  # noqa: PLC0415 - heavy
        read_inbound_event,
    )
    from clientflow_core.persistence.repositories.jobs import (  # noqa: PLC0415 - heavy
        list_jobs_of_events,
    )
    from clientflow_host.cli.event_page import EventPage  # noqa: PLC0415 - late
    from clientflow_host.event_meaning import read_meaning  # noqa: PLC0415 - imports the plugins

    event_id = from_public_id(IdPrefix.INBOUND_EVENT, public_id)
    async with system_transaction(values) as transaction:
        event = await read_inbound_event(transaction, event_id)
        jobs = await list_jobs_of_events(transaction, [event_id])
    meaning = read_meaning(event, values, up=running_up(values))
    return EventPage(event=event, job=jobs.get(event_id), meaning=meaning)
