"""The ways that wake-ups take, and both ends of one, for the tests of the carrier."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs

from clientflow_core.jobs.carrier import SaqCarrier, WakeWorker
from clientflow_core.jobs.wake_queue import WakeQueue, open_wake_queue
from tests.core.jobs.conftest import until
from tests.databases import Addresses
from tests.redis_server import REDIS, VALKEY, RedisServer, running_redis

POSTGRESQL: Final = "postgresql"
WAYS: Final = (POSTGRESQL, VALKEY, REDIS)

_CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = 'clientflow_app'"
)
_LEFT_IN_REDIS = ("saq:job:*", "saq:clientflow:incomplete", "saq:clientflow:queued", "*:active")


@attrs.frozen
class Way:
    """What carries wake-ups: the database, or a Redis beside it."""

    addresses: Addresses
    redis: RedisServer | None

    def queue(self) -> WakeQueue:
        """Give one end; it is not connected."""
        url = self.redis.url if self.redis else None
        return open_wake_queue(self.addresses.conninfo, redis_url=url)

    def left(self) -> int:
        """Count what is stored of wake-ups."""
        if self.redis is None:
            with self.addresses.connect() as connection:
                row = connection.execute(b"SELECT count(*) FROM saq_jobs").fetchone()
            assert row
            return int(str(row[0]))
        with self.redis.client() as client:
            return sum(len(client.keys(pattern)) for pattern in _LEFT_IN_REDIS)

    def cut(self) -> None:
        """Cut every connection of both ends."""
        if self.redis is None:
            with self.addresses.connect() as connection:
                connection.execute(_CUT.encode())
            return
        with self.redis.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)


@contextlib.contextmanager
def open_way(kind: str, addresses: Addresses, folder: Path) -> Iterator[Way]:
    """Give one of WAYS, with a Redis of its own if it takes one."""
    if kind == POSTGRESQL:
        yield Way(addresses, None)
        return
    with running_redis(folder, kind=kind) as server:
        yield Way(addresses, server)


@attrs.define(eq=False)
class Ends:
    """Both ends of the carrier, each with connections of its own, as two processes have them."""

    carrier: SaqCarrier
    heard: list[tuple[str, float]] = attrs.field(factory=list)

    def note(self, lanes: Iterable[str]) -> None:
        """Hear a wake-up."""
        self.heard.extend((lane, time.monotonic()) for lane in lanes)

    def lanes(self) -> list[str]:
        """Give the lanes whose wake-up was heard."""
        return [lane for lane, _ in self.heard]

    async def is_heard(self, lane: str) -> float:
        """Wake *lane* once and wait until that is heard; give how long it took."""
        before, began = len(self.heard), time.monotonic()
        self.carrier.wake([lane])
        await until(lambda: lane in self.lanes()[before:])
        return self.heard[-1][1] - began

    async def is_heard_again(self, lane: str) -> None:
        """Wake *lane* now and then, since one may get lost, until that is heard."""
        deadline = time.monotonic() + 40
        while lane not in self.lanes():
            assert time.monotonic() < deadline, "nothing is heard"
            self.carrier.wake([lane])
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def open_ends(way: Way) -> AsyncIterator[Ends]:
    """Connect both ends, and wait until one hears the other."""
    sending, hearing = way.queue(), way.queue()
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
