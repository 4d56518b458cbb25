"""Inbound events: kept, given to whom they are for, and finished."""

import datetime as dt
import uuid
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from clientflow_core.domain.inbound_events import InboundEvent, InboundEventState
from clientflow_core.errors import NotFound
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.inbound_events import (
    Route,
    finish_inbound_event,
    list_inbound_events,
    read_inbound_event,
    route_inbound_event,
    store_inbound_events,
)
from tests.conftest import Business, add_business
from tests.core.persistence.conftest import inbound_event
from tests.databases import Addresses

OURS, THEIRS = "+14155550100", "+14155550199"


async def store(database: Database, *events: InboundEvent) -> int:
    async with database.system() as transaction:
        return await store_inbound_events(transaction, events)


async def read(database: Database, event_id: uuid.UUID) -> InboundEvent:
    async with database.system() as transaction:
        return await read_inbound_event(transaction, event_id)


async def route(
    database: Database,
    event: InboundEvent,
    addresses: Sequence[str],
    *,
    attempt_id: uuid.UUID | None = None,
    plugin: str = "twilio",
) -> Route | None:
    async with database.system() as transaction:
        return await route_inbound_event(
            transaction, event.id, provider=plugin, addresses=addresses, attempt_id=attempt_id
        )


@pytest.fixture
async def event(database: Database) -> InboundEvent:
    """An event that nobody has looked at yet."""
    made = inbound_event()
    await store(database, made)
    return made


@pytest.fixture
def other(addresses: Addresses) -> Business:
    return add_business(addresses, address=THEIRS)


def route_to(business: Business) -> Route:
    return Route(business.organization_id, business.channel_id)


def add_attempt(addresses: Addresses, business: Business) -> uuid.UUID:
    """Make a message of a business with one attempt."""
    attempt_id = new_id()
    with addresses.connect() as connection, connection.transaction():
        connection.execute(
            """
            WITH point AS (
                INSERT INTO contact_points (organization_id, id, contact_id, kind, value)
                VALUES (%(organization)s, %(id)s, %(id)s, 'phone', '+1')
            ), contact AS (
                INSERT INTO contacts (organization_id, id) VALUES (%(organization)s, %(id)s)
            ), conversation AS (
                INSERT INTO conversations
                    (organization_id, id, contact_id, channel_id, contact_point_id)
                VALUES (%(organization)s, %(id)s, %(id)s, %(channel)s, %(id)s)
            ), message AS (
                INSERT INTO messages (organization_id, id, conversation_id, channel_id, direction,
                    body, status)
                VALUES (%(organization)s, %(id)s, %(id)s, %(channel)s, 'out', '', 'sending')
            )
            INSERT INTO message_attempts
                (organization_id, id, message_id, channel_id, number, state, started_at)
            VALUES (%(organization)s, %(id)s, %(id)s, %(channel)s, 1, 'sending', now())
            """,
            {
                "organization": business.organization_id,
                "channel": business.channel_id,
                "id": attempt_id,
            },
        )
    return attempt_id


async def test_of_several_events_those_that_are_new_are_counted(database: Database) -> None:
    assert await store(database, inbound_event("1"), inbound_event("2")) == 2
    assert await store(database, inbound_event("2"), inbound_event("3"), inbound_event("3")) == 1


async def whose_turn(database: Database, *events: InboundEvent) -> list[uuid.UUID | None]:
    """Store events, and give the organizations of their jobs."""
    await store(database, *events)
    statement = sa.text("SELECT args ->> 'event_id' AS event_id, organization_id FROM jobs")
    async with database.system() as transaction:
        rows = (await transaction.execute(statement)).mappings()
        found = {row["event_id"]: row["organization_id"] for row in rows}
    return [found[str(event.id)] for event in events]


async def test_job_of_an_event_has_the_turn_of_whose_address_it_came_to(
    database: Database, business: Business, other: Business
) -> None:
    events = [
        inbound_event("1", recipient=OURS),
        inbound_event("2", recipient=THEIRS),
        inbound_event("3", recipient="+14155550111"),
        inbound_event("4", recipient=OURS, provider="sendgrid"),
        inbound_event("5"),
        inbound_event("6", recipient="\0"),
    ]
    ours, theirs = business.organization_id, other.organization_id
    assert await whose_turn(database, *events) == [ours, theirs, None, None, None, None]


async def test_job_of_an_event_that_an_organization_has_proven_has_its_turn(
    database: Database, business: Business, other: Business
) -> None:
    theirs = other.organization_id
    event = inbound_event(recipient=OURS, verified_for=theirs)
    assert await whose_turn(database, event) == [theirs]


