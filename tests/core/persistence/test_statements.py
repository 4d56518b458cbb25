"""Statements on the connection kept for them: a transaction each, and a new one where it broke."""

import asyncio

import psycopg
import pytest
import sqlalchemy as sa

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.statements import Statements
from tests.conftest import Business
from tests.core.persistence.conftest import Relay, wait_for_locks
from tests.databases import Addresses

PID = sa.text("SELECT pg_backend_pid()")
NUMBER = sa.text("SELECT cast(:number AS int)")
ADD = sa.text("INSERT INTO notes VALUES (:note) RETURNING note")


@pytest.fixture
def statements(database: Database) -> Statements:
    return database.statements


@pytest.fixture
def notes(addresses: Addresses) -> Addresses:
    """The database, with a table that the application may write to."""
    with addresses.connect() as connection:
        connection.execute("CREATE TABLE notes (note text UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        connection.execute("GRANT INSERT, SELECT ON notes TO clientflow_app")
    return addresses


def kept(addresses: Addresses) -> list[object]:
    with addresses.connect() as connection:
        return [note for (note,) in connection.execute("SELECT note FROM notes ORDER BY 1")]


def break_connections(addresses: Addresses) -> None:
    with addresses.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'clientflow_app' AND datname = current_database()"
        )


async def test_one_connection_serves_statement_after_statement(statements: Statements) -> None:
    assert len({await statements.scalar(PID, {}) for _ in range(10)}) == 1
    assert [await statements.scalar(NUMBER, {"number": n}) for n in (1, 2)] == [1, 2]


async def test_statements_at_the_same_moment_take_turns(statements: Statements) -> None:
    numbers = [statements.scalar(NUMBER, {"number": n}) for n in range(50)]
    assert await asyncio.gather(*numbers) == list(range(50))


async def test_what_a_statement_did_is_committed_when_it_returns(
    statements: Statements, notes: Addresses
) -> None:
    assert await statements.scalar(ADD, {"note": "a"}) == "a"
    assert kept(notes) == ["a"]


async def test_refused_statement_harms_no_other(statements: Statements, notes: Addresses) -> None:
    pid = await statements.scalar(PID, {})
    await statements.scalar(ADD, {"note": "a"})
    with pytest.raises(psycopg.IntegrityError):
        await statements.scalar(ADD, {"note": "a"})
    with pytest.raises(psycopg.DataError):
        await statements.scalar(ADD, {"note": "\0"})
    await statements.scalar(ADD, {"note": "b"})
    assert kept(notes) == ["a", "b"]
    assert await statements.scalar(PID, {}) == pid


async def test_connection_that_broke_between_two_statements_is_not_noticed(
    statements: Statements, addresses: Addresses
) -> None:
    first = await statements.scalar(PID, {})
    break_connections(addresses)
    assert await statements.scalar(PID, {}) != first


async def test_statement_whose_connection_breaks_is_run_again(
    statements: Statements, notes: Addresses
) -> None:
    await statements.scalar(PID, {})
    with notes.connect() as blocker:
        with blocker.transaction():
            blocker.execute("LOCK TABLE notes")
            adding = asyncio.create_task(statements.scalar(ADD, {"note": "a"}))
            await asyncio.to_thread(wait_for_locks, notes, 1)
            break_connections(notes)
        assert await adding == "a"
    assert kept(notes) == ["a"]


async def test_server_that_is_away_is_an_error_and_once_back_it_is_none(
    addresses: Addresses, relay: Relay
) -> None:
    database = Database(relay.of(addresses.application))
    assert await database.statements.scalar(NUMBER, {"number": 1}) == 1
    await relay.close()
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            await database.statements.scalar(NUMBER, {"number": 2})
    await relay.open()
    assert await database.statements.scalar(NUMBER, {"number": 3}) == 3
    await database.close()


async def test_no_organization_s_rows_are_seen(statements: Statements, business: Business) -> None:
    assert await statements.scalar(sa.text("SELECT count(*) FROM channels"), {}) == 0


async def test_statement_that_takes_too_long_is_ended_by_the_server(
    statements: Statements,
) -> None:
    assert await statements.scalar(sa.text("SHOW statement_timeout"), {}) == "9s"
    assert await statements.scalar(sa.text("SHOW timezone"), {}) == "UTC"


@pytest.fixture
async def closed(addresses: Addresses) -> Statements:
    database = Database(addresses.application)
    await database.statements.scalar(PID, {})
    await database.close()
    return database.statements


async def test_after_the_end_nothing_is_opened_again(
    closed: Statements, addresses: Addresses
) -> None:
    with pytest.raises(psycopg.Error):
        await closed.scalar(PID, {})
    with addresses.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE usename = 'clientflow_app' AND datname = current_database()"
        ).fetchone()
    assert found == (0,)


async def test_statement_under_way_at_the_end_fails(notes: Addresses) -> None:
    database = Database(notes.application)
    await database.statements.scalar(PID, {})
    with notes.connect() as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE notes")
        adding = asyncio.create_task(database.statements.scalar(ADD, {"note": "a"}))
        await asyncio.to_thread(wait_for_locks, notes, 1)
        await database.close()
        with pytest.raises(psycopg.Error):
            await asyncio.wait_for(adding, 5)


async def test_cancelled_statement_leaves_the_connection_usable(statements: Statements) -> None:
    sleeping = asyncio.create_task(statements.scalar(sa.text("SELECT pg_sleep(10)"), {}))
    await asyncio.sleep(0.2)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    assert await asyncio.wait_for(statements.scalar(NUMBER, {"number": 1}), 5) == 1


async def test_lane_is_woken_at_once(addresses: Addresses) -> None:
    woken: list[frozenset[str]] = []
    database = Database(addresses.application)
    database.statements.wake("nobody is told yet")
    database.wake_with(woken.append)
    database.statements.wake("inbound")
    assert woken == [frozenset({"inbound"})]
    await database.close()
