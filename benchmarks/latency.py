"""Latency: from the answer to a text that comes in until its message is in the inbox.

``clientflow serve`` and ``clientflow worker`` run as processes of their own; texts come at random
moments, twenty a second on average. The wake-up goes over PostgreSQL in one round and over Redis in
the next. Two moments are taken: the message can be read by everybody, and an inbox that is open in
a browser has been told of it. There is no goal: the figures are reported.
"""

import asyncio
import contextlib
import json
import math
import os
import random
import shutil
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import attrs
import psycopg

from benchmarks.database import BenchDatabase, new_database
from benchmarks.processes import CLI, running, wait_until_ready
from benchmarks.report import BenchRefused, Options, print_table, say, spread, write_json
from benchmarks.texts import NUMBER, PATH, SETTINGS, signed_text
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.server import parse_url
from clientflow_core.ports import free_port
from clientflow_core.secret import Secret
from clientflow_core.services.initialize import NewChannel, initialize

TEXTS_A_SECOND: Final = 20
POSTGRES: Final = "SAQ over PostgreSQL"
REDIS: Final = "SAQ over Redis"
_TABLES: Final = ("inbound_events", "jobs", "saq_jobs", "contacts", "stream_events")
_LOGIN: Final = {"email": "owner@example.com", "password": "a password of the benchmark"}
_WARM_UP_TEXTS: Final = 20
_CLIENTS: Final = 50
_LOOK_SECONDS: Final = 0.002
_LOST_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.05


@attrs.frozen(kw_only=True)
class Sample:
    """One round over one carrier, in milliseconds from the answer.

    Attributes:
        read: until the message can be read.
        told: until an open inbox has been told of it.
    """

    read: Sequence[float]
    told: Sequence[float]

    def figures(self) -> dict[str, float]:
        """Give what half of the texts, and all but one of a hundred, stay below."""
        return {
            f"{name} p{percent} ms": percentile(values, percent)
            for name, values in (("read", self.read), ("told", self.told))
            for percent in (50, 99)
        }


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
                say(f"{name}: {_in_words(one[name])}")
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
        sample = asyncio.run(_play(url, database, count=count, seed=seed))
    sent = _WARM_UP_TEXTS + count
    found = {table: database.count(table) for table in ("inbound_events", "messages")}
    if set(found.values()) != {sent}:
        msg = f"{sent} texts were sent, but there are {found}"
        raise BenchRefused(msg)
    return sample


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
            email=_LOGIN["email"],
            password=Secret(_LOGIN["password"]),
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
        read: when the message of each could be read, in seconds of the event loop's clock.
        messages: for each of them, the id of its message.
        told: when an open inbox was told of each message, by its id.
    """

    connection: psycopg.AsyncConnection[Any]
    waiting: set[str] = attrs.field(factory=set)
    read: dict[str, float] = attrs.field(factory=dict)
    messages: dict[str, str] = attrs.field(factory=dict)
    told: dict[str, float] = attrs.field(factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether nothing is waited for any more."""
        return not self.waiting and set(self.messages.values()) <= set(self.told)

    async def look_on(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self.waiting:
                continue
            found = await self.connection.execute(
                "SELECT provider_message_id, id FROM messages WHERE provider_message_id = ANY(%s)",
                [list(self.waiting)],
            )
            for sid, message_id in await found.fetchall():
                self.read[sid] = loop.time()
                self.messages[sid] = message_id.hex
                self.waiting.discard(sid)

    async def listen(self, stream: aiohttp.ClientResponse) -> None:
        """Hear what an open inbox is told, until cancelled."""
        loop = asyncio.get_running_loop()
        async for line in stream.content:
            name, _, data = line.decode().partition(": ")
            if name == "data":
                told = json.loads(data)
                if told["kind"] == "message.received":
                    self.told.setdefault(told["subject"], loop.time())


async def _play(url: str, database: BenchDatabase, *, count: int, seed: int) -> Sample:
    """Send *count* texts at random moments; give for each the time from answer to message.

    Raises:
        BenchRefused: an answer was not 2xx, or a message does not come.
    """
    chance = random.Random(seed)  # noqa: S311 - the moments should come again in each round
    conninfo = database.superuser.info
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=30)) as http,
        await psycopg.AsyncConnection.connect(
            conninfo.dsn, password=conninfo.password, autocommit=True
        ) as connection,
        _open_inbox(http, url) as stream,
    ):
        watch = _Watch(connection)
        watching = [asyncio.create_task(one) for one in (watch.look_on(), watch.listen(stream))]
        try:
            sending = []
            for number in range(count):
                await asyncio.sleep(chance.expovariate(TEXTS_A_SECOND))
                sending.append(asyncio.create_task(_send(http, url, number=number, watch=watch)))
            answered = dict(await asyncio.gather(*sending))
            await _wait_for_all(watch)
        finally:
            for one in watching:
                one.cancel()
    # A message may be seen before we have read the answer, which the host sent earlier.
    return Sample(
        read=[max(0.0, watch.read[sid] - at) * 1e3 for sid, at in answered.items()],
        told=[max(0.0, watch.told[watch.messages[sid]] - at) * 1e3 for sid, at in answered.items()],
    )


async def _wait_for_all(watch: _Watch) -> None:
    """Wait until every text is a message, and the open inbox knows of each.

    Raises:
        BenchRefused: it takes too long.
    """
    for _ in range(int(_LOST_SECONDS / _PAUSE_SECONDS)):
        if watch.is_done:
            return
        await asyncio.sleep(_PAUSE_SECONDS)
    untold = len(set(watch.messages.values()) - set(watch.told))
    msg = (
        f"after {_LOST_SECONDS:.0f} s {len(watch.waiting)} texts are no messages, and of {untold}"
        " messages the open inbox has not been told"
    )
    raise BenchRefused(msg)


@contextlib.asynccontextmanager
async def _open_inbox(
    http: aiohttp.ClientSession, url: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Sign in, and give what the pages that are open in a browser are told."""
    async with http.post(
        f"{url}/sign-in", data=_LOGIN, headers={"Origin": url}, allow_redirects=False
    ) as answer:
        # By hand: a jar would keep it for TLS, which nobody needs within one machine.
        cookies = [f"{name}={morsel.value}" for name, morsel in answer.cookies.items()]
    async with http.get(f"{url}/stream", headers={"Cookie": "; ".join(cookies)}) as stream:
        if stream.content_type != "text/event-stream":
            msg = f"the inbox cannot be opened: HTTP {stream.status}, {stream.content_type}"
            raise BenchRefused(msg)
        yield stream


async def _send(
    http: aiohttp.ClientSession, url: str, *, number: int, watch: _Watch
) -> tuple[str, float]:
    """Post a text; give its id, and when it was answered."""
    text = signed_text(number, sender=f"+1415555{number % _CLIENTS:04d}")
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": text.signature,
    }
    watch.waiting.add(text.sid)
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
    rows = []
    for name in sorted(rounds[0]):
        figures = [one[name].figures() for one in rounds]
        spreads = {key: spread([one[key] for one in figures], digits=1) for key in figures[0]}
        rows.append({"carrier": name, **spreads})
    title = f"From answer to message, {count} texts a round: median (least..most)"
    print_table(title, rows)


def _in_words(sample: Sample) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in sample.figures().items())


def _to_json(rounds: Sequence[Mapping[str, Sample]]) -> list[dict[str, Any]]:
    return [
        {
            name: {
                **sample.figures(),
                "read_ms": [round(value, 3) for value in sample.read],
                "told_ms": [round(value, 3) for value in sample.told],
            }
            for name, sample in one.items()
        }
        for one in rounds
    ]
