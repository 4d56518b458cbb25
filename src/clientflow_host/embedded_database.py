"""The database of `up` where no other is set: started, migrated, watched over, stopped."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from clientflow_core.ending import end
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
    begun = time.monotonic()
    kept = _KeptServer(await _start(state_folder, postgres_folder))
    keeper = asyncio.create_task(kept.keep(lambda: _start(state_folder, postgres_folder)))
    try:
        verb = "found running" if kept.server.was_adopted else "started"
        say(f"PostgreSQL {verb} ({time.monotonic() - begun:.1f} s)")
        yield await asyncio.to_thread(provision, kept.server, state_folder)
    finally:
        await end(keeper)
        await asyncio.to_thread(kept.server.stop)


async def _start(state_folder: Path, postgres_folder: Path | None) -> EmbeddedPostgres:
    binaries = find_binaries(postgres_folder) if postgres_folder else None
    starting = asyncio.create_task(
        asyncio.to_thread(EmbeddedPostgres.start, state_folder, binaries=binaries)
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # A thread cannot be stopped: let it start the server, then stop that.
        with contextlib.suppress(ClientFlowError):
            server = await starting
            await asyncio.to_thread(server.stop)
        raise


class _KeptServer:
    """A server, as it was started last."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server

    async def keep(self, start: Callable[[], Awaitable[EmbeddedPostgres]]) -> None:
        """Start it again whenever it is gone."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self.server.is_running():
                continue
            log.warning("postgres_ended", pid=self.server.pid)
            try:
                self.server = await start()
            except ClientFlowError as error:
                log.error("postgres_does_not_start", error=str(error))  # noqa: TRY400 - it is told
                await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)
