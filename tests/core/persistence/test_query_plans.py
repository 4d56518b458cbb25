"""The statements that run all the time read few rows, however many a table or organization has.

PostgreSQL itself tells: in the transaction that has asked, it counts the rows that were read.
``nox -s plans`` does the same with 100,000 rows of each.
"""

import datetime as dt
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import attrs
import pytest
import sqlalchemy as sa

from clientflow_core.domain.contacts import ContactPointKind
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.persistence.provision import DatabaseAddresses
from clientflow_core.persistence.repositories.contacts import (
    find_or_add_contact_point,
    list_contacts,
    search_contacts,
)
from clientflow_core.persistence.repositories.conversations import list_conversations
from clientflow_core.persistence.repositories.inbound_events import list_inbound_events
from clientflow_core.persistence.repositories.jobs import claim_jobs
from clientflow_core.persistence.repositories.messages import list_messages
from clientflow_core.persistence.repositories.organizations import find_api_key
from clientflow_core.persistence.repositories.stream_events import list_stream_events
from clientflow_core.persistence.repositories.threads import find_thread_about, find_thread_of
from tests.conftest import new_database
from tests.databases import Addresses

pytestmark = pytest.mark.proves("TP2")

ROWS: Final = int(os.environ.get("CLIENTFLOW_PLAN_ROWS", "30000"))
LONG_AGO: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
# Of ten organizations; one is asked about, and a client of it writes e-mails all the time.
_FILL: Final = """
    INSERT INTO organizations SELECT md5('o' || n)::uuid, 'A', 'o' || n
        FROM generate_series(0, 9) n;
    INSERT INTO channels (organization_id, id, provider, address, name)
        SELECT id, id, 'twilio', slug, 'Texts' FROM organizations;
    INSERT INTO api_keys (organization_id, id, name, key_hash, role)
        SELECT md5('o' || n % 10)::uuid, gen_random_uuid(), 'k', sha256(n::text::bytea), 'owner'
        FROM generate_series(1, {rows}) n;
    INSERT INTO contacts SELECT md5('o' || n % 10)::uuid, md5('c' || n)::uuid, 'Name' || n
        FROM generate_series(1, {rows}) n;
    INSERT INTO contact_points (organization_id, id, contact_id, kind, value)
        SELECT md5('o' || n % 10)::uuid, md5('c' || n)::uuid, md5('c' || n)::uuid, 'phone',
            '+1415' || lpad(n::text, 7, '0') FROM generate_series(1, {rows}) n;
    INSERT INTO conversations (organization_id, id, contact_id, channel_id, contact_point_id,
            last_message_at)
        SELECT md5('o' || n % 10)::uuid, md5('c' || n)::uuid, md5('c' || n)::uuid,
            md5('o' || n % 10)::uuid, md5('c' || n)::uuid, now() - n * interval '1 second'
        FROM generate_series(1, {rows}) n;
    INSERT INTO conversations (organization_id, id, contact_id, channel_id, contact_point_id,
            thread, subject, last_message_at)
        SELECT md5('o1')::uuid, md5('t' || n)::uuid, md5('c1')::uuid, md5('o1')::uuid,
            md5('c1')::uuid, 't' || n, 'Visit ' || n, now() - n * interval '1 second'
        FROM generate_series(1, {rows} / 10) n;
    INSERT INTO messages (organization_id, id, conversation_id, channel_id, direction, body, status)
        SELECT md5('o' || n % 10)::uuid, md5('m' || n)::uuid, md5('c' || n)::uuid,
            md5('o' || n % 10)::uuid, 'in', 'Hello?', 'received' FROM generate_series(1, {rows}) n;
    INSERT INTO inbound_events (id, provider, webhook, account, external_id, method, url, headers,
            body, received_at)
        SELECT md5('e' || n)::uuid, 'twilio', 'w', 'a', n::text, 'POST', 'u', '{{}}', '', now()
        FROM generate_series(1, {rows}) n;
    INSERT INTO jobs (lane, kind, args, run_at)
        SELECT 'outbound', 'k', '{{}}', now() + n * interval '1 second'
        FROM generate_series(1, {rows}) n;
    INSERT INTO stream_events (organization_id, kind, subject_id)
        SELECT md5('o' || n % 10)::uuid, 'k', md5('c' || n)::uuid FROM generate_series(1, {rows}) n;
    ANALYZE
"""
# A scan of a table that has few rows is the quickest there is. An organization has a tenth of ROWS.
_MANY: Final = 500
_READ: Final = sa.text(
    "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows"
    " FROM pg_stat_xact_user_tables"
)

