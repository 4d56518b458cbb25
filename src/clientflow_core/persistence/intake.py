"""Group commit of inbound events: whatever has come in while one flush ran goes into the next.

There is no timer: an event that comes alone is written at once.
"""

import asyncio
import math
from typing import Final

import psycopg
import structlog

from clientflow_core import failpoints
from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.errors import BadPayload, Overloaded
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.inbound_events import store_inbound_events

_MOST_IN_ONE_FLUSH: Final = 256
_MOST_WAITING: Final = 4096
# E-mails come with their attachments; one is taken whatever its size, which is limited elsewhere.
_MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
_MOST_BYTES_IN_ONE_FLUSH: Final = 8 * 1024 * 1024
_STORE_SECONDS: Final = 4.5
# A flush that takes so long has met a database that does not answer.
_SILENT_SECONDS: Final = 4.0
_CLOSE_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)

_Waiting = tuple[InboundEvent, asyncio.Future[None]]


class Intake:
    """Keeps inbound events, many in one transaction.

    Args:
        database: as the application role.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._held_bytes = 0
        self._flusher: asyncio.Task[None] | None = None
        self._flushing_since = math.inf

    async def store(self, event: InboundEvent) -> None:
        """Keep *event* and the job that will handle it; both are durable when this returns.

        Raises:
            Overloaded: too many are waiting, or the database does not answer; nothing was kept
                that anybody was told of, so the sender must come again.
            BadPayload: PostgreSQL cannot hold what is in it.
        """
        loop = asyncio.get_running_loop()
        self._require_room(event)
        self._require_answers(loop.time())
        kept: asyncio.Future[None] = loop.create_future()
        self._waiting.append((event, kept))
        self._held_bytes += len(event.body)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_all())
        alarm = loop.call_later(_STORE_SECONDS, _give_up, kept)
        try:
            await kept
        finally:
            alarm.cancel()

    def _require_room(self, event: InboundEvent) -> None:
        is_heavy = self._held_bytes and self._held_bytes + len(event.body) > _MOST_WAITING_BYTES
        if is_heavy or len(self._waiting) >= _MOST_WAITING:
            msg = "too many webhooks are waiting to be stored"
            raise Overloaded(msg)

    def _require_answers(self, now: float) -> None:
        if now - self._flushing_since > _SILENT_SECONDS:
            msg = "the database does not answer at the moment"
            raise Overloaded(msg)

    async def close(self) -> None:
        """Wait until everything that is waiting is stored."""
        if self._flusher is not None:
            await asyncio.wait([self._flusher], timeout=_CLOSE_SECONDS)

    async def _flush_all(self) -> None:
        while self._waiting:
            batch = _first_batch(self._waiting)
            del self._waiting[: len(batch)]
            self._flushing_since = asyncio.get_running_loop().time()
            try:
                failpoints.hit("intake.taken")
                await self._flush(batch)
            finally:
                self._flushing_since = math.inf
                self._held_bytes -= sum(len(event.body) for event, _ in batch)

    async def _flush(self, batch: list[_Waiting]) -> None:
        """Store *batch*; where one row is bad, halve until it stands alone."""
        try:
            events = [event for event, _ in batch]
            await store_inbound_events(self._database.statements, events)
        except Exception as error:  # noqa: BLE001 - every request in the batch must be answered
            await self._answer(batch, error)
        else:
            failpoints.hit("intake.flushed")
            _settle(batch, None)

    async def _answer(self, batch: list[_Waiting], error: Exception) -> None:
        if not _is_fault_of_a_row(error):
            log.warning("intake_failed", events=len(batch), error=type(error).__name__)
            _settle(batch, Overloaded("the database does not take webhooks at the moment"))
        elif len(batch) == 1:
            log.warning("inbound_event_unstorable", error=type(error).__name__)
            _settle(batch, BadPayload("the database cannot hold what is in this request"))
        else:
            middle = len(batch) // 2
            await self._flush(batch[:middle])
            await self._flush(batch[middle:])


def _first_batch(waiting: list[_Waiting]) -> list[_Waiting]:
    """Give the first of *waiting* that go into one flush; one goes in any case."""
    batch = waiting[:_MOST_IN_ONE_FLUSH]
    size = 0
    for count, (event, _) in enumerate(batch):
        size += len(event.body)
        if count and size > _MOST_BYTES_IN_ONE_FLUSH:
            return batch[:count]
    return batch


def _is_fault_of_a_row(error: Exception) -> bool:
    """Tell whether a row would be refused again, whatever else is stored with it."""
    if isinstance(error, psycopg.Error):
        # A value too long for its index is a "program limit", class 54, and no data error.
        is_over_limit = (error.sqlstate or "").startswith("54")
        return isinstance(error, psycopg.DataError | psycopg.IntegrityError) or is_over_limit
    # Half a surrogate pair, as from headers that are not UTF-8, does not even leave for the server.
    return isinstance(error, UnicodeEncodeError)


def _give_up(kept: asyncio.Future[None]) -> None:
    if not kept.done():
        kept.set_exception(Overloaded("the database did not answer in time"))


def _settle(batch: list[_Waiting], error: Exception | None) -> None:
    for _, kept in batch:
        if kept.done():
            continue
        if error is None:
            kept.set_result(None)
        else:
            # One each: raised in many tasks, a single one would gather the traces of all of them.
            kept.set_exception(type(error)(str(error)))
