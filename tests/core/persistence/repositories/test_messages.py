"""Messages: each of a provider's once; and the attempts to hand them over."""

import asyncio
import datetime as dt
import uuid
from typing import Any

import attrs
import pytest

from clientflow_core.domain.contacts import ContactPointKind
from clientflow_core.domain.messages import (
    AttemptState,
    Delivery,
    Direction,
    MessageAttempt,
    MessageStatus,
)
from clientflow_core.domain.routing import Channel, Medium
from clientflow_core.errors import NotFound
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.contacts import find_or_add_contact_point
from clientflow_core.persistence.repositories.conversations import find_or_add_conversation
from clientflow_core.persistence.repositories.messages import (
    add_attempt,
    add_message,
    count_lookup,
    end_attempt,
    find_message_id,
    find_taken,
    list_attempts,
    list_messages,
    read_delivery,
    read_message,
    update_message,
)
from tests.conftest import Business, add_business
from tests.core.persistence.conftest import wait_for_locks
from tests.databases import Addresses

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
CLIENT = "+15550100123"


@attrs.frozen
class Thread:
    """A conversation of a business with a client."""

    database: Database
    business: Business
    conversation_id: uuid.UUID

    async def add(self, provider_message_id: str | None = None, **changes: Any) -> uuid.UUID:
        """Add a message of ours, and see that it is new."""
        async with self.database.organization(self.business.organization_id) as transaction:
            message_id, is_new = await self.add_in(transaction, provider_message_id, **changes)
        assert is_new
        return message_id

    async def add_in(
        self, transaction: Transaction, provider_message_id: str | None = None, **changes: Any
    ) -> tuple[uuid.UUID, bool]:
        """Add a message of ours, unless the channel has it."""
        values: dict[str, Any] = {
            "message_id": new_id(),
            "conversation_id": self.conversation_id,
            "channel_id": self.business.channel_id,
            "direction": Direction.OUT,
            "body": "Hello",
            "status": MessageStatus.QUEUED,
            "provider_message_id": provider_message_id,
            **changes,
        }
        return values["message_id"], await add_message(transaction, **values)

    async def add_attempt(self, message_id: uuid.UUID, number: int = 1) -> uuid.UUID:
        """Add an attempt to send a message."""
        attempt_id = new_id()
        async with self.database.organization(self.business.organization_id) as transaction:
            await add_attempt(
                transaction,
                MessageAttempt(
                    id=attempt_id,
                    message_id=message_id,
                    channel_id=self.business.channel_id,
                    number=number,
                    state=AttemptState.SENDING,
                    provider_message_id=None,
                    lookups=0,
                    started_at=NOW,
                ),
            )
        return attempt_id


async def open_thread(database: Database, business: Business) -> Thread:
    async with database.organization(business.organization_id) as transaction:
        point, _ = await find_or_add_contact_point(
            transaction, kind=ContactPointKind.PHONE, value=CLIENT
        )
        found = await find_or_add_conversation(
            transaction, channel_id=business.channel_id, point=point
        )
    return Thread(database, business, found)


@pytest.fixture
async def thread(database: Database, business: Business) -> Thread:
    return await open_thread(database, business)


@pytest.fixture
async def other(addresses: Addresses, database: Database) -> Thread:
    """A conversation of another organization."""
    return await open_thread(database, add_business(addresses, address="+14155550199"))


async def test_a_message_comes_out_as_it_went_in(thread: Thread) -> None:
    message_id = await thread.add(
        "SM1",
        direction=Direction.IN,
        body="Grüße 👋",
        status=MessageStatus.RECEIVED,
        media_urls=["https://example.com/1", "https://example.com/2"],
        created_at=NOW,
    )
    async with thread.database.organization(thread.business.organization_id) as transaction:
        message = await read_message(transaction, message_id)
    assert message.direction is Direction.IN
    assert message.status is MessageStatus.RECEIVED
    assert (message.body, message.provider_message_id) == ("Grüße 👋", "SM1")
    assert message.media_urls == ("https://example.com/1", "https://example.com/2")
    assert message.created_at == NOW
    assert (message.error_code, message.error_detail) == (None, None)


