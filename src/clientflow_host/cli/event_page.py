"""One inbound event, laid out for people, or as JSON."""

import base64
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from clientflow_core.domain.inbound_events import InboundEvent, InboundEventState
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_host.cli.request_layout import (
    lay_out_body,
    without_secrets,
    without_secrets_in_url,
)
from clientflow_host.cli.tables import moment, output, print_json
from clientflow_host.cli.visible import visible
from clientflow_host.event_meaning import Meaning

_COLORS: Final[Mapping[InboundEventState, str]] = {
    InboundEventState.RECEIVED: "yellow",
    InboundEventState.DONE: "green",
    InboundEventState.IGNORED: "yellow",
    InboundEventState.FAILED: "red",
}


@attrs.frozen(kw_only=True)
class EventPage:
    """All that is known of an event.

    Attributes:
        job: the row of the job that handles it; None once that is done.
    """

    event: InboundEvent
    job: Mapping[str, Any] | None
    meaning: Meaning


def print_event_json(page: EventPage) -> None:
    """Print *page* for programs; a body that is no text is in Base64."""
    event = page.event
    text = _as_text(event.body)
    print_json(
        {
            **_named(event),
            "job": _job_fields(page.job),
            "request": {
                "method": event.method,
                "url": without_secrets_in_url(event.url),
                "headers": without_secrets(event.headers),
                "body": text,
                "body_base64": base64.b64encode(event.body).decode() if text is None else None,
            },
            "meaning": [_fields(one) for one in page.meaning.events],
            "trouble": page.meaning.trouble,
        }
    )


def print_event(page: EventPage, *, replay: str) -> None:
    """Print *page* for people.

    Args:
        page: what is shown.
        replay: the command that has it handled again.
    """
    console, event = output(), page.event
    head = Text(to_public_id(IdPrefix.INBOUND_EVENT, event.id), style="bold")
    console.print(head, Text(event.state.value, style=f"bold {_COLORS[event.state]}"), sep="  ")
    console.print(_pairs(_facts(page)))
    _print_part(console, "Request", _pairs([(event.method, without_secrets_in_url(event.url))]))
    _print_part(console, "Headers", _pairs(without_secrets(event.headers).items()))
    kind, body = lay_out_body(event.body, content_type=event.headers.get("content-type", ""))
    _print_part(console, f"Body, {kind}", body)
    _print_part(console, f"What {event.provider} reads in it", *_meanings(page.meaning))
    if _needs_replay(page):
        console.print("\nOnce the cause is mended, have it handled again:")
        console.print(f"  {escape(replay)}", soft_wrap=True)


def _print_part(console: Console, title: str, *parts: RenderableType) -> None:
    console.print()
    console.print(Text(visible(title), style="bold"))
    for part in parts:
        console.print(Padding(part, (0, 0, 0, 2), expand=False))


def _pairs(pairs: Any) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(visible(name)), Text(visible(value, keeps_lines=True)))
    return table


def _facts(page: EventPage) -> Iterator[tuple[str, str]]:
    event = page.event
    yield "received", moment(event.received_at)
    if event.handled_at:
        yield "handled", f"{moment(event.handled_at)}, {_since(event)} later"
    if event.reason:
        yield "reason", event.reason
    yield "job", _job_words(page.job, event)
    yield "provider", f"{event.provider}, webhook {event.webhook}"
    yield "account", event.account
    yield "external id", event.external_id
    yield "organization", _organization(event) or "not known"


def _since(event: InboundEvent) -> str:
    seconds = ((event.handled_at or event.received_at) - event.received_at).total_seconds()
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return str(dt.timedelta(seconds=round(seconds)))


def _job_words(job: Mapping[str, Any] | None, event: InboundEvent) -> str:
    if job is None:
        is_open = event.state is InboundEventState.RECEIVED
        return "none, so that nobody will handle it" if is_open else "finished"
    tries = f"{job['attempts']} of {job['max_attempts']} tries"
    error = f"; the last error: {job['last_error']}" if job["last_error"] else ""
    if job["dead_at"]:
        return f"{job['id']}, given up {moment(job['dead_at'])} after {tries}{error}"
    if job["claimed_by"] is not None:
        return f"{job['id']}, a worker has it; {tries}{error}"
    when = "the next one" if job["is_put_off"] else "due since"
    return f"{job['id']}, {tries}, {when} {moment(job['run_at'])}{error}"


def _needs_replay(page: EventPage) -> bool:
    """Tell whether nobody will handle the event unless it is asked for."""
    if page.event.state is InboundEventState.DONE:
        return False
    return page.job is None or bool(page.job["dead_at"])


def _job_fields(job: Mapping[str, Any] | None) -> dict[str, Any] | None:
    names = ("id", "run_at", "attempts", "max_attempts", "last_error", "dead_at")
    if job is None:
        return None
    is_running = job["claimed_by"] is not None
    return {**{name: job[name] for name in names}, "is_running": is_running}


def _named(event: InboundEvent) -> dict[str, Any]:
    names = ("provider", "webhook", "account", "external_id", "received_at", "state", "reason")
    return {
        "id": to_public_id(IdPrefix.INBOUND_EVENT, event.id),
        **{name: getattr(event, name) for name in names},
        "handled_at": event.handled_at,
        "organization_id": _organization(event),
    }


def _organization(event: InboundEvent) -> str | None:
    found = event.organization_id
    return to_public_id(IdPrefix.ORGANIZATION, found) if found else None


def _meanings(meaning: Meaning) -> Sequence[RenderableType]:
    if meaning.trouble:
        return [Text(visible(meaning.trouble, keeps_lines=True), style="red")]
    if not meaning.events:
        return [Text("Nothing that concerns us.")]
    parts: list[RenderableType] = []
    for one in meaning.events:
        fields = _fields(one)
        parts.append(Text(fields.pop("kind")))
        shown = ((name, str(value)) for name, value in fields.items() if value not in (None, ()))
        parts.append(Padding(_pairs(shown), (0, 0, 0, 2), expand=False))
    return parts


def _fields(one: Any) -> dict[str, Any]:
    return {"kind": type(one).__name__, **attrs.asdict(one, recurse=False)}


def _as_text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
