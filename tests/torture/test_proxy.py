"""The proxy does to a connection what it is told, and to the others nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.torture.proxy import Address, FaultProxy, Faults

LONG = b"x" * 50_000


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(4096):
        writer.write(piece)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def echoing() -> AsyncIterator[Address]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server:
        yield ("127.0.0.1", int(server.sockets[0].getsockname()[1]))


async def ask(proxy: FaultProxy, text: bytes) -> bytes:
    """Send *text* and no more; give all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(text)
        await writer.drain()
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


async def test_everything_passes_where_there_is_no_fault() -> None:
    async with echoing() as server, FaultProxy(server) as proxy:
        assert await ask(proxy, LONG) == LONG


async def test_unix_socket_may_be_behind_it(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    async with await asyncio.start_unix_server(_echo, path), FaultProxy(path) as proxy:
        assert await ask(proxy, b"hello") == b"hello"


async def test_connection_goes_to_the_next_where_one_does_not_take_it() -> None:
    async with echoing() as server, FaultProxy(("127.0.0.1", 1), server) as proxy:
        for _ in range(4):
            assert await ask(proxy, b"hello") == b"hello"


async def test_connection_is_reset_where_nobody_takes_it() -> None:
    async with FaultProxy(("127.0.0.1", 1)) as proxy:
        with pytest.raises(ConnectionResetError):
            await ask(proxy, b"hello")


async def test_connection_is_refused_on_demand() -> None:
    async with echoing() as server, FaultProxy(server) as proxy:
        proxy.set(Faults(is_refusing=True))
        with pytest.raises(ConnectionResetError):
            await ask(proxy, b"hello")
        proxy.set()
        assert await ask(proxy, b"hello") == b"hello"


async def test_answer_is_cut_with_a_reset() -> None:
    async with echoing() as server, FaultProxy(server) as proxy:
        proxy.set(Faults(cut_after_bytes=3))
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"hello")
        assert await reader.readexactly(3) == b"hel"
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_open_connections_are_reset() -> None:
    async with echoing() as server, FaultProxy(server) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        assert proxy.reset_all() == 1
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_black_hole_takes_all_and_gives_nothing_until_it_is_over() -> None:
    async with echoing() as server, FaultProxy(server) as proxy:
        proxy.set(Faults(is_black_hole=True))
        asked = asyncio.create_task(ask(proxy, b"hello"))
        done, _ = await asyncio.wait([asked], timeout=0.2)
        assert not done
        proxy.set()
        assert await asked == b"hello"


@pytest.mark.parametrize("faults", [Faults(delay_seconds=0.1), Faults(trickle_bytes=1)])
async def test_slow_connection_gives_all_in_the_end(faults: Faults) -> None:
    async with echoing() as server, FaultProxy(server) as proxy:
        proxy.set(faults)
        begun = time.monotonic()
        assert await ask(proxy, b"0123456789") == b"0123456789"
        assert time.monotonic() - begun > 0.09
