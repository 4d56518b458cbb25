"""Listening until told to stop, and stopping in good order."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Final

import attrs
import structlog
from aiohttp import web
from typing_extensions import override

from clientflow_core.errors import ClientFlowError

WITH_PARENT_ENV: Final = "CLIENTFLOW_WITH_PARENT"
_GRACE_SECONDS: Final = 8.0
# Longer than any provider keeps an idle connection; aiohttp's own is an hour.
_KEEP_ALIVE_SECONDS: Final = 75.0

log = structlog.get_logger(__name__)


class PortTaken(ClientFlowError):
    """The address to listen at cannot be had."""

    code = "port_taken"


@attrs.define
class Serving:
    """What a process that serves knows of its own state.

    Attributes:
        is_draining: it is stopping, and wants no new requests.
    """

    is_draining: bool = False


SERVING: Final = web.AppKey("serving", Serving)


@contextlib.asynccontextmanager
async def listening(app: web.Application, *, host: str, port: int) -> AsyncIterator[None]:
    """Serve *app*; at the end, let the requests that are being served finish.

    Raises:
        PortTaken: the address is in use, or not this machine's.
    """
    app[SERVING] = Serving()
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_GRACE_SECONDS,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        msg = (
            f"cannot listen at {host}:{port}: {error.strerror or error}; is something else running"
            " there? Choose another port"
        )
        raise PortTaken(msg) from error
    try:
        yield
    finally:
        app[SERVING].is_draining = True
        await runner.cleanup()


async def wait_for_stop() -> None:
    """Return when the process is told to stop: by SIGINT, SIGTERM, or the end of its parent."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    if os.environ.get(WITH_PARENT_ENV):
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
