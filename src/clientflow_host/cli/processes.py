"""The commands that run something: up, serve, worker, sandbox."""

import asyncio
import json
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from clientflow_host.cli import app
from clientflow_host.cli.options import AsJson, StateDir, read_all
from clientflow_host.logs import configure_logs
from clientflow_host.settings import load_host_settings
from clientflow_host.state import UpNote


@app.command
def up(
    *,
    port: Annotated[int | None, Parameter(help="The port of the host; 0 takes any.")] = None,
    state_dir: StateDir = None,
    json: AsJson = False,
) -> None:
    """Run everything on this machine, with a demo organization.

    Without keys the providers are stand-ins; without DATABASE_URL there is a PostgreSQL of its own.
    It ends at Ctrl-C, and everything with it.
    """
    from clientflow_host.up import run_up  # noqa: PLC0415 - as heavy as the service

    values = read_all(state_dir)
    if port is not None:
        values |= {"CLIENTFLOW_PORT": str(port)}
    configure_logs(load_host_settings(values).log_level)
    console = Console(stderr=True, highlight=False)
    asyncio.run(
        run_up(
            values,
            say=lambda line: console.print(f"[green]✓[/] {line}"),
            when_ready=_print_json if json else _print_panel,
        )
    )


@app.command
def serve(*, state_dir: StateDir = None) -> None:
    """Run the host: webhooks and the API."""
    from clientflow_host.app import serve as run  # noqa: PLC0415 - as heavy as the service

    values = read_all(state_dir)
    configure_logs(values.get("CLIENTFLOW_LOG_LEVEL", "info"))
    asyncio.run(run(values))


@app.command
def worker(*, state_dir: StateDir = None) -> None:
    """Run the worker: what came in is handled, what goes out is sent."""
    from clientflow_host.worker import work  # noqa: PLC0415 - as heavy as the service

    values = read_all(state_dir)
    configure_logs(values.get("CLIENTFLOW_LOG_LEVEL", "info"))
    asyncio.run(work(values))


@app.command
def sandbox(*names: str, state_dir: StateDir = None) -> None:
    """Run the stand-ins of the providers alone, and print the settings that lead to them.

    Args:
        names: of the providers; all that have a stand-in where none is named.
        state_dir: keeps their credentials.
    """
    from clientflow_host.sandbox import run_sandbox  # noqa: PLC0415 - imports SDKs

    values = read_all(state_dir)
    settings = load_host_settings(values)
    configure_logs(settings.log_level)
    asyncio.run(run_sandbox(settings, names=names, announce=_print_settings))


def _print_settings(values: dict[str, str]) -> None:
    for name, value in sorted(values.items()):
        print(f"{name}={value}", flush=True)  # noqa: T201 - what the command is for


def _print_json(note: UpNote) -> None:
    print(json.dumps(note.printed()), flush=True)  # noqa: T201 - what the option is for


def _print_panel(note: UpNote) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("ClientFlow", f"[bold]{note.url}[/]")
    if note.sandbox_url:
        table.add_row("sandbox", f"[bold]{note.sandbox_url}[/]  play the client here")
    table.add_row("login", f"{note.email}  {note.password}")
    table.add_row("API key", note.api_key)
    table.add_row("state", f"{note.state_dir}  logs in {note.state_dir}/logs")
    console = Console(highlight=False, soft_wrap=True)
    console.print(Panel.fit(table, title="ClientFlow runs", border_style="green"))
    console.print("Next, in another terminal:  [bold]clientflow demo 1[/]  plays a text and its")
    console.print("answer. Or send one from the sandbox and read it with:")
    console.print(
        f'  curl -H "Authorization: Bearer {note.api_key}" {note.url}/api/v1/conversations'
    )
    console.print("Ctrl-C stops everything.")
