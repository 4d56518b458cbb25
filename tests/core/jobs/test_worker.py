import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from clientflow_core.jobs import runner as runner_module
from clientflow_core.jobs.carrier import SaqCarrier
from clientflow_core.jobs.wake_queue import WakeQueue
from clientflow_core.jobs.worker import JobWorker
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.jobs import enqueue
from tests.core.jobs.carried import POSTGRESQL, Way, open_way
from tests.core.jobs.conftest import LANE, NOTE, Gate, Runners, Table, until
from tests.databases import Addresses
from tests.redis_server import VALKEY


@pytest.fixture(params=[POSTGRESQL, VALKEY])
def way(request: pytest.FixtureRequest, addresses: Addresses, tmp_path: Path) -> Iterator[Way]:
    """Each way that wake-ups can take; one of the two kinds of Redis will do."""
    with open_way(request.param, addresses, tmp_path) as opened:
        yield opened


@pytest.fixture
async def queue(way: Way) -> AsyncIterator[WakeQueue]:
    opened = way.queue()
    await opened.connect()
    yield opened
    await opened.disconnect()


async def test_committed_work_is_begun_long_before_the_sweep(
    runners: Runners,
    table: Table,
    queue: WakeQueue,
    way: Way,
    addresses: Addresses,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner_module, "_SWEEP_SECONDS", 600)
    worker = JobWorker(runners.make({"note": NOTE}), queue)
    await worker.start()
    producer = way.queue()
    await producer.connect()
    carrier = SaqCarrier(producer)
    database = Database(addresses.application, wake=carrier.wake, pool_size=1)
    await asyncio.sleep(0.5)

    async def is_done(count: int) -> None:
        await until(lambda: len(table.effects()) == count, seconds=3)

    for done in range(1, 6):
        async with database.system() as transaction:
            await enqueue(transaction, lane=LANE, kind="note", args={})
        await is_done(done)

    await carrier.close()
    await producer.disconnect()
    await database.close()
    await worker.stop(grace_seconds=1)


async def test_wake_ups_of_before_are_not_heard_one_by_one(
    runners: Runners, table: Table, queue: WakeQueue, way: Way
) -> None:
    carrier = SaqCarrier(queue)
    for lane in "abcdefgh":
        carrier.wake([lane])
        await until(lambda: not carrier._dirty)
    ids = table.add()

    worker = JobWorker(runners.make({"note": NOTE}), queue)
    await worker.start()
    await until(lambda: table.effects() == ids)

    assert way.left() == 0
    await carrier.close()
    await worker.stop(grace_seconds=1)


async def test_worker_works_without_its_wake_ups(
    runners: Runners, table: Table, queue: WakeQueue, way: Way
) -> None:
    if way.redis is None:
        await table.change("ALTER TABLE saq_jobs RENAME TO away")
    else:
        way.redis.kill()
    worker = JobWorker(runners.make({"note": NOTE}), queue)

    with capture_logs() as logs:
        await worker.start()
        ids = table.add()
        await until(lambda: table.effects() == ids)

    events = {entry["event"] for entry in logs}
    assert events - {"wake_ups_not_heard"} == {"wake_ups_not_forgotten"}
    await worker.stop(grace_seconds=1)


async def test_stopped_worker_leaves_no_task_and_gives_its_jobs_back(
    runners: Runners, table: Table, queue: WakeQueue
) -> None:
    gate = Gate()
    (job_id,) = table.add("slow")
    before = asyncio.all_tasks()
    worker = JobWorker(runners.make({"slow": gate.kind}), queue)
    await worker.start()
    await until(lambda: gate.begun)

    await worker.stop(grace_seconds=0.1)
    await queue.disconnect()

    assert len(asyncio.all_tasks() - before) == 0
    assert table.job(job_id)["claimed_by"] is None


async def test_worker_that_is_stopped_as_soon_as_it_starts_ends(
    runners: Runners, queue: WakeQueue
) -> None:
    worker = JobWorker(runners.make({}), queue)
    await worker.start()

    async with asyncio.timeout(3):
        await worker.stop(grace_seconds=1)


async def test_worker_that_never_started_can_be_stopped(runners: Runners, queue: WakeQueue) -> None:
    await JobWorker(runners.make({}), queue).stop(grace_seconds=1)
