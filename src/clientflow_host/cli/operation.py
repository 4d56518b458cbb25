"""The commands for whoever runs the service: migrate and init."""

import asyncio
import secrets
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from clientflow_core.errors import SettingProblem, SettingsError
from clientflow_core.secret import Secret
from clientflow_host.cli import app
from clientflow_host.cli.options import StateDir, read_all, settings_with_database


@app.command
def migrate(*, state_dir: StateDir = None) -> None:
    """Bring the database's schema up to date, and let the application role in.

    Needs CLIENTFLOW_OWNER_DATABASE_URL; `up` does this by itself.
    """
    from clientflow_core.persistence.migrate import migrate as run  # noqa: PLC0415 - heavy
    from clientflow_core.persistence.server import parse_url  # noqa: PLC0415 - heavy

    settings = settings_with_database(read_all(state_dir))
    owner, application = settings.owner_database_url, settings.database_url
    if owner is None or application is None:
        hint = "the same database as DATABASE_URL, as the role that owns the tables"
        raise SettingsError([SettingProblem("CLIENTFLOW_OWNER_DATABASE_URL", "is not set", hint)])
    revision = run(
        parse_url(owner, env="CLIENTFLOW_OWNER_DATABASE_URL"),
        parse_url(application, env="DATABASE_URL"),
    )
    Console().print(f"The schema is at {revision}.")


@app.command
def init(
    *,
    name: Annotated[str, Parameter(help="Of the organization, for people.")] = "My business",
    slug: Annotated[
        str, Parameter(help="Of the organization; one that is there is used.")
    ] = "main",
    email: Annotated[str, Parameter(help="Of the organization's owner.")] = "owner@localhost",
    state_dir: StateDir = None,
) -> None:
    """Make the first organization, its owner, an API key, and its channels from the settings.

    Run again it changes nothing, but adds channels that settings have come to name.
    """
    asyncio.run(_init(read_all(state_dir), name=name, slug=slug, email=email))


async def _init(values: dict[str, str], *, name: str, slug: str, email: str) -> None:
    from clientflow_core.services.initialize import initialize, new_api_key  # noqa: PLC0415 - heavy
    from clientflow_host.assembly import (  # noqa: PLC0415 - heavy
        load_everything,
        open_database,
        own_channels,
    )

    settings = settings_with_database(values)
    _, registry = load_everything(values)
    password, api_key = Secret(secrets.token_urlsafe(12)), new_api_key()
    async with open_database(settings) as database:
        made = await initialize(
            database,
            name=name,
            slug=slug,
            email=email,
            password=password,
            api_key=api_key,
            channels=own_channels(registry),
        )
    console = Console(highlight=False, soft_wrap=True)
    was = "made" if made.is_new_organization else "there already"
    console.print(f"The organization {slug} is {was}; channels added: {made.new_channels}.")
    if made.is_new_user:
        console.print(f"Login of its owner, shown this once: {email}  {password.reveal()}")
    if made.is_new_organization:
        console.print(f"API key, shown this once: {api_key.reveal()}")
