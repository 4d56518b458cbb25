"""Every process says now and then that it is there, and of which release it is."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from sqlalchemy import exc

from clientflow_core.ending import end
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.database_clock import DatabaseClock
from clientflow_core.persistence.repositories.heartbeats import beat
from clientflow_core.release import release

_EVERY_SECONDS: Final = 10.0
FRESH_SECONDS: Final = 45.0
"""A process that was not seen for longer is gone, or hangs."""

Describe = Callable[[], Awaitable[Mapping[str, Any]]]

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def beating(
    database: Database, *, kind: str, describe: Describe, clock: DatabaseClock
) -> AsyncIterator[None]:
    """Note every ten seconds that this process is there, for as long as the block runs.

    Args:
        database: as the application role.
        kind: what the process does: ``serve`` or ``worker``.
        describe: gives what else the process says of itself, within a second or two.
        clock: of the process; it is set each time.
    """
    heart = asyncio.create_task(_beat_on(database, kind, describe, clock))
    try:
        yield
    finally:
        await end(heart)


async def _beat_on(database: Database, kind: str, describe: Describe, clock: DatabaseClock) -> None:
    process = f"{kind}@{socket.gethostname()}:{os.getpid()}"
    has_failed = False
    while True:
        try:
            said = await describe()
            async with database.system() as transaction:
                await clock.set(transaction)
                await beat(transaction, process=process, kind=kind, release=release(), details=said)
            has_failed = False
        except (exc.SQLAlchemyError, OSError, TimeoutError) as error:
            if not has_failed:
                log.warning("heartbeat_failed", error=type(error).__name__)
            has_failed = True
        await asyncio.sleep(_EVERY_SECONDS)
