"""Way out, first half: the message and its job, together or not at all."""

import asyncio
import uuid

import pytest

from clientflow_core.domain.messages import Direction, MessageStatus
from clientflow_core.errors import NotFound
from clientflow_core.services.send_message import send_message
from tests.conftest import add_business
from tests.core.services.conftest import Stage
from tests.texts import OTHER_NUMBER


async def test_message_is_queued_with_its_job(stage: Stage) -> None:
    conversation_id = await stage.text_in()
    organization_id = stage.business.organization_id
    async with stage.database.organization(organization_id) as transaction:
        message = await send_message(transaction, conversation_id, body="Yes.")
        assert transaction.lanes_to_wake == {"outbound"}
    assert (message.direction, message.status) == (Direction.OUT, MessageStatus.QUEUED)
    assert message.channel_id == stage.business.channel_id
    assert await stage.message(message.id) == message
    assert stage.rows("SELECT lane, kind, args, organization_id FROM jobs") == [
        ("outbound", "deliver_message", {"message_id": str(message.id)}, organization_id)
    ]


async def test_message_puts_its_conversation_on_top(stage: Stage) -> None:
    older, newer = await stage.text_in(client="+14155550120"), await stage.text_in()
    async with stage.database.organization(stage.business.organization_id) as transaction:
        await send_message(transaction, older, body="Yes.")
    rows = stage.rows("SELECT id FROM conversations ORDER BY last_message_at DESC")
    assert [found for (found,) in rows] == [older, newer]


async def test_message_that_is_not_committed_was_never_asked_for(stage: Stage) -> None:
    conversation_id = await stage.text_in()
    with pytest.raises(ZeroDivisionError):
        await send_and_fail(stage, conversation_id)
    assert stage.count("jobs") == 0
    assert stage.rows("SELECT count(*) FROM messages WHERE direction = 'out'") == [(0,)]
    assert stage.rows("SELECT count(*) FROM stream_events WHERE kind = 'message.queued'") == [(0,)]


async def send_and_fail(stage: Stage, conversation_id: uuid.UUID) -> None:
    """Send, and fail before the transaction ends."""
    async with stage.database.organization(stage.business.organization_id) as transaction:
        await send_message(transaction, conversation_id, body="Yes.")
        raise ZeroDivisionError


async def test_conversation_of_another_organization_is_not_there(stage: Stage) -> None:
    conversation_id = await stage.text_in()
    theirs = add_business(stage.addresses, address=OTHER_NUMBER)
    async with stage.database.organization(theirs.organization_id) as transaction:
        for one in (conversation_id, uuid.uuid4()):
            with pytest.raises(NotFound, match=f"cnv_{one.hex}"):
                await send_message(transaction, one, body="Yes.")
    assert stage.count("jobs") == 0


async def test_who_is_cut_off_has_asked_for_all_of_it_or_for_nothing(stage: Stage) -> None:
    conversation_id = await stage.text_in()

    async def send() -> None:
        async with stage.database.organization(stage.business.organization_id) as transaction:
            await send_message(transaction, conversation_id, body="Yes.")

    loop = asyncio.get_running_loop()
    began = loop.time()
    await send()
    whole = loop.time() - began
    for twentieth in range(0, 24, 2):
        sending = asyncio.create_task(send())
        await asyncio.sleep(whole * twentieth / 20)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        [(messages, jobs, told)] = stage.rows(
            "SELECT (SELECT count(*) FROM messages WHERE direction = 'out'),"
            " (SELECT count(*) FROM jobs), (SELECT count(*) FROM stream_events"
            " WHERE kind = 'message.queued')"
        )
        assert messages == jobs == told, f"cut off after {twentieth} twentieths"
