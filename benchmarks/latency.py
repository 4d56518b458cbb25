"""Latency: from the answer to a text that comes in until its message is there to be read.

``clientflow serve`` and ``clientflow worker`` run as processes of their own; texts come at random
moments, twenty a second on average. The wake-up goes over PostgreSQL in one round and over Redis in
the next. There is no goal: the figures are reported.
"""

import asyncio
import contextlib
import json
import math
import os
import random
import shutil
import statistics
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import attrs
import psycopg

from benchmarks.database import BenchDatabase, new_database
from benchmarks.processes import CLI, free_port, running, wait_until_ready
from benchmarks.report import BenchRefused, Options, print_table, say, spread, write_json
from benchmarks.texts import NUMBER, PATH, SETTINGS, signed_text
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.server import parse_url
from clientflow_core.secret import Secret
from clientflow_core.services.initialize import NewChannel, initialize

TEXTS_A_SECOND: Final = 20
POSTGRES: Final = "SAQ over PostgreSQL"
REDIS: Final = "SAQ over Redis"
_TABLES: Final = ("inbound_events", "jobs", "saq_jobs", "contacts", "stream_events")
_WARM_UP_TEXTS: Final = 20
_CLIENTS: Final = 50
_LOOK_SECONDS: Final = 0.002
_LOST_SECONDS: Final = 30.0


@attrs.frozen(kw_only=True)
class Sample:
    """One round over one carrier, in milliseconds from answer to message."""

    milliseconds: Sequence[float]

    @property
    def p50(self) -> float:
        """What half of the texts stay below."""
        return statistics.median(self.milliseconds)

    @property
    def p99(self) -> float:
        """What all but one of a hundred texts stay below."""
        return percentile(self.milliseconds, 99)


