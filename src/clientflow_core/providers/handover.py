"""What an observer is told and has not handed over yet: held up to a limit, sent by one task."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

import structlog

from clientflow_core.ending import end
from clientflow_core.errors import ClientFlowError

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Handover(Generic[T]):
    """A bounded queue, and the task that empties it; an async context.

    What *send* cannot hand over is lost: telling it again later would only make a backend that is
    down slower to come back. An outage is logged once when it begins, and once when it ends.

    Args:
        send: hands a batch over, with a deadline of its own.
        name: of the provider, for the log.
        most_held: how many wait at the most; then the oldest are dropped.
        batch: how many *send* is given at once, at the most.
        flush_seconds: how long :meth:`flush` takes at the most.
    """

    def __init__(
        self,
        send: Callable[[Sequence[T]], Awaitable[None]],
        *,
        name: str,
        most_held: int,
        batch: int,
        flush_seconds: float,
    ) -> None:
        self._send, self._name = send, name
        self._batch, self._flush_seconds = batch, flush_seconds
        self._held: deque[T] = deque(maxlen=most_held)
        self._wake, self._lock = asyncio.Event(), asyncio.Lock()
        self._is_reached, self._is_full = True, False

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.flush()
        finally:
            await end(self._writer)

    def hold(self, item: T) -> None:
        """Keep *item* until it is handed over; on the thread of the loop."""
        if len(self._held) == self._held.maxlen and not self._is_full:
            self._is_full = True
            log.warning("observer_drops", provider=self._name, most_held=self._held.maxlen)
        self._held.append(item)
        self._wake.set()

    async def flush(self) -> None:
        """Hand over what is held, within the seconds that were given; it does not raise."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._flush_seconds):
                await self._hand_over()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._hand_over()

    async def _hand_over(self) -> None:
        async with self._lock:
            while self._held:
                count = min(self._batch, len(self._held))
                await self._try([self._held.popleft() for _ in range(count)])
            self._is_full = False

    async def _try(self, batch: Sequence[T]) -> None:
        try:
            await self._send(batch)
        except Exception as error:  # noqa: BLE001 - an observer is in nobody's way
            if self._is_reached:
                reason = str(error) if isinstance(error, ClientFlowError) else type(error).__name__
                log.warning("observer_not_reached", provider=self._name, reason=reason)
            self._is_reached = False
            return
        if not self._is_reached:
            log.info("observer_reached_again", provider=self._name)
        self._is_reached = True
