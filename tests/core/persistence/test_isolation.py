"""Two organizations in one database: neither ever sees or touches what is the other's."""

import asyncio
import datetime as dt
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import attrs
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.inbound_events import (
    route_inbound_event,
    store_inbound_events,
)
from clientflow_core.persistence.tables import (
    ORGANIZATION_TABLES,
    PLATFORM_TABLES,
    SYSTEM_TABLES,
    metadata,
)
from tests.conftest import add_business
from tests.databases import Addresses

pytestmark = pytest.mark.proves("DD3", "TI5")

RLS_REFUSED = psycopg.errors.InsufficientPrivilege
TABLES = sorted(ORGANIZATION_TABLES)


@attrs.frozen
class Household:
    """An organization with one row in every table that has rows of organizations."""

    id: uuid.UUID
    rows: dict[str, dict[str, Any]]


class Undo(Exception):
    """Ends a transaction without its effect."""


def rows_of(organization_id: uuid.UUID, channel_id: uuid.UUID, user_id: uuid.UUID) -> Household:
    """Write one row for each table, in the order in which they can be inserted."""
    contact, point, conversation, message, calendar = (new_id() for _ in range(5))
    rows: dict[str, dict[str, Any]] = {
        "channels": {
            "id": channel_id,
            "provider": "twilio",
            "address": f"+1{channel_id.int % 10**10}",
            "name": "Texts",
        },
        "memberships": {"user_id": user_id, "role": "owner"},
        "api_keys": {"id": new_id(), "name": "x", "key_hash": new_id().bytes, "role": "admin"},
        "contacts": {"id": contact, "name": "Somebody"},
        "contact_points": {
            "id": point,
            "contact_id": contact,
            "kind": "phone",
            "value": "+15550100123",
        },
        "consents": {
            "contact_point_id": point,
            "channel_id": channel_id,
            "medium": "text",
            "number": 1,
            "wish": "opt_out",
            "source": "client",
            "evidence": "STOP",
            "occurred_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        },
        "conversations": {
            "id": conversation,
            "contact_id": contact,
            "channel_id": channel_id,
            "contact_point_id": point,
        },
        "messages": {
            "id": message,
            "conversation_id": conversation,
            "channel_id": channel_id,
            "direction": "in",
            "body": "Hello",
            "status": "received",
        },
        "assistant_drafts": {
            "id": new_id(),
            "conversation_id": conversation,
            "based_on_message_id": message,
            "provider": "openai",
            "prompt_version": "1",
            "state": "asked",
        },
        "failover_rules": {"medium": "text", "country": "*", "channel_ids": [channel_id]},
        "attachments": {
            "id": new_id(),
            "message_id": message,
            "position": 0,
            "name": "a.txt",
            "content_type": "text/plain",
            "size_bytes": 0,
        },
        "message_attempts": {
            "id": new_id(),
            "message_id": message,
            "channel_id": channel_id,
            "number": 1,
            "state": "sending",
            "started_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        },
        "idempotency_keys": {
            "route": "POST /",
            "key": "k",
            "request_hash": b"",
            "status": 200,
            "body": b"",
        },
        "stream_events": {"kind": "x", "subject_id": message},
        "provider_settings": {"provider": "twilio", "version": new_id(), "sealed": b"x"},
        "records": {
            "provider": "twilio",
            "collection": "c",
            "key": "k",
            "version": 1,
            "value": "{}",
        },
        "calendars": {
            "id": calendar,
            "provider": "caldav",
            "provider_calendar_id": "/shop/",
            "title": "Work",
            "time_zone": "UTC",
            "is_writable": True,
        },
        "calendar_events": {
            "id": new_id(),
            "calendar_id": calendar,
            "title": "Haircut",
            "description": "",
            "location": "",
            "attendees": [],
            "first_day": dt.date(2026, 1, 1),
            "last_day": dt.date(2026, 1, 1),
            "status": "confirmed",
            "is_busy": True,
        },
        "calendar_feeds": {
            "calendar_id": calendar,
            "token_hash": new_id().bytes,
            "shows_details": True,
        },
        "billing_customers": {"provider": "ledger", "provider_customer_id": new_id().hex},
        "subscriptions": {
            "id": new_id(),
            "provider": "ledger",
            "provider_subscription_id": "s",
            "provider_customer_id": "c",
            "status": "active",
            "period_start": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            "period_end": dt.datetime(2026, 2, 1, tzinfo=dt.UTC),
            "is_ending": False,
            "read_number": 1,
        },
        "usage_events": {
            "id": new_id(),
            "meter": "texts_sent",
            "source_id": "m",
            "quantity": 1,
        },
    }
    return Household(
        organization_id,
        {table: {"organization_id": organization_id, **row} for table, row in rows.items()},
    )


def insertion(table: str, row: dict[str, Any]) -> sa.Insert:
    return metadata.tables[table].insert().values(row)


def add_household(addresses: Addresses, name: str) -> Household:
    """Make an organization with a user and one row in every table."""
    organization_id, user_id = new_id(), new_id()
    household = rows_of(organization_id, new_id(), user_id)
    with addresses.connect() as connection, connection.transaction():
        connection.execute(
            "INSERT INTO organizations (id, name, slug) VALUES (%s, %s, %s)",
            [organization_id, name, organization_id.hex],
        )
        connection.execute(
            "INSERT INTO users (id, email, password_hash) VALUES (%s, %s, 'x')",
            [user_id, f"{name}@example.com"],
        )
        for table, row in household.rows.items():
            connection.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(sql.Placeholder() * len(row)),
                ),
                list(row.values()),
            )
    return household