Ask = Callable[[Transaction], Awaitable[Any]]


@attrs.frozen
class Filled:
    """A database with many rows."""

    database: Database
    ours: uuid.UUID
    contact: uuid.UUID


@pytest.fixture(scope="module")
def many(server: EmbeddedPostgres, template: DatabaseAddresses) -> Any:
    with new_database(server, template) as addresses:
        with addresses.connect() as connection:
            # The references hold, and to look at each takes most of the time.
            connection.execute("SET session_replication_role = replica")
            connection.execute(_FILL.format(rows=ROWS).encode())
        yield addresses


@pytest.fixture
async def filled(many: Addresses) -> AsyncIterator[Filled]:
    with many.connect() as connection:
        row = connection.execute("SELECT md5('o1')::uuid, md5('c1')::uuid").fetchone()
    assert row is not None
    database = Database(many.application, pool_size=1)
    yield Filled(database, row[0], row[1])  # type: ignore[arg-type]
    await database.close()


async def _rows_read(transaction: Transaction) -> dict[str, int]:
    return {row.relname: row.rows for row in await transaction.execute(_READ)}


async def read_many(transaction: Transaction, ask: Ask) -> list[str]:
    """Ask, and name the tables of which many rows were read for it."""
    # What the server has not told of yet from before counts on.
    before = await _rows_read(transaction)
    assert await ask(transaction)
    after = await _rows_read(transaction)
    return sorted(name for name, rows in after.items() if rows - before.get(name, 0) > _MANY)


async def _perhaps(asked: Awaitable[object]) -> bool:
    await asked
    return True


async def _nothing(asked: Awaitable[object]) -> bool:
    return not await asked


def hot(filled: Filled) -> dict[str, Ask]:
    """Give what is asked of an organization all the time."""
    return {
        "the inbox": lambda t: list_conversations(t, after=None, most=50),
        "its second page": lambda t: list_conversations(t, after=filled.contact, most=50),
        "a conversation": lambda t: list_messages(t, filled.contact, after=None, most=50),
        "contacts": lambda t: list_contacts(t, after=None, most=50),
        "contacts by name": lambda t: search_contacts(t, "Name1231", most=20),
        "contacts by number": lambda t: search_contacts(t, "4150000001", most=20),
        "who writes": lambda t: find_or_add_contact_point(
            t, kind=ContactPointKind.PHONE, value="+14150000001"
        ),
        "which e-mail it answers": lambda t: _nothing(
            find_thread_of(t, ["<a@b>", "<c@d>"], channel_id=filled.ours)
        ),
        "a new subject": lambda t: _nothing(
            find_thread_about(
                t, "Another", channel_id=filled.ours, point_id=filled.contact, since=LONG_AGO
            )
        ),
        "what is new": lambda t: list_stream_events(t, after=0, most=50),
    }


async def test_nothing_that_an_organization_asks_for_all_the_time_reads_many_rows(
    filled: Filled,
) -> None:
    many: dict[str, Any] = {}
    for name, ask in hot(filled).items():
        async with filled.database.organization(filled.ours) as transaction:
            many[name] = await read_many(transaction, ask)
    assert {name: tables for name, tables in many.items() if tables} == {}


async def test_nothing_that_the_service_asks_for_all_the_time_reads_many_rows(
    filled: Filled,
) -> None:
    asks: dict[str, Ask] = {
        "a worker": lambda t: _perhaps(claim_jobs(t, lane="outbound", worker=1, most=10)),
        "who has a key": lambda t: _nothing(find_api_key(t, b"nobody's")),
        "what came in": lambda t: list_inbound_events(t, most=50),
    }
    many: dict[str, Any] = {}
    for name, ask in asks.items():
        async with filled.database.system() as transaction:
            many[name] = await read_many(transaction, ask)
    assert {name: tables for name, tables in many.items() if tables} == {}


async def test_many_rows_that_are_read_are_seen(filled: Filled) -> None:
    async def ask(transaction: Transaction) -> bool:
        await transaction.execute(sa.text("SELECT 1 FROM contacts WHERE name = 'Ada'"))
        await transaction.execute(sa.text("SELECT 1 FROM jobs WHERE kind = 'other'"))
        return True

    async with filled.database.organization(filled.ours) as transaction:
        assert await read_many(transaction, ask) == ["contacts", "jobs"]
