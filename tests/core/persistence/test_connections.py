"""Connections on which nothing is waited for without an end."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
import sqlalchemy as sa

from clientflow_core.persistence import connections
from clientflow_core.persistence.connections import ImpatientConnection
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.server import connection_string
from tests.core.persistence.conftest import Relay
from tests.databases import Addresses

NOTHING_KEPT = [("0", "0", "0", "")]
KEPT = (
    "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
    " current_setting('idle_in_transaction_session_timeout'),"
    " coalesce(current_setting('app.organization_id', true), '')"
)


@pytest.fixture
async def behind(addresses: Addresses, relay: Relay) -> AsyncIterator[Database]:
    """A database of one connection, behind the relay."""
    opened = Database(relay.of(addresses.application), pool_size=1)
    yield opened
    await opened.close()


async def one(database: Database) -> int:
    async with database.system() as transaction:
        return int(await transaction.scalar(sa.text("SELECT 1")))


async def test_server_that_stands_still_is_given_up_and_taken_anew(
    behind: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.2)
    assert await one(behind) == 1

    async def find_it_frozen() -> None:
        async with behind.system() as transaction:
            relay.freeze()
            await transaction.scalar(sa.text("SELECT 1"))

    async with asyncio.timeout(5):
        with pytest.raises(sa.exc.OperationalError, match="has not answered for") as it:
            await find_it_frozen()
    assert it.value.connection_invalidated
    relay.thaw()
    monkeypatch.undo()
    assert await one(behind) == 1


async def test_statement_of_the_connection_apart_is_given_up_too(
    behind: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = sa.text("SELECT 1")
    assert await behind.statements.scalar(statement, {}) == 1
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(behind.statements, "_connect_args", {"connect_timeout": 2})
    relay.freeze()
    async with asyncio.timeout(8):
        with pytest.raises(psycopg.OperationalError):
            await behind.statements.scalar(statement, {})
    relay.thaw()
    assert await behind.statements.scalar(statement, {}) == 1


async def test_error_of_the_server_leaves_the_connection_open(shared: Addresses) -> None:
    conninfo = connection_string(shared.application)
    async with await ImpatientConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute("SET statement_timeout = '20ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            await connection.execute("SELECT pg_sleep(5)")
        assert (await (await connection.execute("SELECT 1")).fetchone()) == (1,)


async def test_through_a_pooler_the_limits_hold_and_nothing_stays_behind(
    shared: Addresses,
) -> None:
    """Of a real pooler nothing is tested: only what would break with any, what a session keeps."""
    database = Database(shared.application, pool_size=1, has_pooler=True)
    for _ in range(12):
        async with database.system() as transaction:
            limits = (await transaction.execute(sa.text(KEPT))).one()
            assert tuple(limits)[:3] == ("9s", "5s", "30s")
    async with database._engine.connect() as plain:
        raw = (await plain.get_raw_connection()).driver_connection
        assert raw is not None
        await raw.rollback()
        assert await (await raw.execute(KEPT)).fetchall() == NOTHING_KEPT
        prepared = await raw.execute("SELECT count(*) FROM pg_prepared_statements")
        assert await prepared.fetchall() == [(0,)]
    await database.close()
