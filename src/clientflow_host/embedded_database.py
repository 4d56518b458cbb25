"""The database of `up` where no other is set: started, migrated, watched over, stopped."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import structlog

from clientflow_core.errors import ClientFlowError
from clientflow_core.persistence.embedded import EmbeddedPostgres, find_binaries
from clientflow_core.persistence.provision import DatabaseAddresses, provision

_WATCH_SECONDS: Final = 1.0
_PAUSE_AFTER_ERROR_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def embedded_database(
    state_folder: Path, *, postgres_folder: Path | None, say: Callable[[str], None]
) -> AsyncIterator[DatabaseAddresses]:
    """Run the PostgreSQL of *state_folder* and give the addresses of its database.

    It is started again, at the same address, whenever it is gone.

    Args:
        state_folder: keeps its data.
        postgres_folder: holds its programs; None for the best that is installed.
        say: is told what is done.

    Raises:
        EmbeddedServerError: it does not start.
    """
    server = _KeptServer(state_folder, postgres_folder)
    begun = time.monotonic()
    verb = "found running" if await server.start() else "started"
    keeper = asyncio.create_task(server.keep())
    try:
        say(f"PostgreSQL {verb} ({time.monotonic() - begun:.1f} s)")
        yield await asyncio.to_thread(provision, server.present, state_folder)
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await asyncio.to_thread(server.present.stop)


class _KeptServer:
    def __init__(self, state_folder: Path, postgres_folder: Path | None) -> None:
        self._state_folder = state_folder
        self._postgres_folder = postgres_folder
        self._server: EmbeddedPostgres | None = None

    @property
    def present(self) -> EmbeddedPostgres:
        """The server as it was started last."""
        if self._server is None:
            msg = "start the server first"
            raise RuntimeError(msg)
        return self._server

    async def start(self) -> bool:
        """Start the server; tell whether it was found running instead."""
        binaries = find_binaries(self._postgres_folder) if self._postgres_folder else None
        starting = asyncio.create_task(
            asyncio.to_thread(EmbeddedPostgres.start, self._state_folder, binaries=binaries)
        )
        try:
            self._server = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # A thread cannot be stopped: let it start the server, then stop that.
            with contextlib.suppress(ClientFlowError):
                self._server = await starting
                await asyncio.to_thread(self._server.stop)
            raise
        return self._server.was_adopted

    async def keep(self) -> None:
        """Start the server again whenever it is gone."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self.present.is_running():
                continue
            log.warning("postgres_ended", pid=self.present.pid)
            try:
                await self.start()
            except ClientFlowError as error:
                log.error("postgres_does_not_start", error=str(error))  # noqa: TRY400 - it is told
                await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
