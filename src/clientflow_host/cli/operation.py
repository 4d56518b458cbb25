"""The commands for whoever runs the service: migrate and init."""

import asyncio
import functools
import re
import secrets
import uuid
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from clientflow_core.errors import ClientFlowError, SettingProblem, SettingsError
from clientflow_core.secret import Secret
from clientflow_host.cli import RUN, app
from clientflow_host.cli.options import StateDir, read_all, with_database
from clientflow_host.settings import HostSettings, load_host_settings

if TYPE_CHECKING:
    from clientflow_core.persistence.database import Database
    from clientflow_core.registry.registry import ProviderRegistry
    from clientflow_core.services.initialize import Initialized


def _check_revision(_: Any, value: str) -> None:
    from clientflow_core.persistence.migrate import revisions  # noqa: PLC0415 - heavy

    if value not in {"head", *revisions()}:
        msg = f"there is no revision {value!r}; there are: {', '.join(revisions())}"
        raise ValueError(msg)


@app.command(group=RUN)
def migrate(
    *,
    to: Annotated[
        str,
        Parameter(
            help="The revision to go to; an older one takes back what came after it.",
            validator=_check_revision,
        ),
    ] = "head",
    state_dir: StateDir = None,
) -> None:
    """Bring the database's schema up to date, and let the application role in.

    Needs DATABASE_URL and CLIENTFLOW_OWNER_DATABASE_URL. (`clientflow up` migrates by itself.)
    """
    from clientflow_core.persistence.migrate import migrate as run  # noqa: PLC0415 - heavy
    from clientflow_core.persistence.server import parse_url  # noqa: PLC0415 - heavy

    settings = load_host_settings(read_all(state_dir))
    owner, application = settings.owner_database_url, settings.database_url
    if owner is None or application is None:
        hints = {
            "DATABASE_URL": "the database, as the role that the service will use",
            "CLIENTFLOW_OWNER_DATABASE_URL": "the same, as the role that owns the tables",
        }
        given = {"DATABASE_URL": application, "CLIENTFLOW_OWNER_DATABASE_URL": owner}
        raise SettingsError(
            [SettingProblem(e, "is not set", hint) for e, hint in hints.items() if not given[e]]
        )
    revision = run(
        parse_url(owner, env="CLIENTFLOW_OWNER_DATABASE_URL"),
        parse_url(application, env="DATABASE_URL"),
        revision=to,
    )
    Console().print(f"The schema is at {revision}.")


def _check_slug(_: Any, value: str) -> None:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        msg = "a slug is of small letters, digits and hyphens, such as main-street"
        raise ValueError(msg)


def _check_email(_: Any, value: str) -> None:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        msg = "an address is such as owner@example.com"
        raise ValueError(msg)


def _check_name(_: Any, value: str) -> None:
    if not value.strip():
        msg = "a name has at least one letter"
        raise ValueError(msg)


@app.command(group=RUN)
def init(
    *,
    name: Annotated[
        str, Parameter(help="Of the organization, for people.", validator=_check_name)
    ] = "My business",
    slug: Annotated[
        str,
        Parameter(
            help="Of the organization; one that is there is used as it is.", validator=_check_slug
        ),
    ] = "main",
    email: Annotated[
        str, Parameter(help="Of the organization's owner.", validator=_check_email)
    ] = "owner@localhost",
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
        require_schema,
    )

    settings, registry = load_everything(with_database(values), needs_database=True)
    owner = {"slug": slug, "name": name, "email": email}
    password, api_key = Secret(secrets.token_urlsafe(12)), new_api_key()
    async with open_database(settings) as database:
        await require_schema(database)
        made = await initialize(
            database,
            **owner,
            password=password,
            api_key=None,
            channels=own_channels(registry),
        )
        if made.is_new_user:
            await initialize(database, **owner, password=password, api_key=api_key, channels=())
        free_plan = await _free_plan(database, made.organization_id, settings, registry)
    _tell(made, slug=slug, email=email, free_plan=free_plan)
    if made.is_new_user:
        _print(f"Login of its owner, shown this once: {email}  {password.reveal()}")
        _print(f"API key, shown this once: {api_key.reveal()}")


def _tell(made: "Initialized", *, slug: str, email: str, free_plan: str) -> None:
    was = "made" if made.is_new_organization else "there already"
    _print(f"The organization {slug} is {was}; channels added: {made.new_channels}.")
    if free_plan:
        _print(free_plan)
    if not made.is_new_user:
        _print(f"Its owner {email} is there already, and keeps login and API keys.")


def _print(line: str) -> None:
    Console(highlight=False, markup=False, soft_wrap=True).print(line)


async def _free_plan(
    database: "Database",
    organization_id: uuid.UUID,
    settings: HostSettings,
    registry: "ProviderRegistry",
) -> str:
    """Tell where the organization begins a free plan; nothing where it has one, or none is sold."""
    from clientflow_core.persistence.records import StoredRecordStore  # noqa: PLC0415 - heavy
    from clientflow_core.services.begin_free_plan import begin_free_plan  # noqa: PLC0415 - heavy

    registry.keep_records_with(functools.partial(StoredRecordStore, database))
    back_url = f"{settings.url}/billing"
    try:
        async with registry:
            found = await begin_free_plan(
                database, organization_id, registry=registry, back_url=back_url
            )
    except ClientFlowError as error:
        return f"Whether a plan is free cannot be told now: {error}"
    return f"The plan {found.plan.title} is free; begin it at {found.url}" if found else ""
