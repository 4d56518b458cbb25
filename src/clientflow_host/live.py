"""Live updates: one connection that listens to PostgreSQL, and everybody who watches a page."""

import asyncio
import contextlib
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Final

import psycopg
import structlog
from aiohttp import web
from psycopg import sql
from sqlalchemy.engine import URL

from clientflow_core.ending import end
from clientflow_core.persistence.connections import LASTING
from clientflow_core.persistence.repositories.stream_events import STREAM_CHANNEL
from clientflow_core.persistence.server import connection_string
from clientflow_host.serving import SERVING

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0
# A connection that is dead without a word is found out by this.
_PROBE_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class LiveHub:
    """Tells those who watch an organization that something in it has changed.

    Args:
        url: must not lead through a transaction pooler, where nobody can listen.
    """

    def __init__(self, url: URL) -> None:
        self._conninfo = connection_string(url)
        self._watchers: dict[uuid.UUID, set[asyncio.Event]] = defaultdict(set)

    @contextlib.contextmanager
    def watching(self, organization_id: uuid.UUID) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever something may have changed; clear it, then look."""
        event = asyncio.Event()
        self._watchers[organization_id].add(event)
        try:
            yield event
        finally:
            self._watchers[organization_id].discard(event)
            if not self._watchers[organization_id]:
                del self._watchers[organization_id]

    async def run(self) -> None:
        """Listen until cancelled; a connection that is lost is made again."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._conninfo, autocommit=True, **LASTING
                ) as connection:
                    pause = _FIRST_PAUSE_SECONDS
                    await self._listen(connection)
            except (psycopg.Error, OSError) as error:
                log.warning("live_updates_lost", error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _listen(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(STREAM_CHANNEL)))
        # What was told while nobody listened is made up for by a look.
        self.tell_everybody()
        while True:
            async for notice in connection.notifies(timeout=_PROBE_SECONDS):
                self._tell(notice.payload)
            async with asyncio.timeout(_ANSWER_SECONDS):
                await connection.execute("SELECT 1")

    def _tell(self, payload: str) -> None:
        with contextlib.suppress(ValueError):
            for event in self._watchers.get(uuid.UUID(payload), ()):
                event.set()

    def tell_everybody(self) -> None:
        """Make all that watch have a look."""
        for events in self._watchers.values():
            for event in events:
                event.set()


LIVE: Final = web.AppKey("live", LiveHub)


async def live_updates(app: web.Application) -> AsyncIterator[None]:
    """Run the hub of *app* for as long as it serves; whoever watches is let go once it stops."""
    running = [asyncio.create_task(one) for one in (app[LIVE].run(), _let_go(app))]
    yield
    await end(*running)


async def _let_go(app: web.Application) -> None:
    await app[SERVING].draining.wait()
    app[LIVE].tell_everybody()
