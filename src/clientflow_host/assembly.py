"""From settings to a database, a registry and a carrier: what every process of ours begins with."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import attrs
from aiohttp import web
from sqlalchemy.engine import URL

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.errors import DatabaseUnfit, SettingProblem, SettingsError
from clientflow_core.jobs.carrier import SaqCarrier
from clientflow_core.jobs.wake_queue import WakeQueue, open_wake_queue
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.readiness import read_readiness
from clientflow_core.persistence.server import connection_string, parse_url
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.discovery import Plugin, discover_plugins
from clientflow_core.registry.registry import ProviderRegistry, select_plugins
from clientflow_core.services.initialize import NewChannel
from clientflow_host.settings import HostSettings, load_host_settings


@attrs.frozen(kw_only=True)
class Assembly:
    """What a process of the service works with; open while :func:`assemble` is.

    Attributes:
        direct_url: the database past any pooler, for what must hold on to its connection.
        queue: carries the wake-ups.
    """

    settings: HostSettings
    database: Database
    direct_url: URL
    registry: ProviderRegistry
    queue: WakeQueue
    clock: Clock


_NO_DATABASE: Final = SettingProblem(
    "DATABASE_URL", "is not set", "or run `clientflow up`, which brings a PostgreSQL of its own"
)

ASSEMBLY: Final = web.AppKey("assembly", Assembly)


def discover_enabled(settings: HostSettings) -> Sequence[Plugin]:
    """Load the plugins that CLIENTFLOW_PLUGINS names; without it, all that are installed.

    Raises:
        PluginError: one cannot be imported, or breaks the rules.
        SettingsError: one is not installed.
    """
    return discover_plugins(names=settings.plugins)


def load_everything(
    values: Mapping[str, str],
    *,
    needs_database: bool = False,
    leave_out: Callable[[AnySpec], bool] | None = None,
) -> tuple[HostSettings, ProviderRegistry]:
    """Load the settings of the host and of every enabled plugin.

    Args:
        values: every setting.
        needs_database: DATABASE_URL must be among them.
        leave_out: tells which providers are treated as if they were not there.

    Raises:
        SettingsError: with every problem in all of them.
        PluginError: a plugin cannot be imported, or breaks the rules.
    """
    problems: list[SettingProblem] = []
    settings = registry = None
    try:
        settings = load_host_settings(dict(values))
    except SettingsError as error:
        problems.extend(error.problems)
    if needs_database and not values.get("DATABASE_URL"):
        problems.append(_NO_DATABASE)
    # With the host's settings unusable, those of the plugins are still worth reporting.
    usable = settings or HostSettings()
    try:
        found = discover_enabled(usable)
        if leave_out is not None:
            found = [_without(plugin, leave_out) for plugin in found]
        plugins = select_plugins(found, values, names=usable.plugins)
        registry = ProviderRegistry(plugins, values, public_url=usable.url)
    except SettingsError as error:
        problems.extend(error.problems)
    if problems or settings is None or registry is None:
        raise SettingsError(problems)
    return settings, registry


@asynccontextmanager
async def open_database(settings: HostSettings) -> AsyncIterator[Database]:
    """Open the database as the application role, checked; its schema is not.

    Raises:
        SettingsError: DATABASE_URL is not set.
        DatabaseUnfit: unreachable, too old, or a role that row-level security does not hold.
    """
    database = Database(_database_url(settings), pool_size=settings.database_pool_size)
    try:
        await database.check()
        yield database
    finally:
        await database.close()


async def require_schema(database: Database) -> None:
    """Make sure that the schema is that of this release, or newer.

    Raises:
        DatabaseUnfit: it is not; says how to mend it.
    """
    found = await read_readiness(database)
    if found.database != "ok":
        msg = f"the database in DATABASE_URL {found.database}"
        raise DatabaseUnfit(msg)
    if found.schema != "ok":
        msg = (
            f"the schema of the database in DATABASE_URL is {found.schema.removeprefix('is ')},"
            " with CLIENTFLOW_OWNER_DATABASE_URL set to the same database as the role that owns"
            " the tables"
        )
        raise DatabaseUnfit(msg)


@asynccontextmanager
async def assemble(values: Mapping[str, str]) -> AsyncIterator[Assembly]:
    """Open everything that *values* ask for, and close it again in the opposite order.

    Raises:
        SettingsError: with every problem in every setting.
        DatabaseUnfit: the database cannot be used as it is.
        PluginError: an enabled plugin cannot be imported, or breaks the rules.
    """
    settings, registry = load_everything(values, needs_database=True)
    url = _database_url(settings)
    direct = settings.direct_database_url
    direct_url = parse_url(direct, env="CLIENTFLOW_DIRECT_DATABASE_URL") if direct else url
    async with open_database(settings) as database, registry:
        queue = open_wake_queue(connection_string(direct_url), redis_url=settings.redis_url)
        await queue.connect()
        carrier = SaqCarrier(queue)
        database.wake_with(carrier.wake)
        try:
            yield Assembly(
                settings=settings,
                database=database,
                direct_url=direct_url,
                registry=registry,
                queue=queue,
                clock=SystemClock(),
            )
        finally:
            await carrier.close()
            await queue.disconnect()


def own_channels(registry: ProviderRegistry) -> list[NewChannel]:
    """Give a channel for each address of ours that the settings of a provider name."""
    return [
        NewChannel(plugin=name, address=address, name=enabled.spec.title)
        for name, enabled in registry.providers.items()
        for address in enabled.spec.addresses(enabled.settings)
    ]


def _without(plugin: Plugin, leave_out: Callable[[AnySpec], bool]) -> Plugin:
    return attrs.evolve(plugin, specs=tuple(s for s in plugin.specs if not leave_out(s)))


def _database_url(settings: HostSettings) -> URL:
    if settings.database_url is None:
        raise SettingsError([_NO_DATABASE])
    return parse_url(settings.database_url, env="DATABASE_URL")
