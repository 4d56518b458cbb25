"""The doors to the database: who is woken when, and what happens when it does not answer."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from clientflow_core.errors import DatabaseUnfit
from clientflow_core.ids import new_id
from clientflow_core.persistence import server as server_module
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.persistence.server import parse_url
from clientflow_core.persistence.tables import contacts
from clientflow_core.secret import Secret
from tests.conftest import Business
from tests.core.persistence.conftest import Relay
from tests.databases import Addresses


class Undo(Exception):
    """Ends a transaction without its effect."""


@pytest.fixture
async def small(shared: Addresses) -> AsyncIterator[Database]:
    """A database with one connection, for tests that leave nothing behind."""
    opened = Database(shared.application, pool_size=1)
    yield opened
    await opened.close()


async def value(database: Database, statement: str) -> Any:
    async with database.system() as transaction:
        return (await transaction.execute(sa.text(statement))).scalar_one()


async def refusal(url: URL) -> str:
    """Give what `check` says of a database that is not fit, and see that it comes in time."""
    database = Database(url)
    began = time.monotonic()
    with pytest.raises(DatabaseUnfit) as refused:
        await database.check()
    assert time.monotonic() - began < 10
    await database.close()
    return str(refused.value)


async def test_a_fit_database_passes_the_check(small: Database) -> None:
    await small.check()


async def test_the_owner_is_refused(shared: Addresses) -> None:
    assert "may bypass row-level security and owns the tables" in await refusal(shared.owner)


async def test_an_old_server_is_refused(shared: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "OLDEST_VERSION", 99)
    assert "ClientFlow needs 99 or newer" in await refusal(shared.application)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        yield mute.getsockname()[1]


async def test_a_server_that_is_not_there_is_reported(closed_port: int) -> None:
    url = URL.create("postgresql+psycopg", "me", "hunter2", "127.0.0.1", closed_port, "shop")
    said = await refusal(url)
    assert said.startswith("no connection to the database in DATABASE_URL: ")
    assert "Connection refused" in said
    assert "hunter2" not in said


async def test_a_server_that_never_answers_is_reported_in_time(mute_port: int) -> None:
    url = URL.create("postgresql+psycopg", "me", "hunter2", "127.0.0.1", mute_port, "shop")
    assert "timeout" in await refusal(url)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("postgresql://me:hunter2@clientflow.invalid/shop", "clientflow.invalid"),
        ("postgresql://me:hunter2@127.0.0.1:99999999/shop", "port"),
        ("postgresql://me:hunter2@127.0.0.1/shop?sslmode=hunter3", "sslmode"),
        ("postgresql://me:hunter2@/shop?host=/nowhere", "/nowhere"),
    ],
)
async def test_an_address_that_leads_nowhere_is_reported(text: str, reason: str) -> None:
    said = await refusal(parse_url(Secret(text), env="DATABASE_URL"))
    assert reason in said
    assert "hunter2" not in said


async def test_a_wrong_password_and_a_missing_database_are_reported(shared: Addresses) -> None:
    said = await refusal(shared.application.set(password="hunter2"))
    assert "password authentication failed" in said
    assert "hunter2" not in said
    assert '"nowhere" does not exist' in await refusal(shared.application.set(database="nowhere"))


async def test_the_lanes_are_woken_after_the_commit(addresses: Addresses) -> None:
    woken: list[tuple[frozenset[str], list[object]]] = []

    def wake(lanes: frozenset[str]) -> None:
        with addresses.connect() as connection:
            found = connection.execute("SELECT kind FROM jobs ORDER BY kind").fetchall()
        woken.append((lanes, [kind for (kind,) in found]))

    database = Database(addresses.application, wake=wake)
    async with database.system() as transaction:
        await enqueue(transaction, lane="inbound", kind="a", args={})
        await enqueue(transaction, lane="outbound", kind="b", args={})
        await enqueue(transaction, lane="outbound", kind="c", args={})
        assert woken == []
    assert woken == [(frozenset({"inbound", "outbound"}), ["a", "b", "c"])]
    await database.close()


async def test_nobody_is_woken_for_what_was_undone_or_not_asked_for(
    addresses: Addresses, business: Business
) -> None:
    woken: list[frozenset[str]] = []
    database = Database(addresses.application)
    database.wake_with(woken.append)

    async def give_up() -> None:
        async with database.system() as transaction:
            transaction.wake("inbound")
            raise Undo

    async def be_refused_by_the_commit() -> None:
        async with database.organization(business.organization_id) as transaction:
            transaction.wake("inbound")
            # The reference is deferred.
            point = (
                "INSERT INTO contact_points (organization_id, id, contact_id, kind, value)"
                " SELECT id, id, id, 'phone', '+1' FROM organizations"
            )
            await transaction.execute(sa.text(point))

    with pytest.raises(Undo):
        await give_up()
    with pytest.raises(sa.exc.IntegrityError):
        await be_refused_by_the_commit()
    await value(database, "SELECT 1")
    assert woken == []
    await database.close()


async def test_without_anybody_to_wake_the_work_is_there_all_the_same(database: Database) -> None:
    async with database.system() as transaction:
        await enqueue(transaction, lane="inbound", kind="a", args={"text": "é"})
    assert await value(database, "SELECT args ->> 'text' FROM jobs") == "é"


async def test_many_rows_go_in_one_call(database: Database, business: Business) -> None:
    organization_id = business.organization_id
    rows = [{"organization_id": organization_id, "id": new_id()} for _ in range(3)]
    async with database.organization(organization_id) as transaction:
        await transaction.execute(contacts.insert(), rows)
        found = await transaction.execute(sa.select(contacts.c.id))
        assert len(found.all()) == 3


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("statement_timeout", "9s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("timezone", "UTC"),
    ],
)
async def test_no_statement_and_no_transaction_lasts_for_ever(
    small: Database, setting: str, expected: str
) -> None:
    assert await value(small, f"SHOW {setting}") == expected


async def test_a_network_that_swallows_everything_is_noticed(small: Database) -> None:
    async with small._engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        parameters = raw.info.get_parameters()
    assert parameters["tcp_user_timeout"] == "20000"
    assert parameters["keepalives_idle"] == "10"


async def test_connections_that_the_server_has_ended_are_replaced(
    addresses: Addresses, database: Database
) -> None:
    all_open = asyncio.Barrier(5)

    async def hold_one() -> None:
        async with database.system():
            await all_open.wait()

    await asyncio.gather(*(hold_one() for _ in range(5)))
    ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"
    with addresses.connect() as connection:
        name = addresses.application.username
        row = connection.execute(ended + " AND datname = current_database()", [name]).fetchone()
    assert row == (5,)
    for _ in range(5):
        assert await value(database, "SELECT 1") == 1


async def test_a_connection_that_ends_in_a_transaction_fails_only_that_one(
    addresses: Addresses, database: Database
) -> None:
    async def lose_it() -> None:
        async with database.system() as transaction:
            pid = (await transaction.execute(sa.text("SELECT pg_backend_pid()"))).scalar_one()
            with addresses.connect() as connection:
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
            await transaction.execute(sa.text("SELECT 1"))

    with pytest.raises(sa.exc.OperationalError) as failed:
        await lose_it()
    assert isinstance(failed.value.orig, psycopg.errors.AdminShutdown)
    assert await value(database, "SELECT 1") == 1


async def test_a_cancelled_statement_gives_its_connection_back(small: Database) -> None:
    task = asyncio.create_task(value(small, "SELECT pg_sleep(10)"))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await value(small, "SELECT 1") == 1


async def test_who_finds_no_free_connection_is_refused(small: Database) -> None:
    small._engine.pool._timeout = 0.1  # type: ignore[attr-defined]  # five seconds are long here
    async with small.system():
        with pytest.raises(sa.exc.TimeoutError):
            await value(small, "SELECT 1")
    assert await value(small, "SELECT 1") == 1


async def test_a_server_that_stood_still_goes_on_where_it_was(
    addresses: Addresses, relay: Relay
) -> None:
    database = Database(relay.of(addresses.application), pool_size=1)
    assert await value(database, "SELECT 1") == 1
    relay.freeze()
    task = asyncio.create_task(value(database, "SELECT 2"))
    await asyncio.sleep(0.2)
    assert not task.done()
    relay.thaw()
    assert await task == 2
    await database.close()
