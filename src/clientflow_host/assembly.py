"""From settings to a database, a registry and a carrier: what every process of ours begins with."""

import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import attrs
import structlog
from aiohttp import web
from sqlalchemy.engine import URL

from clientflow_core.clock import Clock
from clientflow_core.errors import (
    ClientFlowError,
    DatabaseUnfit,
    SettingProblem,
    SettingsError,
)
from clientflow_core.jobs.carrier import SaqCarrier
from clientflow_core.jobs.wake_queue import WakeQueue, open_wake_queue
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.database_clock import DatabaseClock
from clientflow_core.persistence.organization_settings import StoredSettings
from clientflow_core.persistence.readiness import read_readiness
from clientflow_core.persistence.records import StoredRecordStore
from clientflow_core.persistence.sealing import Sealer
from clientflow_core.persistence.server import connection_string, parse_url
from clientflow_core.providers.observer import ObserverProvider
from clientflow_core.providers.observers import NOBODY, Observers
from clientflow_core.providers.spec import ProviderKind
from clientflow_core.registry.bound import listener_jobs
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.finding import Wanted, find_plugins
from clientflow_core.registry.meter import CallMeter
from clientflow_core.registry.quarantine import report_quarantined
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.registry.selection import LeaveOut, as_problem, select
from clientflow_core.services.initialize import NewChannel
from clientflow_host.logs import redact_with
from clientflow_host.settings import HostSettings, load_host_settings


@attrs.frozen(kw_only=True)
class Assembly:
    """What a process of the service works with; open while :func:`assemble` is.

    Attributes:
        direct_url: the database past any pooler, for what must hold on to its connection.
        queue: carries the wake-ups.
        sealer: seals what organizations set for themselves.
        clock: the same for every process: what is decided by it does not depend on who decides.
        observers: are told of errors, and how long things take.
    """

    settings: HostSettings
    database: Database
    direct_url: URL
    registry: ProviderRegistry
    queue: WakeQueue
    sealer: Sealer
    clock: DatabaseClock
    observers: Observers = NOBODY


_NO_DATABASE: Final = SettingProblem(
    "DATABASE_URL", "is not set", "or run `clientflow up`, which brings a PostgreSQL of its own"
)

ASSEMBLY: Final = web.AppKey("assembly", Assembly)

log = structlog.get_logger(__name__)


def wanted_plugins(settings: HostSettings) -> Wanted:
    """Give what the operator lists."""
    return Wanted(
        required=settings.plugins,
        optional=settings.optional_plugins,
        folder=settings.plugins_dir,
    )


def find_enabled(settings: HostSettings) -> Sequence[Plugin]:
    """Load the plugins that the operator lists, or all that are installed, save broken ones.

    Raises:
        SettingsError: one that must work is not installed.
    """
    found = find_plugins(wanted_plugins(settings)).plugins
    redact_for(found)
    return found


def redact_for(plugins: Sequence[Plugin]) -> None:
    """Keep out of the log of this process what *plugins* say must not stand there."""
    redact_with([rule for plugin in plugins for rule in plugin.contributions.redactions])


def load_everything(
    values: Mapping[str, str],
    *,
    needs_database: bool = False,
    leave_out: LeaveOut | None = None,
    meter: CallMeter | None = None,
    clock: Clock | None = None,
) -> tuple[HostSettings, ProviderRegistry]:
    """Load the settings of the host and of every enabled plugin.

    Args:
        values: every setting.
        needs_database: DATABASE_URL must be among them.
        leave_out: tells which providers are treated as if they were not there.
        meter: is told of every call to a provider.
        clock: by which the providers go; that of this machine if there is no other.

    Raises:
        SettingsError: with every problem in all of them.
        PluginError: plugins that must work cannot be imported, break the rules or lack their SDK,
            and nothing else is wrong.
    """
    problems: list[SettingProblem] = []
    settings = selection = registry = None
    try:
        settings = load_host_settings(dict(values))
    except SettingsError as error:
        problems.extend(error.problems)
    if needs_database and not values.get("DATABASE_URL"):
        problems.append(_NO_DATABASE)
    # With the host's settings unusable, those of the plugins are still worth reporting.
    usable = settings or HostSettings()
    try:
        wanted = wanted_plugins(usable)
        selection = select(
            find_plugins(wanted, values=values),
            values,
            wanted=wanted,
            public_url=usable.url,
            leave_out=leave_out,
        )
        registry = ProviderRegistry(
            selection.plugins, values, public_url=usable.url, clock=clock, meter=meter
        )
        registry.quarantined = selection.quarantined
        redact_for(registry.plugins)
    except SettingsError as error:
        problems.extend(error.problems)
    if not problems and selection is not None:
        selection.require_all()
    if problems or settings is None or registry is None:
        refused = selection.refused if selection is not None else ()
        raise SettingsError([*problems, *map(as_problem, refused)])
    return settings, registry


