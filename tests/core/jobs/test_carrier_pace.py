"""Where there is much to do, wake-ups leave most of the time to the work itself."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from saq import Job
from typing_extensions import override

from clientflow_core.jobs.carrier import SaqCarrier
from clientflow_core.jobs.postgres_queue import PostgresWakeQueue
from tests.databases import Addresses


class Timed(PostgresWakeQueue):
    """The queue, with a watch."""

    def __init__(self, conninfo: str) -> None:
        super().__init__(conninfo)
        self.began: list[float] = []
        self.took: list[float] = []

    @override
    async def enqueue(self, job_or_func: str | Job, **kwargs: object) -> Job | None:
        began = time.monotonic()
        try:
            return await super().enqueue(job_or_func, **kwargs)
        finally:
            self.began.append(began)
            self.took.append(time.monotonic() - began)


@pytest.fixture
async def queue(addresses: Addresses) -> AsyncIterator[Timed]:
    queue = Timed(addresses.conninfo)
    await queue.connect()
    yield queue
    await queue.disconnect()


async def test_sending_takes_no_more_than_its_share_of_the_time(queue: Timed) -> None:
    carrier = SaqCarrier(queue)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        carrier.wake(["inbound"])
        await asyncio.sleep(0.001)
    await carrier.close()
    # A fifth, but for sendings of more than 12 ms, after which no more than 50 ms are waited.
    quick = [took for took in queue.took if took < 0.012]
    assert len(queue.took) >= 2
    assert sum(quick) < 0.25


async def test_first_wake_up_is_sent_at_once_and_the_last_one_soon(queue: Timed) -> None:
    carrier = SaqCarrier(queue)
    for _ in range(5):
        await asyncio.sleep(0.1)
        sent = len(queue.began)
        asked = time.monotonic()
        carrier.wake(["inbound"])
        await asyncio.sleep(0.01)
        # While that is being sent, or after it; not so again.
        carrier.wake(["inbound"])
        await asyncio.sleep(0.3)
        first, *later = queue.began[sent:]
        assert first - asked < 0.05
        assert len(later) == 1
    await carrier.close()


async def test_end_does_not_wait_for_the_pause_and_loses_no_wake_up(queue: Timed) -> None:
    carrier = SaqCarrier(queue)
    carrier.wake(["inbound"])
    await asyncio.sleep(0.02)
    carrier.wake(["inbound"])
    began = time.monotonic()
    await carrier.close()
    assert time.monotonic() - began < 0.5
    assert len(queue.began) == 2
    carrier.wake(["inbound"])
    await asyncio.sleep(0.1)
    assert len(queue.began) == 2
