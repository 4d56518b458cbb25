"""Wake-ups over PostgreSQL alone: its tables may be away, locked, or gone with the server."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from saq.queue.postgres import ENQUEUE
from structlog.testing import capture_logs

from clientflow_core.jobs import carrier as carrier_module
from clientflow_core.jobs.carrier import SaqCarrier
from clientflow_core.jobs.postgres_queue import PostgresWakeQueue
from tests.core.jobs.carried import Ends, Way, open_ends
from tests.core.jobs.conftest import OwnServer, Table, until
from tests.databases import Addresses

LOCK = b"LOCK TABLE saq_jobs IN ACCESS EXCLUSIVE MODE"


@pytest.fixture
async def ends(addresses: Addresses) -> AsyncIterator[Ends]:
    async with open_ends(Way(addresses, None)) as opened:
        yield opened


@pytest.mark.timeout(180)
async def test_server_that_is_away_for_a_while_is_told_of_once_at_each_end(
    own_server: OwnServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_ends(Way(own_server.table.addresses, None)) as ends:
        with capture_logs() as logs:
            await own_server.stop()
            for _ in range(20):
                ends.carrier.wake(["lost"])
                await asyncio.sleep(0.2)
            await own_server.start()
            await ends.is_heard_again("after")

    events = sorted(entry["event"] for entry in logs)
    assert events == ["wake_up_not_sent", "wake_ups_not_heard"]
    assert [record.name for record in caplog.records if record.name != "asyncio"] == []


async def test_nothing_is_lost_for_good_while_the_tables_are_away(
    ends: Ends, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    dequeue = PostgresWakeQueue._dequeue

    async def count(queue: PostgresWakeQueue) -> None:
        nonlocal asked
        asked += 1
        await dequeue(queue)

    monkeypatch.setattr(PostgresWakeQueue, "_dequeue", count)
    with capture_logs() as logs:
        await table.change("ALTER TABLE saq_jobs RENAME TO away")
        await table.change("NOTIFY \"saq:clientflow\", 'saq:enqueue'")
        for _ in range(20):
            ends.carrier.wake(["lost"])
            await asyncio.sleep(0.1)
        await table.change("ALTER TABLE away RENAME TO saq_jobs")

    assert asked < 20, "it asks as fast as it can"
    assert ends.carrier.failures > 2
    assert [entry["event"] for entry in logs] == ["wake_up_not_sent"]
    await ends.is_heard_again("found")
    assert ends.carrier.failures == 0


async def test_wake_up_that_hangs_is_in_nobodys_way(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_module, "_SEND_SECONDS", 0.3)
    queue = Way(addresses, None).queue()
    await queue.connect()
    carrier = SaqCarrier(queue)
    began = time.monotonic()
    with addresses.connect() as connection, connection.transaction():
        await asyncio.to_thread(connection.execute, LOCK)
        carrier.wake(["a", "b", "c"])
        assert time.monotonic() - began < 0.2
        await until(lambda: carrier.failures)
        await carrier.close()

    assert time.monotonic() - began < 3
    await queue.disconnect()


async def test_other_worker_hears_after_the_first_was_killed_in_the_middle(
    ends: Ends, table: Table
) -> None:
    """A wake-up that was taken by somebody who is gone is lost, and holds up no other."""
    table.query(
        "INSERT INTO saq_jobs (key, job, queue, status)"
        " VALUES ('k', '{\"queue\": \"clientflow\"}', 'clientflow', 'active')"
    )

    await ends.is_heard("a")


@pytest.mark.parametrize("turns", range(5))
async def test_worker_that_is_stopped_as_it_is_told_of_something_ends(
    turns: int, addresses: Addresses
) -> None:
    """In each turn of the loop after a wake-up came in, which may be one for somebody else."""
    queue = PostgresWakeQueue(addresses.conninfo)
    await queue.connect()
    hearing = asyncio.create_task(queue.dequeue())
    await until(lambda: queue._listener._queues)
    queue._listener.publish(ENQUEUE, ENQUEUE)
    for _ in range(turns):
        await asyncio.sleep(0)
    hearing.cancel()
    _, still_hearing = await asyncio.wait([hearing], timeout=5)
    await queue.disconnect()
    assert not still_hearing


async def test_it_needs_nothing_but_the_database(addresses: Addresses) -> None:
    assert await Way(addresses, None).queue().check() == {}
