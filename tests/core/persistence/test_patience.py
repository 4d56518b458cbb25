"""Who waits for an answer is told soon that a transaction does not begin."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from clientflow_core.persistence import patience
from clientflow_core.persistence.database import Database
from tests.core.persistence.conftest import Relay
from tests.databases import Addresses

DOES_NOT_BEGIN = "no transaction has begun"
IS_BEING_TRIED = "is being tried"


@pytest.fixture
async def hurried(addresses: Addresses, relay: Relay) -> AsyncIterator[Database]:
    """A database of two connections, both made, behind the relay, in a hurry."""
    opened = Database(relay.of(addresses.application), pool_size=2)
    opened.hurry()
    assert await asyncio.gather(*(one(opened) for _ in range(2))) == [1, 1]
    yield opened
    relay.thaw()
    await opened.close()


async def one(database: Database) -> int:
    async with database.system() as transaction:
        return int(await transaction.scalar(sa.text("SELECT 1")))


async def refusal(database: Database) -> str:
    with pytest.raises(sa.exc.TimeoutError) as refused:
        await one(database)
    return str(refused.value)


async def test_silent_server_is_given_up_soon_and_used_again_once_it_answers(
    hurried: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BEGIN_SECONDS", 0.2)
    relay.freeze()
    async with asyncio.timeout(5):
        assert DOES_NOT_BEGIN in await refusal(hurried)
    relay.thaw()
    monkeypatch.undo()
    assert await one(hurried) == 1


async def test_server_that_was_silent_is_tried_by_one_and_nobody_else_waits(
    hurried: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BEGIN_SECONDS", 0.1)
    relay.freeze()
    assert DOES_NOT_BEGIN in await refusal(hurried)
    monkeypatch.undo()
    trying = asyncio.create_task(one(hurried))
    await asyncio.sleep(0)
    for _ in range(3):
        assert IS_BEING_TRIED in await refusal(hurried)
    assert not trying.done()
    relay.thaw()
    assert await trying == 1
    assert await asyncio.gather(*(one(hurried) for _ in range(4))) == [1] * 4


async def test_that_no_connection_is_free_says_nothing_of_the_server(hurried: Database) -> None:
    hurried._engine.pool._timeout = 0.1  # type: ignore[attr-defined]  # three seconds are long here
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(hurried.system())
        refused = await asyncio.gather(*(refusal(hurried) for _ in range(3)))
    assert all("limit of size 2" in one for one in refused)
    assert await one(hurried) == 1


async def test_other_errors_than_ours_go_through_as_they_are() -> None:
    waiting = patience.Patience()
    with pytest.raises(TimeoutError, match="of somebody else"):
        async with waiting.beginning():
            raise TimeoutError("of somebody else")
    async with waiting.beginning(), waiting.beginning():
        pass


async def test_statement_on_a_silent_server_can_be_given_up_at_once(
    hurried: Database, relay: Relay
) -> None:
    async def ask() -> None:
        async with hurried.system() as transaction:
            relay.freeze()
            await transaction.scalar(sa.text("SELECT 1"))

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.2)
    asking.cancel()
    # psycopg itself would wait for ten seconds.
    async with asyncio.timeout(4):
        with pytest.raises(asyncio.CancelledError):
            await asking
    relay.thaw()
    assert await one(hurried) == 1