@asynccontextmanager
async def open_database(settings: HostSettings) -> AsyncIterator[Database]:
    """Open the database as the application role, checked; its schema is not.

    Raises:
        SettingsError: DATABASE_URL is not set.
        DatabaseUnfit: unreachable, too old, or a role that row-level security does not hold.
    """
    database = Database(
        _database_url(settings),
        pool_size=settings.database_pool_size,
        has_pooler=settings.direct_database_url is not None,
    )
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
    # Not at the top: `up` counts nothing.
    from clientflow_host.metrics import PrometheusMeter  # noqa: PLC0415

    clock = DatabaseClock()
    settings, registry = load_everything(
        values, needs_database=True, meter=PrometheusMeter(), clock=clock
    )
    report_quarantined(registry.quarantined)
    url, sealer = _database_url(settings), Sealer(settings.encryption_key)
    direct = settings.direct_database_url
    direct_url = parse_url(direct, env="CLIENTFLOW_DIRECT_DATABASE_URL") if direct else url
    async with (
        open_database(settings) as database,
        registry,
        _sharing_failures(registry, settings),
    ):
        async with database.system() as transaction:
            await clock.set(transaction)
        queue = open_wake_queue(connection_string(direct_url), redis_url=settings.redis_url)
        await queue.connect()
        carrier = SaqCarrier(queue)
        database.wake_with(carrier.wake)
        database.tell_with(listener_jobs(registry.plugins))
        registry.keep_settings_in(StoredSettings(database, sealer))
        registry.keep_records_with(functools.partial(StoredRecordStore, database))
        observers = await open_observers(registry)
        registry.observe_with(observers)
        try:
            yield Assembly(
                settings=settings,
                database=database,
                direct_url=direct_url,
                registry=registry,
                queue=queue,
                sealer=sealer,
                clock=clock,
                observers=observers,
            )
        finally:
            await carrier.close()
            await queue.disconnect()


@asynccontextmanager
async def _sharing_failures(
    registry: ProviderRegistry, settings: HostSettings
) -> AsyncIterator[None]:
    """Let processes tell each other which providers fail, where there is a Redis to do it."""
    if settings.redis_url is None:
        yield
        return
    # Only where it is set: it brings the client, whose import takes a tenth of a second.
    from clientflow_core.jobs.redis_news import carrying_news  # noqa: PLC0415

    async with carrying_news(settings.redis_url, registry.hear) as news:
        registry.share_failures(news)
        yield
        registry.share_failures(None)


async def open_observers(registry: ProviderRegistry) -> Observers:
    """Open the enabled observers; one that cannot be opened is logged, and not told anything."""
    opened: list[ObserverProvider] = []
    for name, enabled in registry.providers.items():
        if enabled.spec.kind is not ProviderKind.OBSERVER:
            continue
        try:
            opened.append(await registry.observer(name))
        except ClientFlowError as error:
            log.warning("observer_not_opened", provider=name, reason=str(error))
    return Observers(opened)


def own_channels(registry: ProviderRegistry) -> list[NewChannel]:
    """Give a channel for each address of ours that the settings of a provider name."""
    return [
        NewChannel(
            provider=name,
            address=address,
            name=enabled.spec.title,
            medium=enabled.spec.medium,
        )
        for name, enabled in registry.providers.items()
        for address in enabled.spec.addresses(enabled.settings)
    ]


def _database_url(settings: HostSettings) -> URL:
    if settings.database_url is None:
        raise SettingsError([_NO_DATABASE])
    return parse_url(settings.database_url, env="DATABASE_URL")
