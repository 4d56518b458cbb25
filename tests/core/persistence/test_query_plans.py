"""The statements that run all the time read no whole table, however many rows it has.

PostgreSQL itself tells: in the transaction that has asked, it counts who was read from end to end.
``nox -s plans`` does the same with 100,000 rows of each.
"""

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
from tests.conftest import new_database
from tests.databases import Addresses

pytestmark = pytest.mark.proves("TP2")

ROWS: Final = int(os.environ.get("CLIENTFLOW_PLAN_ROWS", "10000"))
# Of ten organizations; the first is asked about.
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
# A scan of a table that has few rows is the quickest there is.
_READ_WHOLE: Final = sa.text(
    "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_tup_read > 1000 ORDER BY 1"
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
        "what is new": lambda t: list_stream_events(t, after=0, most=50),
    }


async def test_nothing_that_an_organization_asks_for_all_the_time_reads_a_whole_table(
    filled: Filled,
) -> None:
    whole: dict[str, Any] = {}
    for name, ask in hot(filled).items():
        async with filled.database.organization(filled.ours) as transaction:
            assert await ask(transaction), name
            whole[name] = (await transaction.execute(_READ_WHOLE)).scalars().all()
    assert {name: tables for name, tables in whole.items() if tables} == {}


async def test_nothing_that_the_service_asks_for_all_the_time_reads_a_whole_table(
    filled: Filled,
) -> None:
    asks: dict[str, Ask] = {
        "a worker": lambda t: claim_jobs(t, lane="outbound", worker=1, most=10),
        "who has a key": lambda t: find_api_key(t, b"nobody's"),
        "what came in": lambda t: list_inbound_events(t, most=50),
    }
    whole: dict[str, Any] = {}
    for name, ask in asks.items():
        async with filled.database.system() as transaction:
            await ask(transaction)
            whole[name] = (await transaction.execute(_READ_WHOLE)).scalars().all()
    assert {name: tables for name, tables in whole.items() if tables} == {}


async def test_a_whole_table_that_is_read_is_seen(filled: Filled) -> None:
    async with filled.database.organization(filled.ours) as transaction:
        await transaction.execute(sa.text("SELECT 1 FROM contacts WHERE name = 'Ada'"))
        await transaction.execute(sa.text("SELECT 1 FROM jobs WHERE kind = 'other'"))
        assert (await transaction.execute(_READ_WHOLE)).scalars().all() == ["jobs"]