async def test_host_of_the_release_before_stores_what_comes_in(
    database: Database, addresses: Addresses
) -> None:
    with addresses.connect() as connection:
        connection.execute(
            "SELECT store_inbound_events(ARRAY[gen_random_uuid()], '{p}', '{w}', '{a}', '{e}',"
            " '{POST}', '{u}', ARRAY['{}'::jsonb], ARRAY[''::bytea], ARRAY[now()], '{\"\"}')"
        )
        jobs = connection.execute("SELECT organization_id FROM jobs").fetchall()
    assert jobs == [(None,)]


async def test_an_event_that_is_not_there_is_named(database: Database) -> None:
    missing = new_id()
    with pytest.raises(NotFound, match=f"no inbound event evt_{missing.hex}"):
        await read(database, missing)


async def test_an_event_goes_to_whose_channel_has_its_address(
    database: Database, business: Business, other: Business, event: InboundEvent
) -> None:
    assert (await read(database, event.id)).organization_id is None
    assert await route(database, event, [THEIRS]) == route_to(other)
    assert (await read(database, event.id)).organization_id == other.organization_id
    assert await route(database, event, [OURS]) == route_to(business)


@pytest.mark.parametrize("arrived_at", [[], ["+14155550111"], [""], ["+1415555010%"], ["+1", "+2"]])
async def test_an_event_for_nobody_stays_nobodys(
    database: Database, business: Business, event: InboundEvent, arrived_at: list[str]
) -> None:
    assert await route(database, event, arrived_at) is None
    assert (await read(database, event.id)).organization_id is None


@pytest.mark.parametrize(
    ("arrived_at", "is_ours"),
    [
        ([OURS, "+1"], True),
        (["+1", OURS], True),
        ([OURS, THEIRS], True),
        ([THEIRS, OURS], False),
        (["+1", THEIRS, OURS], False),
    ],
)
async def test_of_several_addresses_the_first_that_is_a_channels_decides(
    database: Database,
    business: Business,
    other: Business,
    event: InboundEvent,
    arrived_at: list[str],
    is_ours: bool,
) -> None:
    expected = route_to(business if is_ours else other)
    assert await route(database, event, arrived_at) == expected


async def test_where_no_address_tells_the_attempt_does(
    addresses: Addresses,
    database: Database,
    business: Business,
    other: Business,
    event: InboundEvent,
) -> None:
    attempt_id = add_attempt(addresses, other)
    assert await route(database, event, [], attempt_id=attempt_id) == route_to(other)
    assert await route(database, event, ["+1"], attempt_id=attempt_id) == route_to(other)
    assert await route(database, event, [OURS], attempt_id=attempt_id) == route_to(business)
    assert await route(database, event, [], attempt_id=new_id()) is None


async def test_a_plugin_never_reaches_the_channels_of_another(
    addresses: Addresses, database: Database, business: Business, event: InboundEvent
) -> None:
    attempt_id = add_attempt(addresses, business)
    assert await route(database, event, [OURS], plugin="evil") is None
    assert await route(database, event, [OURS], attempt_id=attempt_id, plugin="evil") is None
    assert (await read(database, event.id)).organization_id is None


async def test_what_became_of_an_event_is_kept(
    addresses: Addresses, database: Database, event: InboundEvent
) -> None:
    async with database.system() as transaction:
        await finish_inbound_event(
            transaction, event.id, state=InboundEventState.IGNORED, reason="nobody's"
        )
    found = await read(database, event.id)
    assert (found.state, found.reason) == (InboundEventState.IGNORED, "nobody's")
    async with database.system() as transaction:
        await finish_inbound_event(transaction, event.id, state=InboundEventState.DONE)
    found = await read(database, event.id)
    assert (found.state, found.reason) == (InboundEventState.DONE, None)
    with addresses.connect() as connection:
        handled = connection.execute("SELECT now() - handled_at FROM inbound_events").fetchone()
    assert handled is not None
    assert dt.timedelta() <= handled[0] < dt.timedelta(minutes=1)  # type: ignore[operator]  # of one kind


async def test_an_operator_sees_the_events_of_all_newest_first_without_their_bodies(
    database: Database, business: Business
) -> None:
    events = [inbound_event(str(number)) for number in range(5)]
    await store(database, *events)
    await route(database, events[0], [OURS])
    ordered = sorted((event.id for event in events), reverse=True)
    async with database.system() as transaction:
        listed = await list_inbound_events(transaction, most=2)
        rest = await list_inbound_events(transaction, before=listed[-1]["id"], most=10)
    assert [row["id"] for row in [*listed, *rest]] == ordered
    assert set(listed[0]) == {
        "id",
        "provider",
        "webhook",
        "external_id",
        "received_at",
        "organization_id",
        "state",
        "reason",
    }
    owners = {row["id"]: row["organization_id"] for row in [*listed, *rest]}
    assert owners[events[0].id] == business.organization_id
    assert owners[events[1].id] is None
