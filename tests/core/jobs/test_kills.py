"""Workers that are killed or frozen in the middle of their work: nothing is lost or doubled."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from clientflow_core.persistence.repositories.jobs import VISIBILITY_SECONDS
from tests.core.jobs.conftest import Table, until
from tests.redis_server import running_redis

QUICK = {"seconds": 0.2}
SCRIPT = Path(__file__).with_name("worker_process.py")


@attrs.define(eq=False)
class Worker:
    """A worker in a process of its own."""

    process: Process
    number: int

    async def end(self, number: signal.Signals) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.process.wait()


@attrs.define(eq=False)
class Workers:
    """Starts workers, and leaves none behind."""

    table: Table
    started: list[Worker] = attrs.field(factory=list)

    async def start(self, *, visibility_seconds: float = VISIBILITY_SECONDS, **more: str) -> Worker:
        url = self.table.addresses.application.render_as_string(hide_password=False)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(SCRIPT), str(visibility_seconds)),
            stdout=PIPE,
            env={**os.environ, "DATABASE_URL": url, **more},
        )
        assert process.stdout is not None
        worker = Worker(process, int(await process.stdout.readline()))
        self.started.append(worker)
        return worker

    def claimed(self, worker: Worker) -> int:
        statement = "SELECT count(*) FROM jobs WHERE claimed_by = %s"
        return int(self.table.query(statement, worker.number)[0][0])

    async def freeze(self, worker: Worker) -> int:
        """Stop *worker* where it is; give how many jobs it has claimed."""
        worker.process.send_signal(signal.SIGSTOP)
        # What it had sent before still arrives.
        await asyncio.sleep(0.05)
        return self.claimed(worker)

    async def freeze_with_work(self, worker: Worker) -> int:
        """Stop *worker* at some moment at which it has claimed jobs; give how many."""
        while not (claimed := await self.freeze(worker)):
            worker.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(random.uniform(0.01, 0.1))
        return claimed


@pytest.fixture
async def workers(table: Table) -> AsyncIterator[Workers]:
    made = Workers(table)
    yield made
    for worker in made.started:
        await worker.end(signal.SIGKILL)


async def kill_again_and_again(workers: Workers, *, kills: int) -> int:
    """Kill one of two workers or more and start another; give how many had claimed jobs."""
    running = list(await asyncio.gather(*(workers.start() for _ in range(3))))
    coming: list[asyncio.Task[Worker]] = []
    hits = 0
    for _ in range(kills):
        await asyncio.sleep(random.uniform(0.1, 0.5))
        victim = running.pop(random.randrange(len(running)))
        hits += await workers.freeze(victim) > 0
        await victim.end(signal.SIGKILL)
        coming.append(asyncio.create_task(workers.start()))
        if len(running) < 2:
            running.append(await coming.pop(0))
    running += await asyncio.gather(*coming)
    await until(lambda: workers.table.left() == 0, seconds=40)
    codes = await asyncio.gather(*(worker.end(signal.SIGTERM) for worker in running))
    assert codes == [0, 0, 0]
    return hits


@pytest.mark.torture
@pytest.mark.timeout(600)
async def test_killed_workers_lose_nothing_and_double_nothing(
    workers: Workers, table: Table, pytestconfig: pytest.Config
) -> None:
    kills = 60 if pytestconfig.getoption("-m") == "torture" else 5
    ids = []
    for _ in range(kills * 15):
        ids += table.add("note") + table.add("call", args={"seconds": 0.5})

    hits = await kill_again_and_again(workers, kills=kills)

    assert table.effects() == ids
    assert hits > 0, "no kill hit a worker that had work"


@pytest.mark.parametrize("kind", ["note", "call"])
async def test_worker_frozen_for_longer_than_its_jobs_are_its_own_doubles_nothing(
    workers: Workers, table: Table, kind: str
) -> None:
    ids = table.add(kind, count=60, args=QUICK)
    frozen = await workers.start(visibility_seconds=3)
    claimed = await workers.freeze_with_work(frozen)

    other = await workers.start(visibility_seconds=3)
    # Frozen in the middle of a transaction, it holds its rows until the server ends that: 30 s.
    await until(lambda: table.left() == 0, seconds=60)
    assert table.effects() == ids
    frozen.process.send_signal(signal.SIGCONT)
    late = table.add(kind, count=20, args=QUICK)
    await until(lambda: table.left() == 0, seconds=10)
    # Both leave in good order; so the frozen one has come to the end of all that it was doing.
    assert await asyncio.gather(*(one.end(signal.SIGTERM) for one in (frozen, other))) == [0, 0]

    assert table.effects() == ids + late
    assert claimed > 0


async def test_stopped_workers_hand_their_work_over(workers: Workers, table: Table) -> None:
    ids = table.add("call", count=60, args=QUICK)
    leaving = await workers.start()
    following = asyncio.create_task(workers.start())
    await until(lambda: workers.claimed(leaving))

    assert await leaving.end(signal.SIGTERM) == 0
    assert workers.claimed(leaving) == 0
    assert table.left() > 0
    await following
    await until(lambda: table.left() == 0, seconds=20)

    assert table.effects() == ids


@pytest.mark.proves("TI6")
async def test_what_a_killed_worker_was_doing_is_done_once_by_another_over_redis(
    workers: Workers, table: Table, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as redis:
        killed = await workers.start(REDIS_URL=redis.url.reveal())
        other = asyncio.create_task(workers.start(REDIS_URL=redis.url.reveal()))
        ids = table.add("call", count=20, args=QUICK)
        assert await workers.freeze_with_work(killed) > 0
        await killed.end(signal.SIGKILL)
        await until(lambda: table.left() == 0, seconds=20)
        assert await (await other).end(signal.SIGTERM) == 0
    assert table.effects() == ids
