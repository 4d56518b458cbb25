"""The commands that run something: up, serve, worker, sandbox."""

import asyncio
from typing import Annotated

from cyclopts import Parameter, validators

from clientflow_host.cli import RUN, TRY, app, importing
from clientflow_host.cli.options import AsJson, PluginsDir, StateDir, read_all
from clientflow_host.logs import configure_logs
from clientflow_host.settings import LOG_LEVEL_ENV, load_host_settings


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
        from clientflow_host.cli.up_output import (  # noqa: PLC0415 - only here is it so well dressed
            print_json,
            print_panel,
            print_step,
        )
        from clientflow_host.up import run_up  # noqa: PLC0415 - as heavy as the service

    values = read_all(state_dir, plugins_dir=plugins_dir)
    if port is not None:
        values |= {"CLIENTFLOW_PORT": str(port)}
    configure_logs(values.get(LOG_LEVEL_ENV))
    when_ready = print_json if json else print_panel
    asyncio.run(run_up(values, say=print_step, when_ready=when_ready))


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