def percentile(values: Sequence[float], percent: float) -> float:
    """Give the least of *values* that *percent* of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def run(options: Options) -> bool:
    """Measure, print and keep the figures.

    Raises:
        BenchRefused: a process does not start, an answer was not 2xx, or a text got lost.
    """
    count = TEXTS_A_SECOND * options.seconds
    with new_database() as database, _carriers(database) as carriers:
        asyncio.run(_initialize(database))
        rounds: list[dict[str, Sample]] = []
        for number in range(options.rounds):
            one: dict[str, Sample] = {}
            for name, settings in _rotated(carriers, number):
                one[name] = _measure(database, settings, count=count, seed=number)
                say(f"{name}: p50 {one[name].p50:.1f} ms, p99 {one[name].p99:.1f} ms")
            rounds.append(one)
    _print(rounds, count)
    result = {"texts": count, "texts_a_second": TEXTS_A_SECOND, "rounds": _to_json(rounds)}
    write_json("latency", result, folder=options.folder)
    return True


@contextlib.contextmanager
def _carriers(database: BenchDatabase) -> Iterator[Mapping[str, Mapping[str, str]]]:
    """Give the settings for each carrier that can be had here."""
    with contextlib.ExitStack() as stack:
        url = os.environ.get("REDIS_URL")
        program = shutil.which("redis-server")
        if url is None and program is not None:
            port = free_port()
            command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
            log = database.folder / "redis.log"
            stack.enter_context(running(command, settings={}, log=log))
            url = f"redis://127.0.0.1:{port}/0"
        if url is None:
            say("neither REDIS_URL nor redis-server is there: over PostgreSQL only")
            yield {POSTGRES: {}}
            return
        yield {POSTGRES: {}, REDIS: {"REDIS_URL": url}}


def _measure(
    database: BenchDatabase, settings: Mapping[str, str], *, count: int, seed: int
) -> Sample:
    """Run the service with *settings* and send it *count* texts, after a few to warm up."""
    database.empty(*_TABLES)
    with _service(database, settings) as url:
        asyncio.run(_play(url, database, count=_WARM_UP_TEXTS, seed=-1))
        milliseconds = asyncio.run(_play(url, database, count=count, seed=seed))
    sent = _WARM_UP_TEXTS + count
    found = {table: database.count(table) for table in ("inbound_events", "messages")}
    if set(found.values()) != {sent}:
        msg = f"{sent} texts were sent, but there are {found}"
        raise BenchRefused(msg)
    return Sample(milliseconds=milliseconds)


@contextlib.contextmanager
def _service(database: BenchDatabase, settings: Mapping[str, str]) -> Iterator[str]:
    """Run host and worker; give the address of the host."""
    ports = {"serve": free_port(), "worker": free_port()}
    environment = {
        **SETTINGS,
        **settings,
        "DATABASE_URL": database.application.reveal(),
        "CLIENTFLOW_PORT": str(ports["serve"]),
        "CLIENTFLOW_WORKER_PORT": str(ports["worker"]),
        "CLIENTFLOW_STATE_DIR": str(database.folder),
    }
    with contextlib.ExitStack() as stack:
        for name, port in ports.items():
            log = database.folder / f"{name}.log"
            popen = stack.enter_context(running([*CLI, name], settings=environment, log=log))
            ready = f"http://127.0.0.1:{port}/ready"
            wait_until_ready(ready, popen=popen, log=log)
            if settings:
                _require_redis(ready)
        yield f"http://127.0.0.1:{ports['serve']}"


def _require_redis(ready: str) -> None:
    """Make sure that the process at *ready* uses Redis, lest PostgreSQL be measured again.

    Raises:
        BenchRefused: it does not.
    """
    with urllib.request.urlopen(ready, timeout=5) as answer:
        checks = json.load(answer)["checks"]
    states = [state for name, state in checks.items() if "redis" in name.lower()]
    if states != ["ok"]:
        msg = f"REDIS_URL is set, but {ready} tells of no Redis that is in use: {checks}"
        raise BenchRefused(msg)


async def _initialize(database: BenchDatabase) -> None:
    """Make the organization whose number the texts go to."""
    opened = Database(parse_url(database.application, env="bench"), pool_size=1)
    try:
        await initialize(
            opened,
            name="A business",
            slug="bench",
            email="owner@example.com",
            password=Secret("a password that nobody uses"),
            api_key=None,
            channels=[NewChannel("twilio", NUMBER, "Texts")],
        )
    finally:
        await opened.close()


@attrs.define(eq=False)
class _Watch:
    """Looks every two milliseconds which of the texts that are waited for are messages.

    Attributes:
        waiting: their ids.
        seen: when each was found, in seconds of the event loop's clock.
        nothing_waits: set while all were found.
    """

    connection: psycopg.AsyncConnection[tuple[str]]
    waiting: set[str] = attrs.field(factory=set)
    seen: dict[str, float] = attrs.field(factory=dict)
    nothing_waits: asyncio.Event = attrs.field(factory=asyncio.Event)

    def wait_for(self, sid: str) -> None:
        """Look for *sid* as well."""
        self.waiting.add(sid)
        self.nothing_waits.clear()

    async def look_on(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self.waiting:
                found = await self.connection.execute(
                    "SELECT provider_message_id FROM messages WHERE provider_message_id = ANY(%s)",
                    [list(self.waiting)],
                )
                for (sid,) in await found.fetchall():
                    self.seen[sid] = loop.time()
                    self.waiting.discard(sid)
            if not self.waiting:
                self.nothing_waits.set()


async def _play(url: str, database: BenchDatabase, *, count: int, seed: int) -> Sequence[float]:
    """Send *count* texts at random moments; give for each the time from answer to message.

    Raises:
        BenchRefused: an answer was not 2xx, or a message does not come.
    """
    chance = random.Random(seed)  # noqa: S311 - the moments should come again in each round
    conninfo = database.superuser.info
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
        await psycopg.AsyncConnection.connect(
            conninfo.dsn, password=conninfo.password, autocommit=True
        ) as connection,
    ):
        watch = _Watch(connection)
        looking = asyncio.create_task(watch.look_on())
        try:
            sending = []
            for number in range(count):
                await asyncio.sleep(chance.expovariate(TEXTS_A_SECOND))
                sending.append(asyncio.create_task(_send(http, url, number=number, watch=watch)))
            answered = dict(await asyncio.gather(*sending))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watch.nothing_waits.wait(), _LOST_SECONDS)
        finally:
            looking.cancel()
    if watch.waiting:
        msg = f"{len(watch.waiting)} of {count} texts are no messages after {_LOST_SECONDS:.0f} s"
        raise BenchRefused(msg)
    # A message may be seen before we have read the answer, which the host sent earlier.
    return [max(0.0, watch.seen[sid] - at) * 1e3 for sid, at in answered.items()]


async def _send(
    http: aiohttp.ClientSession, url: str, *, number: int, watch: _Watch
) -> tuple[str, float]:
    """Post a text; give its id, and when it was answered."""
    text = signed_text(number, sender=f"+1415555{number % _CLIENTS:04d}")
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": text.signature,
    }
    watch.wait_for(text.sid)
    async with http.post(url + PATH, data=text.body, headers=headers) as answer:
        if answer.status != HTTPStatus.OK:
            msg = f"a text was answered {answer.status}: {await answer.text()}"
            raise BenchRefused(msg)
    return text.sid, asyncio.get_running_loop().time()


def _rotated(
    carriers: Mapping[str, Mapping[str, str]], number: int
) -> Sequence[tuple[str, Mapping[str, str]]]:
    pairs = list(carriers.items())
    first = number % len(pairs)
    return [*pairs[first:], *pairs[:first]]


def _print(rounds: Sequence[Mapping[str, Sample]], count: int) -> None:
    rows = [
        {
            "carrier": name,
            "p50 ms": spread([one[name].p50 for one in rounds], digits=1),
            "p99 ms": spread([one[name].p99 for one in rounds], digits=1),
            "most ms": f"{max(max(one[name].milliseconds) for one in rounds):.1f}",
        }
        for name in sorted(rounds[0])
    ]
    title = f"From answer to message, {count} texts a round: median (least..most)"
    print_table(title, rows)


def _to_json(rounds: Sequence[Mapping[str, Sample]]) -> list[dict[str, Any]]:
    return [
        {
            name: {
                "p50_ms": sample.p50,
                "p99_ms": sample.p99,
                "milliseconds": [round(value, 3) for value in sample.milliseconds],
            }
            for name, sample in one.items()
        }
        for one in rounds
    ]
