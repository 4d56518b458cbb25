"""TCP between two parties, with everything that a network does to it.

It is also the balancer in front of the two hosts: a connection goes to the first that takes it.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import attrs

Address = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""

_CHUNK: Final = 64 * 1024
_CONNECT_SECONDS: Final = 5.0


@attrs.define(kw_only=True)
class Faults:
    """What befalls the connections from now on, those that are open too.

    Attributes:
        delay_seconds: before each piece is passed on, either way.
        cut_after_bytes: a connection ends with a reset once so many bytes have come back.
        trickle_bytes: pieces are so small, a hundredth of a second apart.
        is_black_hole: everything is taken and nothing is passed on.
        is_refusing: a new connection is reset at once.
    """

    delay_seconds: float = 0.0
    cut_after_bytes: int | None = None
    trickle_bytes: int | None = None
    is_black_hole: bool = False
    is_refusing: bool = False


class FaultProxy:
    """Listens at a port of its own, and passes on to one of *upstreams*.

    Args:
        upstreams: in the order in which they are tried, each connection beginning with the next.
        port: to listen at; 0 for any.
    """

    def __init__(self, *upstreams: Address, port: int = 0) -> None:
        self.faults = Faults()
        self.port = port
        self.connections = 0
        self._upstreams: Sequence[Address] = upstreams
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def set(self, faults: Faults | None = None) -> None:
        """Have *faults* befall what passes from now on; None for none."""
        self.faults = faults or Faults()
        self._changed.set()
        self._changed = asyncio.Event()

    def lead_to(self, *upstreams: Address) -> None:
        """Pass new connections on to one of *upstreams* from now on."""
        self._upstreams = upstreams

    def reset_all(self) -> int:
        """End every open connection with a reset; give how many there were."""
        ended = list(self._open)
        for writer in ended:
            _reset(writer)
        return len(ended) // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)
        self.connections += 1
        upstream = None if self.faults.is_refusing else await self._connect()
        if upstream is None:
            _reset(writer)
            return
        self._open |= {writer, upstream[1]}
        try:
            await self._pass_both((reader, writer), upstream)
        except asyncio.CancelledError:
            # The proxy is closed; asyncio's streams look at what such a task has ended with.
            pass
        finally:
            for one in (writer, upstream[1]):
                self._open.discard(one)
                one.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = self.connections % len(self._upstreams)
        for address in (*self._upstreams[first:], *self._upstreams[:first]):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_SECONDS):
                    if isinstance(address, str):
                        return await asyncio.open_unix_connection(address)
                    return await asyncio.open_connection(*address)
        return None

    async def _pass_both(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        up = asyncio.create_task(self._pass(near[0], far[1], is_answer=False))
        down = asyncio.create_task(self._pass(far[0], near[1], is_answer=True))
        try:
            # Either side may end its half and still hear the other.
            await asyncio.gather(up, down)
        except OSError:
            for writer in (near[1], far[1]):
                _reset(writer)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        passed = 0
        while piece := await reader.read(self.faults.trickle_bytes or _CHUNK):
            await self._befall()
            left = self.faults.cut_after_bytes
            if is_answer and left is not None and passed + len(piece) > left:
                writer.write(piece[: max(0, left - passed)])
                await writer.drain()
                msg = "cut"
                raise ConnectionResetError(msg)
            writer.write(piece)
            await writer.drain()
            passed += len(piece)
        if writer.can_write_eof():
            writer.write_eof()

    async def _befall(self) -> None:
        while self.faults.is_black_hole:
            await self._changed.wait()
        if self.faults.delay_seconds:
            await asyncio.sleep(self.faults.delay_seconds)
        elif self.faults.trickle_bytes:
            await asyncio.sleep(0.01)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset, and no orderly end."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
