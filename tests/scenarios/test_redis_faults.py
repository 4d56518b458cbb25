"""Redis in trouble while texts come in and answers go out: none is lost or doubled.

There are 150 of each here, and 500 in ``nox -s torture -- pytest``.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest

from tests.redis_server import RedisServer, running_redis
from tests.scenarios.conftest import Service

TEXTS: Final = int(os.environ.get("CLIENTFLOW_TORTURE_TEXTS", "150"))
CLIENTS: Final = 20
AT_ONCE: Final = 10


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """The Redis that carries the wake-ups."""
    with running_redis(tmp_path) as server:
        yield server


@pytest.mark.proves("DR4")
@pytest.mark.torture
@pytest.mark.timeout(400)
async def test_nothing_is_lost_or_doubled(service: Service, redis: RedisServer) -> None:
    for process in (service.serve, service.worker):
        process.start(REDIS_URL=redis.url.reveal())
    await service.ready(service.url)
    await service.ready(service.worker_url)
    conversations = {client: await first_text(service, client) for client in clients()}

    trouble = asyncio.create_task(make_trouble(redis))
    await everybody_writes(service, conversations, range(TEXTS))
    await trouble
    # And some when it is all over.
    await everybody_writes(service, conversations, range(-CLIENTS, 0))
    await service.quiet(seconds=200)

    wanted = [f"text {number}" for number in range(-CLIENTS, TEXTS)]
    received = service.rows("SELECT body FROM messages WHERE body LIKE 'text %'")
    assert Counter(body for (body,) in received) == Counter(wanted)
    state = await service.sandbox_state()
    sent = Counter(m["body"] for m in state["messages"] if m["direction"] != "inbound")
    assert sent == Counter(f"answer to {text}" for text in wanted)


async def make_trouble(redis: RedisServer) -> None:
    """Empty Redis every quarter of a second; freeze it for five; kill it, and start it empty."""
    with redis.client() as client:
        for _ in range(16):
            client.flushall()
            await asyncio.sleep(0.25)
    redis.freeze()
    await asyncio.sleep(5)
    redis.thaw()
    await asyncio.sleep(1)
    redis.kill()
    await asyncio.sleep(2)
    redis.start()


def clients() -> list[str]:
    """Give the numbers of those who write."""
    return [f"+1415555{2000 + number}" for number in range(CLIENTS)]


async def first_text(service: Service, client: str) -> str:
    """Let a client write for the first time; give the conversation."""
    assert await service.text_in(client, "Hello?") == [200]
    return str((await service.conversation(client))["id"])


async def everybody_writes(
    service: Service, conversations: dict[str, str], numbers: Iterable[int]
) -> None:
    """Let texts come in, and answers to them go out, some at the same moment."""
    left = iter(numbers)

    async def write_on() -> None:
        for number in left:
            await write(service, conversations, number)

    await asyncio.gather(*(write_on() for _ in range(AT_ONCE)))


async def write(service: Service, conversations: dict[str, str], number: int) -> None:
    """Let a text come in, and answer it, as a client who repeats what was not acknowledged."""
    client = clients()[number % CLIENTS]
    assert await service.text_in(client, f"text {number}") == [200]
    url = f"{service.url}/api/v1/conversations/{conversations[client]}/messages"
    body, key = {"body": f"answer to text {number}"}, {"Idempotency-Key": f"answer{number}"}
    for _ in range(5):
        async with service.http.post(url, json=body, headers=key) as answer:
            if answer.status == HTTPStatus.ACCEPTED:
                return
            # On a machine that has no time for it; everything else is wrong.
            assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE, await answer.text()
    pytest.fail(f"the answer to text {number} is not taken")
