"""Listening, and stopping in good order."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import attrs
import pytest
from aiohttp import web

from clientflow_host import serving
from clientflow_host.serving import SERVING, PortTaken, listening
from tests.commands import taken_port


@attrs.define(eq=False)
class Toy:
    """A server whose slow answer waits to be let go."""

    port: int
    arrived: asyncio.Event = attrs.field(factory=asyncio.Event)
    let_go: asyncio.Event = attrs.field(factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def slow(self, _: web.Request) -> web.Response:
        self.arrived.set()
        await self.let_go.wait()
        return web.Response(text="done")

    async def state(self, request: web.Request) -> web.Response:
        return web.Response(text=str(request.app[SERVING].is_draining))

    @asynccontextmanager
    async def served(
        self, *, notice_seconds: float = 0.0, grace_seconds: float = 5.0
    ) -> AsyncIterator[None]:
        app = web.Application()
        app.add_routes([web.get("/slow", self.slow), web.get("/state", self.state)])
        async with listening(
            app,
            host="127.0.0.1",
            port=self.port,
            port_env="CLIENTFLOW_PORT",
            notice_seconds=notice_seconds,
            grace_seconds=grace_seconds,
        ):
            yield


@pytest.fixture
def toy() -> Toy:
    with taken_port() as port:
        pass
    return Toy(port)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


async def read(http: aiohttp.ClientSession, url: str) -> str:
    async with http.get(url) as answer:
        return await answer.text()


async def test_what_is_being_served_is_finished_after_the_stop(
    toy: Toy, http: aiohttp.ClientSession
) -> None:
    async with toy.served():
        request = asyncio.create_task(read(http, f"{toy.url}/slow"))
        await toy.arrived.wait()
        asyncio.get_running_loop().call_later(0.3, toy.let_go.set)
    assert await request == "done"
    with pytest.raises(aiohttp.ClientConnectorError):
        await read(http, f"{toy.url}/state")


async def test_stop_can_be_seen_before_connections_are_refused(
    toy: Toy, http: aiohttp.ClientSession
) -> None:
    stop = asyncio.Event()

    async def serve() -> None:
        async with toy.served(notice_seconds=0.5):
            await stop.wait()

    served = asyncio.create_task(serve())
    await asyncio.sleep(0.1)
    async with http.get(f"{toy.url}/state") as answer:
        assert await answer.text() == "False"
        assert answer.headers.get("Connection") != "close"
    stop.set()
    await asyncio.sleep(0.1)
    async with http.get(f"{toy.url}/state") as answer:
        assert await answer.text() == "True"
        assert answer.headers["Connection"] == "close", "nobody is to use it once more"
    await served
    with pytest.raises(aiohttp.ClientConnectorError):
        await read(http, f"{toy.url}/state")


async def test_what_takes_too_long_is_cut_off(
    toy: Toy, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_CUT_SECONDS", 0.2)
    async with toy.served(grace_seconds=0.2):
        request = asyncio.create_task(read(http, f"{toy.url}/slow"))
        await toy.arrived.wait()
    with pytest.raises(aiohttp.ClientError):
        await request


async def test_silent_connection_does_not_hold_up_the_stop(toy: Toy) -> None:
    async with asyncio.timeout(5):
        async with toy.served():
            _, writer = await asyncio.open_connection("127.0.0.1", toy.port)
            writer.write(b"GET /state HTTP/1.1\r\n")
            await writer.drain()
        writer.close()


async def test_taken_port_is_told_with_the_setting_to_change() -> None:
    with taken_port() as port, pytest.raises(PortTaken) as caught:
        async with Toy(port).served():
            pytest.fail("it listens")
    assert str(caught.value) == (
        f"cannot listen at 127.0.0.1:{port}: something else listens there. Choose another port by"
        " CLIENTFLOW_PORT"
    )


async def test_address_of_another_machine_is_told() -> None:
    with pytest.raises(PortTaken) as caught:
        async with listening(web.Application(), host="192.0.2.1", port=8080, port_env="X"):
            pytest.fail("it listens")
    assert str(caught.value) == (
        "cannot listen at 192.0.2.1:8080: Cannot assign requested address. CLIENTFLOW_HOST must"
        " be an address of this machine"
    )


def test_port_for_the_mighty_is_told() -> None:
    error = serving.port_taken("127.0.0.1", 1, PermissionError(13, "x"), hint="Choose another")
    assert str(error) == "cannot listen at 127.0.0.1:1: Permission denied. Choose another"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_ends_the_waiting(number: signal.Signals) -> None:
    waiting = asyncio.create_task(serving.wait_for_stop())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(waiting, 5)


async def test_end_of_the_parent_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, parents = socket.socketpair()
    monkeypatch.setenv(serving.WITH_PARENT_ENV, "1")
    with ours, ours.makefile("rb") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        waiting = asyncio.create_task(serving.wait_for_stop())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        parents.close()
        await asyncio.wait_for(waiting, 5)
        await asyncio.sleep(0)


async def test_without_a_parent_standard_input_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(serving.WITH_PARENT_ENV, raising=False)
    assert not serving.has_parent()
    waiting = asyncio.create_task(serving.wait_for_stop())
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(waiting, 5)


HANGS = """
import time
from clientflow_host import serving
serving._LEAVE_SECONDS = 0.2
with serving.leaving_in_time() as leaving:
    leaving.start()
    time.sleep(60)
"""


def test_process_that_hangs_as_it_stops_ends_all_the_same() -> None:
    command = [sys.executable, "-c", HANGS]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 1
    assert "stop_takes_too_long" in ran.stdout + ran.stderr


def test_process_that_leaves_in_good_order_is_left_alone() -> None:
    with serving.leaving_in_time() as leaving:
        leaving.start()
    leaving.join(5)
    assert not leaving.is_alive()


async def silence(port: int, *, says: bytes = b"") -> bytes:
    """Connect, say so much, and give what is answered until the other side parts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(says)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.proves("SI2")
@pytest.mark.parametrize("says", [b"", b"GET /sta", b"GET /state HTTP/1.1\r\nX-Slow: "])
async def test_who_brings_no_whole_head_is_cut_off(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    monkeypatch.setattr(serving, "_HEAD_SECONDS", 0.1)
    async with toy.served():
        assert await silence(toy.port, says=says) == b""


@pytest.mark.proves("SI2")
async def test_who_waits_for_an_answer_is_not_cut_off(
    toy: Toy, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_HEAD_SECONDS", 0.05)
    async with toy.served():
        request = asyncio.create_task(read(http, f"{toy.url}/slow"))
        await toy.arrived.wait()
        asyncio.get_running_loop().call_later(0.2, toy.let_go.set)
        assert await request == "done"
        assert await read(http, f"{toy.url}/state") == "False", "the same connection still serves"


@pytest.mark.proves("SI2")
async def test_who_finds_no_room_is_told_to_come_back(
    toy: Toy, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_MOST_CONNECTIONS", 1)
    async with toy.served():
        request = asyncio.create_task(read(http, f"{toy.url}/slow"))
        await toy.arrived.wait()
        refused = await silence(toy.port)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5\r\n" in refused
        toy.let_go.set()
        assert await request == "done"
