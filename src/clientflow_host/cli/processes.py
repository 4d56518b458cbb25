"""The commands that run something: up, serve, worker, sandbox."""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Annotated, Final

from cyclopts import Parameter, validators
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from clientflow_host.cli import RUN, TRY, app, importing
from clientflow_host.cli.options import AsJson, PluginsDir, StateDir, read_all
from clientflow_host.cli.typed import typed_command
from clientflow_host.logs import configure_logs
from clientflow_host.settings import LOG_LEVEL_ENV, load_host_settings
from clientflow_host.state import UpNote

_WIDE: Final = 200


@app.command(group=TRY, sort_key=1)
def up(
    *,
    port: Annotated[
        int | None,
        Parameter(
            help="The port of the host, by default 8080; 0 takes any.",
            validator=validators.Number(gte=0, lte=65_535),
        ),
    ] = None,
    state_dir: StateDir = None,
    plugins_dir: PluginsDir = None,
    json: AsJson = False,
) -> None:
    """Run everything on this machine, with a demo organization.

    Without keys the providers are stand-ins; without DATABASE_URL there is a PostgreSQL of its own.
    It ends at Ctrl-C, and everything with it; the data stay in the state folder.
    """
    with importing():
        from clientflow_host.up import run_up  # noqa: PLC0415 - as heavy as the service

    values = read_all(state_dir, plugins_dir=plugins_dir)
    if port is not None:
        values |= {"CLIENTFLOW_PORT": str(port)}
    configure_logs(values.get(LOG_LEVEL_ENV))
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    asyncio.run(
        run_up(
            values,
            say=lambda line: console.print(f"[green]✓[/] {escape(line)}"),
            when_ready=_print_json if json else _print_panel,
        )
    )


@app.command(group=RUN)
def serve(*, state_dir: StateDir = None, plugins_dir: PluginsDir = None) -> None:
    """Run the host: webhooks and the API."""
    with importing():
        from clientflow_host.app import serve as run  # noqa: PLC0415 - as heavy as the service

    values = read_all(state_dir, plugins_dir=plugins_dir)
    configure_logs(values.get(LOG_LEVEL_ENV))
    asyncio.run(run(values))


@app.command(group=RUN)
def worker(*, state_dir: StateDir = None, plugins_dir: PluginsDir = None) -> None:
    """Run the worker: what came in is handled, what goes out is sent."""
    with importing():
        from clientflow_host.worker import work  # noqa: PLC0415 - as heavy as the service

    values = read_all(state_dir, plugins_dir=plugins_dir)
    configure_logs(values.get(LOG_LEVEL_ENV))
    asyncio.run(work(values))


@app.command(group=RUN)
def sandbox(*names: str, state_dir: StateDir = None, plugins_dir: PluginsDir = None) -> None:
    """Run the stand-ins of the providers alone, and print the settings that lead to them.

    Args:
        names: Of providers; without any, all that have a stand-in.
        state_dir: Keeps their credentials.
        plugins_dir: A folder whose *.py are plugins too; also CLIENTFLOW_PLUGINS_DIR.
    """
    with importing():
        from clientflow_host.sandbox import run_sandbox  # noqa: PLC0415 - imports SDKs
        from clientflow_host.serving import has_parent  # noqa: PLC0415 - heavy

    values = read_all(state_dir, plugins_dir=plugins_dir)
    configure_logs(values.get(LOG_LEVEL_ENV))
    announce = _print_nothing if has_parent() else _print_settings
    asyncio.run(run_sandbox(load_host_settings(values), names=names, announce=announce))


def _print_settings(values: dict[str, str]) -> None:
    for name, value in sorted(values.items()):
        print(f"{name}={value}", flush=True)  # noqa: T201 - what the command is for


def _print_nothing(_: dict[str, str]) -> None:
    # Whoever started us knows the settings, and what we print ends in a log.
    return


def _print_json(note: UpNote) -> None:
    print(json.dumps(note.printed()), flush=True)  # noqa: T201 - what the option is for


def _print_panel(note: UpNote) -> None:
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