@pytest.fixture(scope="module")
def ours(shared: Addresses) -> Household:
    return add_household(shared, "ours")


@pytest.fixture(scope="module")
def theirs(shared: Addresses) -> Household:
    return add_household(shared, "theirs")


@pytest.fixture
async def both(shared: Addresses, ours: Household, theirs: Household) -> AsyncIterator[Database]:
    """The database of the two, as the application role."""
    opened = Database(shared.application, pool_size=1)
    yield opened
    await opened.close()


async def count(transaction: Transaction, table: str) -> int:
    statement = sa.select(sa.func.count()).select_from(metadata.tables[table])
    return int((await transaction.execute(statement)).scalar_one())


async def visible(transaction: Transaction) -> list[uuid.UUID]:
    """Tell whose contacts are seen."""
    owners = sa.select(metadata.tables["contacts"].c.organization_id)
    return list((await transaction.execute(owners)).scalars())


def test_every_table_of_organizations_is_tried(ours: Household) -> None:
    assert set(ours.rows) == ORGANIZATION_TABLES


async def test_an_organization_sees_its_own_rows_and_no_others(
    both: Database, ours: Household, theirs: Household
) -> None:
    async with both.organization(ours.id) as transaction:
        for table in TABLES:
            owners = sa.select(metadata.tables[table].c.organization_id)
            assert (await transaction.execute(owners)).scalars().all() == [ours.id], table


async def test_an_organization_changes_its_own_rows_and_no_others(
    both: Database, ours: Household, theirs: Household
) -> None:
    changed = {}
    async with both.organization(ours.id) as transaction:
        for table in TABLES:
            own = metadata.tables[table].c.organization_id
            statement = metadata.tables[table].update().values(organization_id=own)
            theirs_only = statement.where(own == theirs.id)
            everything = (await transaction.execute(statement)).rowcount
            changed[table] = (everything, (await transaction.execute(theirs_only)).rowcount)
    assert changed == dict.fromkeys(TABLES, (1, 0))


async def test_an_organization_deletes_its_own_rows_and_no_others(
    both: Database, ours: Household, theirs: Household
) -> None:
    deleted, left = {}, {}
    with suppress(Undo):
        async with both.organization(ours.id) as transaction:
            for table in TABLES:
                statement = metadata.tables[table].delete()
                deleted[table] = (await transaction.execute(statement)).rowcount
            await transaction.switch_to(theirs.id)
            for table in TABLES:
                left[table] = await count(transaction, table)
            raise Undo
    assert deleted == left == dict.fromkeys(TABLES, 1)