async def test_the_same_message_of_a_provider_is_added_once(thread: Thread) -> None:
    first = await thread.add("SM1", body="first")
    async with thread.database.organization(thread.business.organization_id) as transaction:
        assert (await thread.add_in(transaction, "SM1", body="again"))[1] is False
        messages = await list_messages(transaction, thread.conversation_id, after=None, most=10)
    assert [(message.id, message.body) for message in messages] == [(first, "first")]


async def test_messages_that_the_provider_has_not_named_are_all_different(thread: Thread) -> None:
    assert await thread.add(None) != await thread.add(None)


async def test_two_channels_may_have_messages_of_the_same_name(
    thread: Thread, other: Thread
) -> None:
    await thread.add("SM1")
    await other.add("SM1")


async def test_the_same_message_ten_times_at_once_is_added_once(
    addresses: Addresses, thread: Thread
) -> None:
    database = Database(addresses.application, pool_size=10)

    async def add() -> bool:
        async with database.organization(thread.business.organization_id) as transaction:
            return (await thread.add_in(transaction, "SM1"))[1]

    assert sorted(await asyncio.gather(*(add() for _ in range(10)))) == [False] * 9 + [True]
    await database.close()


async def test_the_pages_have_every_message_once_the_newest_first(thread: Thread) -> None:
    ids = [
        await thread.add(message_id=new_id(at=NOW + dt.timedelta(seconds=second)))
        for second in (3, 1, 4, 1, 5)
    ]
    async with thread.database.organization(thread.business.organization_id) as transaction:
        for most in (1, 2, 5, 6):
            listed: list[uuid.UUID] = []
            while page := await list_messages(
                transaction,
                thread.conversation_id,
                after=listed[-1] if listed else None,
                most=most,
            ):
                listed += [message.id for message in page]
            assert listed == sorted(ids, reverse=True)


async def test_a_message_of_another_organization_is_not_found(
    thread: Thread, other: Thread
) -> None:
    theirs = await other.add()
    async with thread.database.organization(thread.business.organization_id) as transaction:
        for message_id in (theirs, new_id()):
            with pytest.raises(NotFound, match=f"no message msg_{message_id.hex}"):
                await read_message(transaction, message_id)
            with pytest.raises(NotFound):
                await read_delivery(transaction, message_id)
            with pytest.raises(NotFound):
                await list_messages(transaction, thread.conversation_id, after=message_id, most=1)
        assert not await list_messages(transaction, other.conversation_id, after=None, most=1)


async def test_a_page_does_not_begin_behind_a_message_of_another_conversation(
    addresses: Addresses, thread: Thread
) -> None:
    message_id = await thread.add()
    async with thread.database.organization(thread.business.organization_id) as transaction:
        point, _ = await find_or_add_contact_point(
            transaction, kind=ContactPointKind.PHONE, value="+15550100199"
        )
        elsewhere = await find_or_add_conversation(
            transaction, channel_id=thread.business.channel_id, point=point
        )
        with pytest.raises(NotFound, match="of another conversation"):
            await list_messages(transaction, elsewhere, after=message_id, most=1)


async def test_a_locked_message_waits_for_whoever_holds_it(
    addresses: Addresses, thread: Thread
) -> None:
    message_id = await thread.add()
    organization_id = thread.business.organization_id

    async def read_status() -> MessageStatus:
        async with thread.database.organization(organization_id) as transaction:
            return (await read_message(transaction, message_id, is_locked=True)).status

    async with thread.database.organization(organization_id) as transaction:
        await read_message(transaction, message_id, is_locked=True)
        waiting = asyncio.create_task(read_status())
        await asyncio.to_thread(wait_for_locks, addresses, 1)
        await update_message(transaction, message_id, status=MessageStatus.SENT.value)
    assert await waiting is MessageStatus.SENT


async def test_what_is_updated_is_seen_with_its_time(thread: Thread) -> None:
    message_id = await thread.add(created_at=NOW)
    async with thread.database.organization(thread.business.organization_id) as transaction:
        await update_message(
            transaction,
            message_id,
            status=MessageStatus.FAILED.value,
            error_code="30003",
            error_detail="unreachable",
        )
        message = await read_message(transaction, message_id)
    assert message.status is MessageStatus.FAILED
    assert (message.error_code, message.error_detail) == ("30003", "unreachable")
    assert message.updated_at > message.created_at


