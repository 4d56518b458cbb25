import asyncio
import contextlib
import logging
import statistics
import time
from collections.abc import AsyncIterator, Iterable

import attrs
import pytest
from structlog.testing import capture_logs

from clientflow_core.jobs import carrier as carrier_module
from clientflow_core.jobs.carrier import SaqCarrier, WakeQueue, WakeWorker, open_wake_queue
from tests.conftest import Addresses
from tests.core.jobs.conftest import OwnServer, Table, until

OF_SAQ = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = 'clientflow_app'"
)


LOCK = b"LOCK TABLE saq_jobs IN ACCESS EXCLUSIVE MODE"


@attrs.define(eq=False)
class Ends:
    """Both ends of the carrier, each with connections of its own, as two processes have them."""

    carrier: SaqCarrier
    heard: list[tuple[str, float]] = attrs.field(factory=list)

    def note(self, lanes: Iterable[str]) -> None:
        self.heard.extend((lane, time.monotonic()) for lane in lanes)

    def lanes(self) -> list[str]:
        return [lane for lane, _ in self.heard]

    async def is_heard(self, lane: str) -> float:
        """Wake *lane* once and wait until that is heard; give how long it took."""
        before, began = len(self.heard), time.monotonic()
        self.carrier.wake([lane])
        await until(lambda: lane in self.lanes()[before:])
        return self.heard[-1][1] - began

    async def is_heard_again(self, lane: str) -> None:
        """Wake *lane* now and then, since one may get lost, until that is heard."""
        deadline = time.monotonic() + 10
        while lane not in self.lanes():
            assert time.monotonic() < deadline, "nothing is heard"
            self.carrier.wake([lane])
            await asyncio.sleep(0.2)


@pytest.fixture
async def sending(addresses: Addresses) -> AsyncIterator[WakeQueue]:
    queue = open_wake_queue(addresses.conninfo)
    await queue.connect()
    yield queue
    await queue.disconnect()


@contextlib.asynccontextmanager
async def open_ends(addresses: Addresses) -> AsyncIterator[Ends]:
    sending, hearing = (open_wake_queue(addresses.conninfo) for _ in range(2))
    await sending.connect()
    await hearing.connect()
    ends = Ends(SaqCarrier(sending))
    worker = asyncio.create_task(WakeWorker(hearing, ends.note).start())
    await ends.is_heard("ready")
    ends.heard.clear()
    yield ends
    await ends.carrier.close()
    worker.cancel()
    await worker
    await hearing.disconnect()
    await sending.disconnect()


@pytest.fixture
async def ends(addresses: Addresses) -> AsyncIterator[Ends]:
    async with open_ends(addresses) as opened:
        yield opened


async def test_wake_ups_are_heard_soon_and_leave_nothing_behind(ends: Ends, table: Table) -> None:
    took = []
    for number in range(100):
        took.append(await ends.is_heard(f"lane-{number}"))
        await asyncio.sleep(number % 7 / 200)

    assert statistics.median(took) < 0.05
    # saq's own look each second would have to find what its listener had missed.
    assert sorted(took)[97] < 0.5
    await until(lambda: table.query("SELECT count(*) FROM saq_jobs") == [(0,)])


async def test_wake_ups_of_a_lane_that_come_together_are_sent_together(ends: Ends) -> None:
    for _ in range(1000):
        ends.carrier.wake(["a", "b"])
        ends.carrier.wake([])
    await until(lambda: {"a", "b"} <= set(ends.lanes()))
    await asyncio.sleep(0.3)

    assert 2 <= len(ends.heard) <= 4


async def test_broken_connections_heal_and_are_told_of_once(ends: Ends, table: Table) -> None:
    with capture_logs() as logs:
        for number in range(3):
            table.query(OF_SAQ)
            await ends.is_heard_again(f"after {number}")

    warnings = [entry["event"] for entry in logs]
    assert warnings.count("wake_ups_not_heard") <= 3
    assert warnings.count("wake_up_not_sent") <= 3
    assert set(warnings) <= {"wake_ups_not_heard", "wake_up_not_sent"}
    await ends.is_heard("at once")
    assert ends.carrier.failures == 0


async def test_server_that_is_away_for_a_while_is_told_of_once_at_each_end(
    own_server: OwnServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_ends(own_server.table.addresses) as ends:
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
    dequeue = WakeQueue._dequeue

    async def count(queue: WakeQueue) -> None:
        nonlocal asked
        asked += 1
        await dequeue(queue)

    monkeypatch.setattr(WakeQueue, "_dequeue", count)
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
    sending: WakeQueue, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_module, "_SEND_SECONDS", 0.3)
    carrier = SaqCarrier(sending)
    began = time.monotonic()
    with addresses.connect() as connection, connection.transaction():
        await asyncio.to_thread(connection.execute, LOCK)
        carrier.wake(["a", "b", "c"])
        assert time.monotonic() - began < 0.2
        await until(lambda: carrier.failures)
        await carrier.close()

    assert time.monotonic() - began < 3


async def test_closed_carrier_sends_what_is_left_and_then_no_more(
    sending: WakeQueue, table: Table
) -> None:
    carrier = SaqCarrier(sending)
    carrier.wake(["a"])
    await carrier.close()
    carrier.wake(["b"])
    await asyncio.sleep(0.1)

    assert table.query("SELECT count(*) FROM saq_jobs") == [(1,)]


async def test_wake_ups_that_nobody_heard_can_be_forgotten(
    sending: WakeQueue, table: Table
) -> None:
    carrier = SaqCarrier(sending)
    for lane in "abc":
        carrier.wake([lane])
    await carrier.close()

    await sending.forget()

    assert table.query("SELECT count(*) FROM saq_jobs") == [(0,)]


async def test_both_ends_leave_no_task_behind(addresses: Addresses) -> None:
    before = asyncio.all_tasks()
    queue = open_wake_queue(addresses.conninfo)
    await queue.connect()
    ends = Ends(SaqCarrier(queue))
    worker = asyncio.create_task(WakeWorker(queue, ends.note).start())
    await ends.is_heard("a")

    await ends.carrier.close()
    worker.cancel()
    await worker
    await SaqCarrier(queue).close()
    await queue.disconnect()
    await queue.disconnect()

    assert asyncio.all_tasks() == before


async def test_saq_and_its_pool_say_nothing(
    ends: Ends, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await ends.is_heard("a")
        table.query(OF_SAQ)
        await ends.is_heard_again("b")

    assert [record.name for record in caplog.records if record.name != "asyncio"] == []


async def test_other_worker_hears_after_the_first_was_killed_in_the_middle(
    ends: Ends, table: Table
) -> None:
    """A wake-up that was taken by somebody who is gone is lost, and holds up no other."""
    table.query(
        "INSERT INTO saq_jobs (key, job, queue, status)"
        " VALUES ('k', '{\"queue\": \"clientflow\"}', 'clientflow', 'active')"
    )

    await ends.is_heard("a")
