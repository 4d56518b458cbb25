"""Conversations: one for each channel and address, in the order of what was last said."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from clientflow_core.domain.contacts import ContactPointKind
from clientflow_core.domain.jobs import Job
from clientflow_core.domain.messages import Direction, MessageReceived, MessageStatus
from clientflow_core.errors import NotFound
from clientflow_core.ids import new_id
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import DatabaseJob
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.contacts import find_or_add_contact_point
from clientflow_core.persistence.repositories.conversations import (
    find_or_add_conversation,
    list_conversations,
    read_conversation,
    touch_conversation,
)
from clientflow_core.persistence.repositories.jobs import claim_jobs, enqueue
from clientflow_core.persistence.repositories.messages import add_message
from clientflow_core.services.receive_message import receive_message
from tests.conftest import Business, add_business
from tests.databases import Addresses

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


async def add_conversation(
    transaction: Transaction, business: Business, value: str = "+15550100123"
) -> uuid.UUID:
    point, _ = await find_or_add_contact_point(
        transaction, kind=ContactPointKind.PHONE, value=value, name="Ann"
    )
    return await find_or_add_conversation(transaction, channel_id=business.channel_id, point=point)


async def add_conversations(database: Database, business: Business, count: int) -> list[uuid.UUID]:
    async with database.organization(business.organization_id) as transaction:
        return [
            await add_conversation(transaction, business, f"+1555010{number:04}")
            for number in range(count)
        ]


async def test_a_conversation_shows_who_with_and_what_was_said_last(
    database: Database, business: Business
) -> None:
    async with database.organization(business.organization_id) as transaction:
        conversation_id = await add_conversation(transaction, business)
        new = await read_conversation(transaction, conversation_id)
        assert (new.contact_name, new.address, new.last_body) == ("Ann", "+15550100123", None)
        assert new.channel_id == business.channel_id
        assert new.last_message_at == new.created_at
        for number, body in enumerate(["first", "last"]):
            await add_message(
                transaction,
                message_id=new_id(at=NOW + dt.timedelta(seconds=number)),
                conversation_id=conversation_id,
                channel_id=business.channel_id,
                direction=Direction.IN,
                body=body,
                status=MessageStatus.RECEIVED,
            )
        assert (await read_conversation(transaction, conversation_id)).last_body == "last"


async def test_a_conversation_is_made_once_however_many_ask_for_it_at_once(
    addresses: Addresses, business: Business
) -> None:
    database = Database(addresses.application, pool_size=20)

    async def ask() -> uuid.UUID:
        async with database.organization(business.organization_id) as transaction:
            return await add_conversation(transaction, business)

    assert len(set(await asyncio.gather(*(ask() for _ in range(20))))) == 1
    async with database.organization(business.organization_id) as transaction:
        assert len(await list_conversations(transaction, after=None, most=10)) == 1
    await database.close()


async def test_asking_for_a_conversation_does_not_move_it(
    database: Database, business: Business
) -> None:
    first, second = await add_conversations(database, business, 2)
    async with database.organization(business.organization_id) as transaction:
        await touch_conversation(transaction, first)
        await touch_conversation(transaction, second)
    assert await add_conversations(database, business, 1) == [first]
    async with database.organization(business.organization_id) as transaction:
        listed = await list_conversations(transaction, after=None, most=10)
    assert [conversation.id for conversation in listed] == [second, first]


async def test_a_conversation_that_is_not_there_or_not_ours_is_not_found(
    addresses: Addresses, database: Database, business: Business
) -> None:
    other = add_business(addresses, address="+14155550199")
    (theirs,) = await add_conversations(database, other, 1)
    async with database.organization(business.organization_id) as transaction:
        for conversation_id in (new_id(), theirs):
            with pytest.raises(NotFound, match=f"no conversation cnv_{conversation_id.hex}"):
                await read_conversation(transaction, conversation_id)
            with pytest.raises(NotFound, match=f"no conversation cnv_{conversation_id.hex}"):
                await list_conversations(transaction, after=conversation_id, most=10)


async def list_in_pages(transaction: Transaction, most: int) -> list[uuid.UUID]:
    listed: list[uuid.UUID] = []
    while page := await list_conversations(
        transaction, after=listed[-1] if listed else None, most=most
    ):
        assert len(page) <= most
        listed += [conversation.id for conversation in page]
    return listed


# In which second each of nine conversations was last spoken in.
TIES: list[Sequence[int]] = [
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
    [8, 7, 6, 5, 4, 3, 2, 1, 0],
    [1, 0, 1, 0, 1, 0, 1, 0, 1],
    [3, 3, 3, 1, 1, 2, 2, 2, 2],
]


@pytest.mark.parametrize("seconds", TIES)
async def test_the_pages_have_every_conversation_once_in_one_order(
    addresses: Addresses, database: Database, business: Business, seconds: list[int]
) -> None:
    ids = await add_conversations(database, business, len(seconds))
    with addresses.connect() as connection:
        for conversation_id, second in zip(ids, seconds, strict=True):
            connection.execute(
                "UPDATE conversations SET last_message_at = %s WHERE id = %s",
                [NOW + dt.timedelta(seconds=second), conversation_id],
            )
    ordered = [entry for _, entry in sorted(zip(seconds, ids, strict=True), reverse=True)]
    async with database.organization(business.organization_id) as transaction:
        for most in (1, 2, 4, 9, 20):
            assert await list_in_pages(transaction, most) == ordered, most


async def test_what_is_said_later_is_listed_first_within_one_transaction_too(
    database: Database, business: Business
) -> None:
    """A batch of jobs shares a transaction, and with it the time of its beginning."""
    ids = await add_conversations(database, business, 3)
    said = [ids[1], ids[2], ids[0]]
    async with database.organization(business.organization_id) as transaction:
        for conversation_id in said:
            await touch_conversation(transaction, conversation_id)
        listed = await list_conversations(transaction, after=None, most=10)
    assert [conversation.id for conversation in listed] == said[::-1]


async def test_a_transaction_that_began_earlier_and_came_later_does_not_put_it_back(
    database: Database, business: Business
) -> None:
    first, second = await add_conversations(database, business, 2)
    organization_id = business.organization_id
    async with database.organization(organization_id) as slow:
        await slow.execute(sa.text("SELECT 1"))
        async with database.organization(organization_id) as quick:
            await touch_conversation(quick, first)
            await touch_conversation(quick, second)
        await touch_conversation(slow, first)
    async with database.organization(organization_id) as transaction:
        listed = await list_conversations(transaction, after=None, most=10)
    assert [conversation.id for conversation in listed] == [first, second]


async def test_a_clock_that_goes_back_does_not_put_a_conversation_back(
    addresses: Addresses, database: Database, business: Business
) -> None:
    (only,) = await add_conversations(database, business, 1)
    with addresses.connect() as connection:
        connection.execute("UPDATE conversations SET last_message_at = now() + interval '1 hour'")
    async with database.organization(business.organization_id) as transaction:
        before = await read_conversation(transaction, only)
        await touch_conversation(transaction, only)
        assert (
            await read_conversation(transaction, only)
        ).last_message_at == before.last_message_at


async def test_two_batches_that_meet_in_opposite_order_both_end_right(
    addresses: Addresses, database: Database, business: Business
) -> None:
    """PostgreSQL ends one of them after a second; its jobs then run one by one."""
    await add_conversations(database, business, 2)
    met = asyncio.Barrier(2)
    begun: list[int] = []

    async def receive(transaction: Transaction, job: Job) -> None:
        number, client = job.args["number"], job.args["client"]
        received = MessageReceived(
            provider_message_id=f"SM{number}",
            sender=f"+1555010{client:04}",
            recipient=business.address,
            body=str(number),
        )
        channel_id = business.channel_id
        await receive_message(transaction, received, channel_id=channel_id, received_at=NOW)
        begun.append(number)
        if len(begun) <= 2:
            # Each holds its first conversation when it goes for its second.
            await met.wait()

    async with database.organization(business.organization_id) as transaction:
        for number, client in enumerate([0, 1, 1, 0]):
            args = {"number": number, "client": client}
            await enqueue(transaction, lane="tests", kind="receive", args=args)
    async with database.system() as transaction:
        batches = [
            await claim_jobs(transaction, lane="tests", worker=worker, most=2) for worker in (1, 2)
        ]
    execution = Execution(database, {"receive": DatabaseJob(handle=receive)})
    await asyncio.gather(*map(execution.run, batches))
    with addresses.connect() as connection:
        assert connection.execute("SELECT body FROM messages ORDER BY body").fetchall() == [
            ("0",),
            ("1",),
            ("2",),
            ("3",),
        ]
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    # The three that went through at first, and again the two of the batch that was undone.
    assert len(begun) == 5
