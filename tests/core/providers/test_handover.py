import asyncio
from collections.abc import Sequence

import attrs
import pytest
import structlog.testing

from clientflow_core.errors import ProviderUnavailable
from clientflow_core.providers.handover import Handover


@attrs.define
class Backend:
    """Takes what it is given, or does not."""

    error: Exception | None = None
    is_silent: bool = False
    taken: list[list[int]] = attrs.field(factory=list)

    async def take(self, batch: Sequence[int]) -> None:
        if self.is_silent:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        self.taken.append(list(batch))


def handover(backend: Backend, *, most_held: int = 100, batch: int = 2) -> Handover[int]:
    return Handover(backend.take, name="book", most_held=most_held, batch=batch, flush_seconds=0.05)


async def test_what_is_held_is_handed_over_in_batches_and_in_order() -> None:
    backend = Backend()
    async with handover(backend) as book:
        for number in range(5):
            book.hold(number)
    assert backend.taken == [[0, 1], [2, 3], [4]]


async def test_it_is_handed_over_by_itself() -> None:
    backend = Backend()
    async with handover(backend) as book:
        book.hold(1)
        await asyncio.sleep(0.01)
        assert backend.taken == [[1]]


async def test_oldest_are_dropped_and_that_is_logged_once() -> None:
    backend = Backend()
    with structlog.testing.capture_logs() as lines:
        async with handover(backend, most_held=3) as book:
            for number in range(10):
                book.hold(number)
    assert backend.taken == [[7, 8], [9]]
    assert [line["event"] for line in lines] == ["observer_drops"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ProviderUnavailable("nobody there"), "nobody there"), (KeyError("private"), "KeyError")],
)
async def test_outage_is_logged_when_it_begins_and_when_it_ends(
    error: Exception, reason: str
) -> None:
    backend = Backend(error=error)
    with structlog.testing.capture_logs() as lines:
        async with handover(backend) as book:
            for number in range(6):
                book.hold(number)
            await book.flush()
            backend.error = None
            book.hold(6)
    assert backend.taken == [[6]]
    assert [line["event"] for line in lines] == ["observer_not_reached", "observer_reached_again"]
    assert lines[0]["reason"] == reason


async def test_flush_and_the_end_wait_no_longer_than_they_may() -> None:
    book = handover(Backend(is_silent=True))
    async with asyncio.timeout(5), book:
        book.hold(1)
        await book.flush()
