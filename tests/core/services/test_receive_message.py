"""A client has written: contact, conversation, message, each made once."""

import asyncio
from typing import Any

import attrs
import pytest

from clientflow_core.domain.messages import Direction, MessageReceived, MessageStatus
from clientflow_core.services.receive_message import receive_message
from tests.conftest import add_business
from tests.core.services.conftest import Stage
from tests.texts import CLIENT, NUMBER, OTHER_NUMBER, new_sid


def received(**more: Any) -> MessageReceived:
    """Give a text that came in; each is a new one."""
    usual = MessageReceived(
        provider_message_id=new_sid(), sender=CLIENT, recipient=NUMBER, body="Hello?"
    )
    return attrs.evolve(usual, **more)


async def receive(stage: Stage, message: MessageReceived) -> None:
    """Take a text in."""
    async with stage.database.organization(stage.business.organization_id) as transaction:
        await receive_message(
            transaction,
            message,
            channel_id=stage.business.channel_id,
            received_at=stage.clock.now(),
        )


async def test_message_is_as_it_came(stage: Stage) -> None:
    urls = ("https://api.example/1", "https://api.example/2")
    message = received(body="", media_urls=urls)
    await receive(stage, message)
    [(message_id,)] = stage.rows("SELECT id FROM messages")
    kept = await stage.message(message_id)
    assert (kept.direction, kept.status) == (Direction.IN, MessageStatus.RECEIVED)
    assert (kept.body, kept.media_urls) == ("", urls)
    assert kept.provider_message_id == message.provider_message_id
    assert kept.created_at == stage.clock.now()


@pytest.mark.parametrize("sender", ["12345", "CLIENTFLOW"])
async def test_sender_need_not_be_a_telephone(stage: Stage, sender: str) -> None:
    await receive(stage, received(sender=sender))
    assert stage.rows("SELECT value FROM contact_points") == [(sender,)]


async def test_same_message_many_times_at_once_is_kept_and_told_once(stage: Stage) -> None:
    message = received()
    await asyncio.gather(*(receive(stage, message) for _ in range(5)))
    for table in ("contacts", "contact_points", "conversations", "messages", "stream_events"):
        assert stage.count(table) == 1, table


async def test_contact_who_was_added_before_keeps_the_name(stage: Stage) -> None:
    await receive(stage, received())
    stage.rows("UPDATE contacts SET name = 'Zoë'")
    await receive(stage, received())
    assert stage.rows("SELECT name FROM contacts") == [("Zoë",)]


async def test_client_of_two_organizations_is_a_contact_of_each(stage: Stage) -> None:
    theirs = add_business(stage.addresses, address=OTHER_NUMBER)
    message = received()
    await receive(stage, message)
    async with stage.database.organization(theirs.organization_id) as transaction:
        await receive_message(
            transaction, message, channel_id=theirs.channel_id, received_at=stage.clock.now()
        )
    assert (stage.count("contacts"), stage.count("messages")) == (2, 2)
