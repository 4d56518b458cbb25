"""Every process says now and then that it is there, and of which release it is."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Final

import structlog
from sqlalchemy import exc

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.heartbeats import beat

_EVERY_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def beating(database: Database, *, kind: str) -> AsyncIterator[None]:
    """Note every ten seconds that this process is there, for as long as the block runs.

    Args:
        database: as the application role.
        kind: what the process does: ``serve`` or ``worker``.
    """
    heart = asyncio.create_task(_beat_on(database, kind))
    try:
        yield
    finally:
        heart.cancel()
        await asyncio.gather(heart, return_exceptions=True)


async def _beat_on(database: Database, kind: str) -> None:
    process, release = f"{kind}@{socket.gethostname()}:{os.getpid()}", version("clientflow")
    has_failed = False
    while True:
        try:
            async with database.system() as transaction:
                await beat(transaction, process=process, kind=kind, release=release)
            has_failed = False
        except (exc.SQLAlchemyError, OSError, TimeoutError) as error:
            if not has_failed:
                log.warning("heartbeat_failed", error=type(error).__name__)
            has_failed = True
        await asyncio.sleep(_EVERY_SECONDS)
