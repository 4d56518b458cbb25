"""Inbound events are kept, many in one transaction, whatever one of them or the server does."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs
import pytest
from psycopg import sql

from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.errors import BadPayload, Overloaded
from clientflow_core.persistence import intake as intake_module
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.intake import Intake
from clientflow_core.persistence.repositories.inbound_events import (
    read_inbound_event,
    store_inbound_events,
)
from tests.core.persistence.conftest import Relay, inbound_event, wait_for_locks
from tests.databases import Addresses


@pytest.fixture
def intake(database: Database) -> Intake:
    return Intake(database)


@pytest.fixture
async def relayed(addresses: Addresses, relay: Relay) -> AsyncIterator[Intake]:
    """An intake whose server can be made to stand still; connected already."""
    database = Database(relay.of(addresses.application), pool_size=1)
    intake = Intake(database)
    await intake.store(inbound_event("first"))
    yield intake
    relay.thaw()
    await intake.close()
    await database.close()


def rows(addresses: Addresses, statement: str) -> list[tuple[Any, ...]]:
    with addresses.connect() as connection:
        return connection.execute(statement).fetchall()


def kept(addresses: Addresses) -> list[str]:
    """List the external ids of the events that have a job, in order."""
    found = rows(
        addresses,
        "SELECT external_id FROM inbound_events e"
        " JOIN jobs ON args = jsonb_build_object('event_id', e.id) ORDER BY 1",
    )
    assert rows(addresses, "SELECT count(*) FROM jobs") == [(len(found),)]
    assert rows(addresses, "SELECT count(*) FROM inbound_events") == [(len(found),)]
    return [external_id for (external_id,) in found]


async def store_all(intake: Intake, events: Sequence[InboundEvent]) -> list[BaseException | None]:
    """Store *events* at the same moment; give for each what was raised."""
    return await asyncio.gather(*map(intake.store, events), return_exceptions=True)


async def test_an_event_comes_out_as_it_went_in(intake: Intake, database: Database) -> None:
    event = inbound_event(headers={"a": "é", "b": '{"'}, url="https://example.com/é?%00", body=b"")
    await intake.store(event)
    async with database.system() as transaction:
        assert await read_inbound_event(transaction, event.id) == event


async def test_an_event_and_its_job_are_kept_together(intake: Intake, addresses: Addresses) -> None:
    event = inbound_event()
    await intake.store(event)
    found = rows(
        addresses,
        "SELECT lane, kind, args, j.organization_id, attempts, e.xmin = j.xmin"
        " FROM inbound_events e, jobs j",
    )
    args = {"event_id": str(event.id)}
    assert found == [("inbound", "handle_inbound_event", args, None, 0, True)]


async def test_the_workers_are_told(addresses: Addresses) -> None:
    woken: list[frozenset[str]] = []
    database = Database(addresses.application, wake=woken.append)
    await Intake(database).store(inbound_event())
    assert woken == [frozenset({"inbound"})]
    await database.close()


@pytest.mark.parametrize(
    ("change", "is_new"),
    [
        ({}, False),
        ({"body": b"other", "webhook": "other", "url": "other"}, False),
        ({"external_id": "2"}, True),
        ({"account": "AC2"}, True),
        ({"provider": "other"}, True),
    ],
)
async def test_a_repetition_makes_neither_an_event_nor_a_job(
    intake: Intake, addresses: Addresses, change: dict[str, Any], is_new: bool
) -> None:
    await intake.store(inbound_event("1"))
    await intake.store(inbound_event(**{"external_id": "1", **change}))
    assert len(kept(addresses)) == 1 + is_new


async def test_a_repetition_at_the_same_moment_makes_neither(
    intake: Intake, addresses: Addresses
) -> None:
    outcomes = await store_all(intake, [inbound_event(str(n % 2)) for n in range(40)])
    assert outcomes == [None] * 40
    assert kept(addresses) == ["0", "1"]


async def test_what_comes_at_once_is_kept_in_few_transactions(
    intake: Intake, addresses: Addresses
) -> None:
    outcomes = await store_all(intake, [inbound_event(str(number)) for number in range(500)])
    assert outcomes == [None] * 500
    assert len(kept(addresses)) == 500
    ((transactions,),) = rows(addresses, "SELECT count(DISTINCT xmin::text) FROM inbound_events")
    assert 2 <= transactions <= 5


LONG = "".join(chr(0x100 + (n * 7919) % 5000) for n in range(9_000))
BAD: list[dict[str, Any]] = [
    {"external_id": "3\0"},
    {"account": "\0"},
    {"url": "https://example.com/\udcff"},
    {"headers": {"a": "\0"}},
    # What aiohttp makes of a header that is not UTF-8.
    {"headers": {"a": b"\xff".decode("utf-8", "surrogateescape")}},
    # More than an index can hold; PostgreSQL calls that an operational error.
    {"external_id": LONG},
]


@pytest.mark.parametrize("bad", BAD, ids=[next(iter(bad)) for bad in BAD])
async def test_only_what_the_database_cannot_hold_is_refused(
    intake: Intake, addresses: Addresses, bad: dict[str, Any]
) -> None:
    events = [inbound_event(str(number)) for number in range(9)]
    events[3] = attrs.evolve(events[3], **bad)
    outcomes = await store_all(intake, events)
    assert isinstance(outcomes.pop(3), BadPayload)
    assert outcomes == [None] * 8
    assert kept(addresses) == list("01245678")


async def test_bad_ones_alone_and_at_the_ends_are_refused_too(
    intake: Intake, addresses: Addresses
) -> None:
    names = ["\0", "1", "2", "\0", "\0"]
    outcomes = await store_all(intake, [inbound_event(name) for name in names])
    assert [type(outcome) for outcome in outcomes] == [
        BadPayload,
        type(None),
        type(None),
        BadPayload,
        BadPayload,
    ]
    assert kept(addresses) == ["1", "2"]
    with pytest.raises(BadPayload):
        await intake.store(inbound_event("\0"))


async def test_too_many_at_once_are_sent_away(
    relayed: Intake, relay: Relay, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_MOST_WAITING", 3)
    relay.freeze()
    tasks = []
    for number in range(4):
        tasks.append(asyncio.create_task(relayed.store(inbound_event(str(number)))))
        await asyncio.sleep(0)
        # The first one is being written; the others wait for it.
        await asyncio.sleep(0.05 if number == 0 else 0)
    with pytest.raises(Overloaded, match="too many webhooks"):
        await relayed.store(inbound_event("5"))
    relay.thaw()
    await asyncio.gather(*tasks)
    await relayed.store(inbound_event("6"))
    assert kept(addresses) == ["0", "1", "2", "3", "6", "first"]


async def test_too_much_at_once_is_sent_away_whatever_its_number(
    relayed: Intake, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_MOST_WAITING_BYTES", 100)
    monkeypatch.setattr(intake_module, "_MOST_BYTES_IN_ONE_FLUSH", 50)
    relay.freeze()
    # The first is taken though it is more than there is room for.
    sizes = {"big": 150, "second": 10, "third": 30}
    events = [inbound_event(name, body=bytes(size)) for name, size in sizes.items()]
    first = asyncio.create_task(store_all(relayed, events))
    await asyncio.sleep(0.1)
    relay.thaw()
    assert [type(one) for one in await first] == [type(None), Overloaded, Overloaded]
    small = [inbound_event(f"small {n}", body=bytes(30)) for n in range(3)]
    assert await store_all(relayed, small) == [None, None, None]
    assert relayed._held_bytes == 0


async def test_while_the_database_refuses_senders_are_told_to_come_again(
    intake: Intake, addresses: Addresses
) -> None:
    await intake.store(inbound_event("before"))
    name = addresses.application.database or ""
    elsewhere = addresses.superuser.set(database="postgres")

    def allow(allowed: bool) -> None:
        with attrs.evolve(addresses, superuser=elsewhere).connect() as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(
                    sql.Identifier(name), sql.SQL(str(allowed))
                )
            )
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )

    allow(False)
    began = time.monotonic()
    outcomes = await store_all(intake, [inbound_event(str(number)) for number in range(3)])
    assert [type(outcome) for outcome in outcomes] == [Overloaded] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert time.monotonic() - began < intake_module._STORE_SECONDS
    allow(True)
    await intake.store(inbound_event("after"))
    assert kept(addresses) == ["after", "before"]


async def test_while_the_database_is_silent_senders_are_told_to_come_again(
    relayed: Intake, relay: Relay, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_STORE_SECONDS", 0.3)
    relay.freeze()
    began = time.monotonic()
    outcomes = await store_all(relayed, [inbound_event("1"), inbound_event("2")])
    assert [type(outcome) for outcome in outcomes] == [Overloaded] * 2
    assert time.monotonic() - began < 5
    # Both may be kept all the same, once the server goes on; the repetition changes nothing.
    monkeypatch.setattr(intake_module, "_STORE_SECONDS", 5.0)
    relay.thaw()
    await relayed.store(inbound_event("1"))
    await relayed.store(inbound_event("3"))
    assert kept(addresses) == ["1", "2", "3", "first"]


async def test_once_the_database_is_known_to_be_silent_nobody_waits_for_it(
    relayed: Intake, relay: Relay, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_SILENT_SECONDS", 0.1)
    relay.freeze()
    waiting = asyncio.create_task(relayed.store(inbound_event("1")))
    await asyncio.sleep(0.2)
    with pytest.raises(Overloaded, match="does not answer"):
        await relayed.store(inbound_event("2"))
    assert not waiting.done()
    relay.thaw()
    await waiting
    await relayed.store(inbound_event("3"))
    assert kept(addresses) == ["1", "3", "first"]


async def test_a_sender_that_goes_away_does_not_harm_the_others(
    relayed: Intake, relay: Relay, addresses: Addresses
) -> None:
    relay.freeze()
    tasks = [asyncio.create_task(relayed.store(inbound_event(str(number)))) for number in range(6)]
    await asyncio.sleep(0.05)
    # One that is being written, and one that waits.
    late = asyncio.create_task(relayed.store(inbound_event("7")))
    await asyncio.sleep(0.05)
    tasks[2].cancel()
    late.cancel()
    relay.thaw()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes.pop(2), asyncio.CancelledError)
    assert outcomes == [None] * 5
    await relayed.close()
    assert kept(addresses) == ["0", "1", "2", "3", "4", "5", "7", "first"]


async def test_closing_waits_for_what_was_taken_in(intake: Intake, addresses: Addresses) -> None:
    await intake.close()
    tasks = [asyncio.create_task(intake.store(inbound_event(str(n)))) for n in range(300)]
    await asyncio.sleep(0)
    await intake.close()
    assert len(kept(addresses)) == 300
    await asyncio.gather(*tasks)


async def test_two_processes_that_get_the_same_events_do_not_lock_each_other(
    addresses: Addresses, database: Database
) -> None:
    """Both insert the same three; a third transaction makes them meet in the middle."""

    async def store(names: str) -> int:
        async with database.system() as transaction:
            return await store_inbound_events(transaction, [inbound_event(name) for name in names])

    with addresses.connect() as blocker:
        with blocker.transaction(force_rollback=True):
            blocker.execute(
                "INSERT INTO inbound_events (id, provider, webhook, account, external_id, method,"
                " url, headers, body, received_at) VALUES (gen_random_uuid(), 'twilio', '', 'AC1',"
                " 'm', '', '', '{}', '', now())"
            )
            tasks = [asyncio.create_task(store(names)) for names in ("amz", "zma")]
            await asyncio.to_thread(wait_for_locks, addresses, 2)
        assert sorted(await asyncio.gather(*tasks)) == [0, 3]
    assert kept(addresses) == ["a", "m", "z"]


async def test_a_fault_of_ours_is_not_called_a_bad_payload(
    addresses: Addresses, intake: Intake
) -> None:
    with addresses.connect() as connection:
        connection.execute("DROP FUNCTION store_inbound_events")
    with pytest.raises(Overloaded):
        await intake.store(inbound_event())