@pytest.mark.parametrize("table", TABLES)
async def test_a_row_of_another_organization_is_not_taken(
    both: Database, ours: Household, theirs: Household, table: str
) -> None:
    with pytest.raises(sa.exc.ProgrammingError) as refused:
        async with both.organization(ours.id) as transaction:
            await transaction.execute(insertion(table, theirs.rows[table]))
    assert isinstance(refused.value.orig, RLS_REFUSED)


@pytest.mark.parametrize("table", TABLES)
async def test_a_row_cannot_be_given_to_another_organization(
    both: Database, ours: Household, theirs: Household, table: str
) -> None:
    statement = metadata.tables[table].update().values(organization_id=theirs.id)
    with pytest.raises(sa.exc.ProgrammingError) as refused:
        async with both.organization(ours.id) as transaction:
            await transaction.execute(statement)
    assert isinstance(refused.value.orig, RLS_REFUSED)


REFERENCES = sorted(
    (table, str(key.column_keys[1]), key.referred_table.name)
    for table in ORGANIZATION_TABLES
    for key in metadata.tables[table].foreign_key_constraints
    if len(key.column_keys) == 2
)


@pytest.mark.parametrize(("table", "column", "target"), REFERENCES)
async def test_a_row_cannot_refer_to_one_of_another_organization(
    both: Database, theirs: Household, ours: Household, table: str, column: str, target: str
) -> None:
    statement = metadata.tables[table].update().values({column: theirs.rows[target]["id"]})
    with pytest.raises(sa.exc.IntegrityError) as refused:
        async with both.organization(ours.id) as transaction:
            await transaction.execute(statement)
    assert isinstance(refused.value.orig, psycopg.errors.ForeignKeyViolation)


def test_all_references_between_tables_of_organizations_were_tried() -> None:
    assert len(REFERENCES) == 15


async def test_the_system_sees_no_row_of_any_organization(both: Database) -> None:
    async with both.system() as transaction:
        for table in TABLES + sorted(PLATFORM_TABLES - {"user_sessions"}):
            assert await count(transaction, table) == 0, table
        for table in sorted(SYSTEM_TABLES & set(metadata.tables)):
            await count(transaction, table)


async def test_a_transaction_without_a_scope_is_an_error(both: Database) -> None:
    async with both._engine.connect() as connection:
        with pytest.raises(RuntimeError, match="without a scope"):
            await connection.execute(sa.text("SELECT 1"))


async def test_what_needs_an_organization_says_so_in_the_system_scope(both: Database) -> None:
    async with both.system() as transaction:
        with pytest.raises(RuntimeError, match="transaction of an organization"):
            _ = transaction.scope


async def test_one_transaction_serves_one_organization_after_another(
    both: Database, ours: Household, theirs: Household
) -> None:
    seen = []
    async with both.system() as transaction:
        for scope in (ours.id, ours.id, theirs.id, None, ours.id):
            await transaction.switch_to(scope)
            seen.append((transaction.organization_id, await visible(transaction)))
    found = [
        (ours.id, [ours.id]),
        (ours.id, [ours.id]),
        (theirs.id, [theirs.id]),
        (None, []),
        (ours.id, [ours.id]),
    ]
    assert seen == found
    async with both.system() as transaction:
        assert await visible(transaction) == []


