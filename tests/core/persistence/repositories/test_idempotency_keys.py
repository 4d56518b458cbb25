"""One request at a time holds a key, and its answer is kept for the next."""

import asyncio

import pytest
import sqlalchemy as sa

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.idempotency_keys import (
    KeptReply,
    keep_reply,
    read_reply,
    try_lock_key,
)
from tests.conftest import Business, add_business
from tests.databases import Addresses

ROUTE = "POST /api/v1/conversations"
REPLY = KeptReply(request_hash=b"\x00\xff", status=202, body=b'{"id": 1}')


async def test_a_key_is_held_until_the_transaction_ends(
    addresses: Addresses, database: Database, business: Business
) -> None:
    other = add_business(addresses, address="+14155550199")

    async def may_have(key: str, organization: Business = business, route: str = ROUTE) -> bool:
        async with database.organization(organization.organization_id) as transaction:
            return await try_lock_key(transaction, route=route, key=key)

    async with database.organization(business.organization_id) as transaction:
        assert await try_lock_key(transaction, route=ROUTE, key="k")
        assert await try_lock_key(transaction, route=ROUTE, key="k")
        assert not await may_have("k")
        assert await may_have("other")
        assert await may_have("k", route="GET /")
        assert await may_have("k", organization=other)
    assert await may_have("k")


async def test_of_ten_at_once_one_holds_the_key(addresses: Addresses, business: Business) -> None:
    database = Database(addresses.application, pool_size=10)
    asked = asyncio.Barrier(10)

    async def ask() -> bool:
        async with database.organization(business.organization_id) as transaction:
            is_held = await try_lock_key(transaction, route=ROUTE, key="k")
            await asked.wait()
            return is_held

    assert sorted(await asyncio.gather(*(ask() for _ in range(10)))) == [False] * 9 + [True]
    await database.close()


async def test_an_answer_is_kept_for_its_organization_route_and_key(
    addresses: Addresses, database: Database, business: Business
) -> None:
    other = add_business(addresses, address="+14155550199")
    async with database.organization(business.organization_id) as transaction:
        assert await read_reply(transaction, route=ROUTE, key="k") is None
        await keep_reply(transaction, route=ROUTE, key="k", reply=REPLY)
    async with database.organization(business.organization_id) as transaction:
        assert await read_reply(transaction, route=ROUTE, key="k") == REPLY
        assert await read_reply(transaction, route=ROUTE, key="K") is None
        assert await read_reply(transaction, route="GET /", key="k") is None
    async with database.organization(other.organization_id) as transaction:
        assert await read_reply(transaction, route=ROUTE, key="k") is None
        await keep_reply(transaction, route=ROUTE, key="k", reply=REPLY)


async def test_an_answer_is_not_given_twice(database: Database, business: Business) -> None:
    """Even without the lock."""
    async with database.organization(business.organization_id) as transaction:
        await keep_reply(transaction, route=ROUTE, key="k", reply=REPLY)
    with pytest.raises(sa.exc.IntegrityError):
        async with database.organization(business.organization_id) as transaction:
            await keep_reply(transaction, route=ROUTE, key="k", reply=REPLY)