async def test_a_delivery_says_all_that_sending_takes(thread: Thread) -> None:
    message_id = await thread.add()
    async with thread.database.organization(thread.business.organization_id) as transaction:
        assert await read_delivery(transaction, message_id) == Delivery(
            message=await read_message(transaction, message_id),
            channel=Channel(
                id=thread.business.channel_id,
                provider="twilio",
                address=thread.business.address,
                medium=Medium.TEXT,
                name="Texts",
            ),
            recipient=CLIENT,
        )


async def test_attempts_are_listed_as_they_were_made(thread: Thread) -> None:
    message_id = await thread.add()
    made = [await thread.add_attempt(message_id, number) for number in (2, 1)]
    async with thread.database.organization(thread.business.organization_id) as transaction:
        await count_lookup(transaction, made[0])
        await count_lookup(transaction, made[0])
        first, second = await list_attempts(transaction, message_id)
    assert (first.id, first.number, first.lookups) == (made[1], 1, 0)
    assert (second.id, second.number, second.lookups) == (made[0], 2, 2)
    assert first.state is AttemptState.SENDING
    assert first.started_at == NOW
    assert first.message_id == message_id


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([AttemptState.ACCEPTED], AttemptState.ACCEPTED),
        ([AttemptState.ACCEPTED, AttemptState.REFUSED], AttemptState.ACCEPTED),
        ([AttemptState.REFUSED, AttemptState.ACCEPTED], AttemptState.REFUSED),
        # A report may still say what became of it.
        ([AttemptState.UNKNOWN, AttemptState.ACCEPTED], AttemptState.ACCEPTED),
    ],
)
async def test_an_attempt_ends_once(
    thread: Thread, ends: list[AttemptState], expected: AttemptState
) -> None:
    message_id = await thread.add()
    attempt_id = await thread.add_attempt(message_id)
    async with thread.database.organization(thread.business.organization_id) as transaction:
        for state in ends:
            await end_attempt(
                transaction, attempt_id, state=state, provider_message_id=f"SM-{state}"
            )
        (attempt,) = await list_attempts(transaction, message_id)
    assert attempt.state is expected
    assert attempt.provider_message_id == f"SM-{expected}"


async def test_a_report_finds_its_message_by_attempt_or_by_the_providers_name(
    thread: Thread, other: Thread
) -> None:
    named, unnamed = await thread.add("SM1"), await thread.add(None)
    await thread.add("SM2", direction=Direction.IN)
    attempt_id, theirs = (
        await thread.add_attempt(unnamed),
        await other.add_attempt(await other.add("SM3")),
    )
    cases = {
        ("SM1", None): named,
        ("SM1", attempt_id): unnamed,
        ("SM9", attempt_id): unnamed,
        ("SM1", new_id()): named,
        ("SM1", theirs): named,
        ("SM2", None): None,
        ("SM3", theirs): None,
    }
    async with thread.database.organization(thread.business.organization_id) as transaction:
        for (provider_message_id, attempt), expected in cases.items():
            found = await find_message_id(
                transaction,
                channel_id=thread.business.channel_id,
                provider_message_id=provider_message_id,
                attempt_id=attempt,
            )
            assert found == expected


async def test_what_the_provider_has_of_ours_is_told_from_what_it_has_besides(
    thread: Thread, other: Thread
) -> None:
    attempt_id = await thread.add_attempt(await thread.add())
    theirs = await other.add_attempt(await other.add())
    async with other.database.organization(other.business.organization_id) as transaction:
        await end_attempt(
            transaction, theirs, state=AttemptState.ACCEPTED, provider_message_id="SM2"
        )
    async with thread.database.organization(thread.business.organization_id) as transaction:
        await end_attempt(
            transaction, attempt_id, state=AttemptState.ACCEPTED, provider_message_id="SM1"
        )
        assert await find_taken(transaction, ["SM1", "SM2", "SM3"]) == {"SM1"}
        assert await find_taken(transaction, []) == frozenset()