async def test_the_scope_never_leaks_whatever_happens_to_the_tasks(
    both: Database, ours: Household, theirs: Household
) -> None:
    chance = random.Random(7)
    clock = asyncio.get_running_loop().time
    scopes = [ours.id, theirs.id, None]
    seen: list[tuple[uuid.UUID | None, list[uuid.UUID]]] = []

    async def work(scope: uuid.UUID | None, mishap: str) -> None:
        async with both.organization(scope) if scope else both.system() as transaction:
            for _ in range(3):
                found = await visible(transaction)
                seen.append((transaction.organization_id, found))
                match mishap:
                    case "wait":
                        await transaction.execute(sa.text("SELECT pg_sleep(0.01)"))
                    case "switch":
                        await transaction.switch_to(chance.choice(scopes))
                    case "error":
                        await transaction.execute(sa.text("SELECT 1 / 0"))
                    case "raise":
                        raise Undo
                    case _:
                        pass

    async def cancel_later(task: asyncio.Task[None]) -> None:
        await asyncio.sleep(chance.random() * 0.1)
        task.cancel()

    outcomes: list[BaseException | None] = []
    ends = clock() + 2
    while clock() < ends or len(outcomes) < 100:
        mishaps = chance.choices(["none", "wait", "switch", "error", "raise"], k=20)
        tasks = [asyncio.create_task(work(chance.choice(scopes), mishap)) for mishap in mishaps]
        cancels = [cancel_later(task) for task in chance.sample(tasks, 8)]
        await asyncio.gather(*cancels)
        outcomes += await asyncio.gather(*tasks, return_exceptions=True)
    assert [entry for entry in seen if entry[1] != ([entry[0]] if entry[0] else [])] == []
    kinds = {type(outcome) for outcome in outcomes}
    assert kinds == {type(None), Undo, sa.exc.DataError, asyncio.CancelledError}
    assert len(seen) > 50
    async with both.system() as transaction:
        setting = sa.text("SELECT current_setting('app.organization_id', true)")
        assert (await transaction.execute(setting)).scalar_one() in ("", None)


async def test_users_are_seen_by_the_organizations_they_belong_to(
    both: Database, ours: Household, theirs: Household
) -> None:
    emails = sa.select(metadata.tables["users"].c.email).order_by("email")
    joined = {**theirs.rows["memberships"], "organization_id": ours.id}
    found = []
    with suppress(Undo):
        async with both.organization(ours.id) as transaction:
            found.append((await transaction.execute(emails)).scalars().all())
            await transaction.execute(insertion("memberships", joined))
            found.append((await transaction.execute(emails)).scalars().all())
            raise Undo
    assert found == [["ours@example.com"], ["ours@example.com", "theirs@example.com"]]


async def test_the_sessions_of_users_are_seen_by_nobody(
    addresses: Addresses, database: Database
) -> None:
    household = add_household(addresses, "ours")
    with addresses.connect() as connection:
        connection.execute(
            "INSERT INTO user_sessions (id, user_id, token_hash, expires_at)"
            " SELECT gen_random_uuid(), id, 'x', now() FROM users"
        )
        # Even if somebody granted it one day.
        connection.execute("GRANT ALL ON user_sessions TO PUBLIC")
    async with database.organization(household.id) as transaction:
        assert await count(transaction, "user_sessions") == 0


async def test_an_organization_sees_itself_and_no_others(
    both: Database, ours: Household, theirs: Household
) -> None:
    async with both.organization(ours.id) as transaction:
        ids = sa.select(metadata.tables["organizations"].c.id)
        assert (await transaction.execute(ids)).scalars().all() == [ours.id]


async def test_an_event_is_seen_by_the_organization_it_was_routed_to(
    addresses: Addresses, database: Database
) -> None:
    ours, theirs = add_business(addresses, address="+1"), add_business(addresses, address="+2")
    events = [
        InboundEvent(
            id=new_id(),
            provider="twilio",
            webhook="twilio",
            account="AC",
            external_id=str(number),
            method="POST",
            url="https://example.com",
            headers={},
            body=b"",
            received_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        )
        for number in range(3)
    ]
    async with database.system() as transaction:
        await store_inbound_events(transaction, events)
        for event, address in zip(events, ["+1", "+2", "+3"], strict=True):
            await route_inbound_event(transaction, event.id, provider="twilio", addresses=[address])
    ids = sa.select(metadata.tables["inbound_events"].c.id)
    for business, event in zip([ours, theirs], events, strict=False):
        async with database.organization(business.organization_id) as transaction:
            assert (await transaction.execute(ids)).scalars().all() == [event.id]
