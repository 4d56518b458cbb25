"""What holds whichever way the wake-ups take: PostgreSQL, Valkey, or Debian's Redis."""

import asyncio
import logging
import statistics
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from clientflow_core.jobs.carrier import SaqCarrier, WakeWorker
from clientflow_core.jobs.wake_queue import WakeQueue
from tests.core.jobs.carried import WAYS, Ends, Way, open_ends, open_way
from tests.core.jobs.conftest import until
from tests.databases import Addresses


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, addresses: Addresses, tmp_path: Path) -> Iterator[Way]:
    """Each way that wake-ups can take."""
    with open_way(request.param, addresses, tmp_path) as opened:
        yield opened


@pytest.fixture
async def ends(way: Way) -> AsyncIterator[Ends]:
    async with open_ends(way) as opened:
        yield opened


@pytest.fixture
async def sending(way: Way) -> AsyncIterator[WakeQueue]:
    queue = way.queue()
    await queue.connect()
    yield queue
    await queue.disconnect()


async def test_wake_ups_are_heard_soon_and_leave_nothing_behind(ends: Ends, way: Way) -> None:
    took = []
    for number in range(100):
        took.append(await ends.is_heard(f"lane-{number}"))
        await asyncio.sleep(number % 7 / 200)

    assert statistics.median(took) < 0.05
    # saq's own look each second would have to find what its listener had missed.
    assert sorted(took)[97] < 0.5
    await until(lambda: way.left() == 0)


async def test_wake_ups_of_a_lane_that_come_together_are_sent_together(ends: Ends) -> None:
    for _ in range(1000):
        ends.carrier.wake(["a", "b"])
        ends.carrier.wake([])
    await until(lambda: {"a", "b"} <= set(ends.lanes()))
    await asyncio.sleep(0.3)

    assert 2 <= len(ends.heard) <= 4


async def test_broken_connections_heal_and_are_told_of_once(ends: Ends, way: Way) -> None:
    with capture_logs() as logs:
        for number in range(3):
            way.cut()
            await ends.is_heard_again(f"after {number}")

    warnings = [entry["event"] for entry in logs]
    assert warnings.count("wake_ups_not_heard") <= 3
    assert warnings.count("wake_up_not_sent") <= 3
    assert set(warnings) <= {"wake_ups_not_heard", "wake_up_not_sent"}
    await ends.is_heard("at once")
    assert ends.carrier.failures == 0


async def test_closed_carrier_sends_what_is_left_and_then_no_more(
    sending: WakeQueue, way: Way
) -> None:
    carrier = SaqCarrier(sending)
    carrier.wake(["a"])
    await carrier.close()
    left = way.left()
    carrier.wake(["b"])
    await asyncio.sleep(0.1)

    assert way.left() == left > 0


async def test_wake_ups_that_nobody_heard_can_be_forgotten(sending: WakeQueue, way: Way) -> None:
    carrier = SaqCarrier(sending)
    for lane in "abc":
        carrier.wake([lane])
    await carrier.close()

    await sending.forget()

    assert way.left() == 0


async def test_both_ends_leave_no_task_behind(way: Way) -> None:
    before = asyncio.all_tasks()
    queue = way.queue()
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


async def test_saq_and_its_drivers_say_nothing(
    ends: Ends, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await ends.is_heard("a")
        way.cut()
        await ends.is_heard_again("b")

    assert [record.name for record in caplog.records if record.name != "asyncio"] == []


async def test_wake_up_is_heard_by_one_of_two_workers(ends: Ends, way: Way) -> None:
    other = Ends(ends.carrier)
    queue = way.queue()
    await queue.connect()
    worker = asyncio.create_task(WakeWorker(queue, other.note).start())

    for number in range(30):
        ends.carrier.wake([f"lane-{number}"])
        await asyncio.sleep(0.02)
    await until(lambda: len(ends.heard) + len(other.heard) == 30)
    await asyncio.sleep(0.2)

    assert sorted(ends.lanes() + other.lanes()) == sorted(f"lane-{n}" for n in range(30))
    worker.cancel()
    await worker
    await queue.disconnect()
