"""What ``clientflow up`` says, to a person or to a program."""

import json
import sys
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from clientflow_host.cli.typed import typed_command
from clientflow_host.state import UpNote

_WIDE: Final = 200


def print_step(line: str) -> None:
    """Print that one more thing is done, on standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[green]✓[/] {escape(line)}")


def print_json(note: UpNote) -> None:
    """Print *note* for a program, on one line."""
    print(json.dumps(note.printed()), flush=True)  # noqa: T201 - what the option is for


def print_panel(note: UpNote) -> None:
    """Print *note* for a person, and what to do first."""
    table = Table.grid(padding=(0, 2))
    table.add_row("inbox", f"[bold]{note.url}[/]")
    table.add_row("sign in with", f"{escape(note.email)}  {escape(note.password)}")
    if note.sandbox_url:
        table.add_row("clients' phones", f"[bold]{note.sandbox_url}[/]")
    table.add_row("API key", note.api_key)
    table.add_row("state", escape(note.state_dir))
    table.add_row("logs", escape(f"{note.state_dir}/logs"))
    # What is not read at a terminal is never cut.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
    console.print(Panel.fit(table, title="ClientFlow runs", border_style="green"))
    for line in _next_steps(note):
        console.print(line)
    console.print("Ctrl-C stops everything; the data stay.")


def _next_steps(note: UpNote) -> Iterator[str]:
    if note.sandbox_url:
        yield f"First, open [bold]{note.sandbox_url}[/] in a browser: phones of clients, and the"
        yield "inbox beside them. Write a text on a phone, sign in to the inbox with the login"
        yield "above, answer there, and see the answer arrive on the phone."
        yield "Or let it play by itself, in another terminal:"
        yield f"  [bold]{escape(typed_command(note, 'demo 1'))}[/]"
        yield "The same by the API:"
    else:
        yield f"First, open [bold]{note.url}[/] in a browser, and sign in with the login above."
        yield "Or read what comes in by the API:"
    yield f'  curl -H "Authorization: Bearer {note.api_key}" {note.url}/api/v1/conversations'
