"""The database that a command works on, as the application role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from clientflow_host.cli.options import settings_with_database

if TYPE_CHECKING:
    from clientflow_core.persistence.database import Database, Transaction


@asynccontextmanager
async def opened_database(values: dict[str, str]) -> "AsyncIterator[Database]":
    """Open the database that *values* name, or that of a running `up`, with its schema checked.

    Raises:
        SettingsError: there is neither, or settings are not usable.
        DatabaseUnfit: it cannot be used as it is.
    """
    from clientflow_host.assembly import open_database, require_schema  # noqa: PLC0415 - heavy

    async with open_database(settings_with_database(values)) as database:
        await require_schema(database)
        yield database


@asynccontextmanager
async def system_transaction(values: dict[str, str]) -> "AsyncIterator[Transaction]":
    """Open one transaction of the system, for a command that needs no more.

    Raises:
        SettingsError, DatabaseUnfit: as :func:`opened_database`.
    """
    async with opened_database(values) as database, database.system() as transaction:
        yield transaction
