"""Listening until told to stop, and stopping in good order."""

import asyncio
import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Final, cast

import attrs
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from typing_extensions import override

from clientflow_core.errors import ClientFlowError

WITH_PARENT_ENV: Final = "CLIENTFLOW_WITH_PARENT"
# So long /ready says that it is stopping before connections are refused: whoever spreads requests
# over several processes sees it in time.
_NOTICE_SECONDS: Final = 0.5
_GRACE_SECONDS: Final = 7.0
# Then what is still being served is cut off.
_CUT_SECONDS: Final = 1.0
# Whoever stops processes mostly kills them after ten.
_LEAVE_SECONDS: Final = 9.5
# Until the end of the first head; a later one has as long as a connection may idle.
_HEAD_SECONDS: Final = 10.0
# Fewer than the files that a process may usually have open.
_MOST_CONNECTIONS: Final = 800
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
# Longer than any provider keeps an idle connection; aiohttp's own is an hour.
_KEEP_ALIVE_SECONDS: Final = 75.0

log = structlog.get_logger(__name__)


class PortTaken(ClientFlowError):
    """The address to listen at cannot be had: something else listens there."""

    code = "port_taken"
    remedy = "Set another port, by the setting that is named."


@attrs.define
class Serving:
    """What a process that serves knows of its own state.

    Attributes:
        draining: set once it is stopping, and wants no new requests.
        in_flight: how many requests are being handled.
        is_idle: set while there is none.
        silent: connections that have not brought a whole request yet.
    """

    draining: asyncio.Event = attrs.field(factory=asyncio.Event)
    in_flight: int = 0
    is_idle: asyncio.Event = attrs.field(factory=asyncio.Event)
    silent: set[web.RequestHandler] = attrs.field(factory=set)

    @property
    def is_draining(self) -> bool:
        """Whether it is stopping."""
        return self.draining.is_set()


SERVING: Final = web.AppKey("serving", Serving)


def port_taken(host: str, port: int, error: OSError, *, hint: str) -> PortTaken:
    """Give the error for an address that cannot be listened at.

    Args:
        host: what was to be listened at.
        port: likewise.
        error: what the system said.
        hint: what to do if the port is the trouble.
    """
    where = f"cannot listen at {host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return PortTaken(f"{where}: something else listens there. {hint}")
    # What asyncio and socket put around it is the address once more.
    number = error.errno or 0
    reason = os.strerror(number) if number > 0 else str(error.strerror).partition(" (while")[0]
    if error.errno == errno.EACCES:
        return PortTaken(f"{where}: {reason}. {hint}")
    return PortTaken(f"{where}: {reason}. CLIENTFLOW_HOST must be an address of this machine")


@contextlib.asynccontextmanager
async def listening(
    app: web.Application,
    *,
    host: str,
    port: int,
    port_env: str,
    notice_seconds: float = _NOTICE_SECONDS,
    grace_seconds: float = _GRACE_SECONDS,
) -> AsyncIterator[None]:
    """Serve *app*; at the end, let the requests that are being served finish.

    Args:
        app: what is served.
        host: the address to listen at.
        port: likewise; 0 takes any.
        port_env: the setting that *port* came from, for the error.
        notice_seconds: how long, at the end, new connections are still taken.
        grace_seconds: how long requests may then take that are being handled.

    Raises:
        PortTaken: the address is in use, or not this machine's.
    """
    serving = app[SERVING] = Serving()
    serving.is_idle.set()
    app.on_response_prepare.append(_part_when_draining)
    app.middlewares.insert(0, _count)
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_CUT_SECONDS,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
    )
    await runner.setup()
    try:
        door = await _open_door(runner, serving, host=host, port=port)
    except OSError as error:
        await runner.cleanup()
        raise port_taken(host, port, error, hint=f"Choose another port by {port_env}") from error
    log.info("listening", host=host, port=door.sockets[0].getsockname()[1])
    try:
        yield
    finally:
        serving.draining.set()
        await asyncio.sleep(notice_seconds)
        door.close()
        # aiohttp waits too, but no longer reads the body of a request by then.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await serving.is_idle.wait()
        await runner.cleanup()


async def _open_door(
    runner: web.AppRunner, serving: Serving, *, host: str, port: int
) -> asyncio.Server:
    """Let connections in: only so many at once, and none that is silent for long.

    Not by aiohttp's TCPSite, which waits for a head for as long as a connection may idle.
    """
    loop = asyncio.get_running_loop()
    server = cast("web.Server", runner.server)

    def let_in() -> asyncio.Protocol:
        if len(server.connections) >= _MOST_CONNECTIONS:
            return _Refusal()
        handler = server()
        serving.silent.add(handler)
        loop.call_later(_HEAD_SECONDS, cut_if_silent, handler)
        return handler

    def cut_if_silent(handler: web.RequestHandler) -> None:
        if handler in serving.silent:
            serving.silent.discard(handler)
            handler.force_close()

    return await loop.create_server(let_in, host, port)


class _Refusal(asyncio.Protocol):
    """Tells a connection that there is no room, and parts."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        there = cast("asyncio.Transport", transport)
        there.write(_REFUSAL)
        there.close()


@web.middleware
async def _count(request: web.Request, handler: Handler) -> web.StreamResponse:
    serving = request.app[SERVING]
    serving.silent.discard(request.protocol)
    serving.in_flight += 1
    serving.is_idle.clear()
    try:
        return await handler(request)
    finally:
        serving.in_flight -= 1
        if not serving.in_flight:
            serving.is_idle.set()


async def _part_when_draining(request: web.Request, response: web.StreamResponse) -> None:
    """Let nobody count on a connection that is about to be closed."""
    if request.app[SERVING].is_draining:
        response.force_close()
        # aiohttp has written the header by now.
        response.headers["Connection"] = "close"


def has_parent() -> bool:
    """Tell whether this process was started by `up`, and ends with it."""
    return bool(os.environ.get(WITH_PARENT_ENV))


@contextlib.contextmanager
def leaving_in_time() -> Iterator[threading.Timer]:
    """Give a timer to be started once the process is to stop: it ends it if the block does not.

    What hangs then is a dependency that does not answer. What is lost is what a kill would lose:
    jobs go to other workers, and nothing that was acknowledged.
    """
    timer = threading.Timer(_LEAVE_SECONDS, _leave)
    timer.daemon = True
    try:
        yield timer
    finally:
        timer.cancel()


def _leave() -> None:
    log.error("stop_takes_too_long", seconds=_LEAVE_SECONDS)
    os._exit(1)


async def wait_for_stop() -> None:
    """Return when the process is told to stop: by SIGINT, SIGTERM, or the end of its parent."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    if has_parent():
        await _watch_parent(told)
    await told.wait()
    log.info("stopping")


async def _watch_parent(told: asyncio.Event) -> None:
    """Set *told* when standard input ends: its other end is the parent's, and dies with it."""

    class Watch(asyncio.Protocol):
        @override
        def connection_lost(self, _: Exception | None) -> None:
            told.set()

    await asyncio.get_running_loop().connect_read_pipe(Watch, sys.stdin)
