"""Having something to oneself: who holds something for others does not wait."""

import asyncio

import pytest

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.exclusive import WouldWait, take


async def test_what_is_taken_is_waited_for_until_the_transaction_ends(database: Database) -> None:
    async def have(name: str) -> str:
        async with database.system() as transaction:
            await take(transaction, [name])
        return name

    async with database.system() as first:
        await take(first, ["a", "b", "a"])
        waiting = asyncio.create_task(have("b"))
        assert await have("c") == "c"
        assert not waiting.done()
    assert await waiting == "b"


async def test_who_must_not_wait_is_told_so_and_can_go_on(database: Database) -> None:
    async with database.system() as first, database.system() as second:
        await take(first, ["a"])
        second.may_wait = False
        await take(second, ["b"])
        with pytest.raises(WouldWait):
            await take(second, ["a", "c"])
        await take(second, ["b", "d"])
        await take(second, [])


async def test_those_who_want_the_same_in_any_order_all_come_to_their_turn(
    database: Database,
) -> None:
    names = [f"name {number}" for number in range(20)]
    done = []

    async def have(number: int) -> None:
        async with database.system() as transaction:
            await take(transaction, names[number:] + names[:number])
            await asyncio.sleep(0)
        done.append(number)

    await asyncio.gather(*(have(number) for number in range(8)))

    assert sorted(done) == list(range(8))
