"""Who says STOP gets nothing more, whichever way it would have gone out."""

import uuid
from typing import Any

import pytest

from clientflow_core.domain.consent import ConsentReported, ConsentSource, Wish
from clientflow_core.domain.jobs import INBOUND, OUTBOUND
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.domain.roles import Principal, Role
from clientflow_core.domain.routing import Medium
from clientflow_core.errors import Conflict, NotAllowed, NotFound, OptedOut
from clientflow_core.services.receive_consent import receive_consent
from clientflow_core.services.require_consent import require_consent
from clientflow_core.services.send_message import send_message
from clientflow_core.services.set_consent import set_consent
from clientflow_plugins.twilio.sandbox import BLOCKED_NUMBER
from tests.conftest import add_business
from tests.core.services.conftest import Stage, Twilio
from tests.texts import CLIENT, NUMBER, OTHER_NUMBER, text

STRANGER = "+14155550199"


def kept(stage: Stage) -> list[tuple[Any, ...]]:
    """Give what is kept of what was said, the first first."""
    return stage.rows("SELECT wish, source, evidence FROM consents ORDER BY number")


async def send(stage: Stage, conversation_id: uuid.UUID) -> uuid.UUID:
    async with stage.database.organization(stage.business.organization_id) as transaction:
        return (await send_message(transaction, conversation_id, body="Yes.")).id


async def say(stage: Stage, *, is_opted_out: bool, role: Role = Role.ADMIN, **more: Any) -> None:
    """Let one of ours say it about the only contact."""
    [(contact_id,)] = stage.rows("SELECT id FROM contacts LIMIT 1")
    who = more.pop("who", {"user_id": uuid.UUID(int=7)})
    principal = Principal(organization_id=stage.business.organization_id, role=role, **who)
    async with stage.database.organization(principal.organization_id) as transaction:
        await set_consent(
            transaction,
            more.pop("contact_id", contact_id),
            medium=more.pop("medium", Medium.TEXT),
            is_opted_out=is_opted_out,
            reason="asked for it",
            principal=principal,
            now=stage.clock.now(),
        )


async def report(stage: Stage, **values: Any) -> bool:
    """Let a provider tell of a wish by our number."""
    given = {"wish": Wish.OPT_OUT, "source": ConsentSource.PROVIDER, "evidence": "a code"}
    reported = ConsentReported(sender=NUMBER, **(given | values))
    async with stage.database.organization(stage.business.organization_id) as transaction:
        return await receive_consent(
            transaction,
            reported,
            channel_id=stage.business.channel_id,
            received_at=stage.clock.now(),
        )


async def test_stop_is_a_message_and_an_opt_out_and_start_undoes_it(stage: Stage) -> None:
    await stage.webhook(text("Hello?"))
    [(conversation_id,)] = stage.rows("SELECT id FROM conversations")
    await stage.webhook(text("Stop "))
    with pytest.raises(OptedOut, match=r"has opted out of texts since 20\d\d-"):
        await send(stage, conversation_id)
    stage.clock.advance(60)
    await stage.webhook(text("START"))
    await send(stage, conversation_id)
    bodies = {body for (body,) in stage.rows("SELECT body FROM messages")}
    assert bodies == {"Hello?", "Stop ", "START", "Yes."}
    assert kept(stage) == [("opt_out", "client", "Stop"), ("opt_in", "client", "START")]
    kinds = stage.rows(
        "SELECT kind FROM stream_events WHERE starts_with(kind, 'consent.') ORDER BY id"
    )
    assert kinds == [("consent.opt_out",), ("consent.opt_in",)]


async def test_help_is_kept_and_changes_nothing(stage: Stage) -> None:
    await stage.webhook(text("STOP"))
    await stage.webhook(text("help"))
    [(conversation_id,)] = stage.rows("SELECT id FROM conversations")
    with pytest.raises(OptedOut):
        await send(stage, conversation_id)
    assert [wish for wish, *_ in kept(stage)] == ["opt_out", "help"]


async def test_yes_is_an_answer_and_stop_twice_is_one_opt_out(stage: Stage) -> None:
    for body in ("Yes", "STOP", "STOP"):
        await stage.webhook(text(body))
    assert kept(stage) == [("opt_out", "client", "STOP")]


async def test_opt_out_counts_for_every_number_of_ours_and_no_other_client(stage: Stage) -> None:
    await stage.webhook(text("STOP"))
    other = await stage.text_in(client=STRANGER)
    await send(stage, other)
    stage.rows(
        "INSERT INTO channels (organization_id, id, provider, address, name)"
        " VALUES (%s, gen_random_uuid(), 'twilio', %s, 'Second')",
        *(stage.business.organization_id, OTHER_NUMBER),
    )
    await stage.webhook(text("Hello?", To=OTHER_NUMBER))
    [(by_second,)] = stage.rows(
        "SELECT v.id FROM conversations v JOIN channels c ON c.id = v.channel_id"
        " WHERE c.address = %s",
        OTHER_NUMBER,
    )
    with pytest.raises(OptedOut):
        await send(stage, by_second)


async def test_opt_out_is_of_one_organization(stage: Stage) -> None:
    await stage.webhook(text("STOP"))
    theirs = add_business(stage.addresses, address=OTHER_NUMBER)
    await stage.webhook(text("Hello?", To=OTHER_NUMBER))
    async with stage.database.organization(theirs.organization_id) as transaction:
        [(conversation_id,)] = stage.rows(
            "SELECT id FROM conversations WHERE organization_id = %s", theirs.organization_id
        )
        await require_consent(transaction, conversation_id, medium=Medium.TEXT)
        await send_message(transaction, conversation_id, body="Yes.")


async def test_queued_message_of_who_opts_out_meanwhile_is_never_sent(
    stage: Stage, twilio: Twilio
) -> None:
    message_id = await stage.answer()
    await stage.webhook(text("STOP"))
    await stage.do_jobs(OUTBOUND)
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.FAILED, "opted_out")
    assert "has opted out of texts" in str(message.error_detail)
    assert (stage.attempts(message_id), twilio.texts(), stage.count("jobs")) == ([], [], 0)


async def test_refusal_of_the_provider_is_an_opt_out(stage: Stage, twilio: Twilio) -> None:
    message_id = await stage.answer(client=BLOCKED_NUMBER)
    await stage.do_jobs(OUTBOUND)
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.FAILED, "21610")
    assert kept(stage) == [("opt_out", "provider", "21610")]
    with pytest.raises(OptedOut, match="as the provider says"):
        await send(stage, message.conversation_id)


async def test_start_that_comes_while_the_provider_refuses_is_newer(
    stage: Stage, twilio: Twilio
) -> None:
    message_id = await stage.answer(client=BLOCKED_NUMBER)
    await stage.webhook(text("STOP", From=BLOCKED_NUMBER))
    stage.rows("DELETE FROM consents")
    stage.clock.advance(-60)
    await stage.do_jobs(OUTBOUND)
    assert kept(stage) == [("opt_out", "provider", "21610")]
    stage.clock.advance(60)
    await stage.webhook(text("START", From=BLOCKED_NUMBER))
    await send(stage, (await stage.message(message_id)).conversation_id)


async def test_client_whom_nobody_knows_is_left_alone_from_the_beginning(stage: Stage) -> None:
    assert await report(stage, client=STRANGER)
    assert stage.rows("SELECT kind, value FROM contact_points") == [("phone", STRANGER)]
    conversation_id = await stage.text_in(client=STRANGER)
    with pytest.raises(OptedOut):
        await send(stage, conversation_id)


async def test_client_is_found_by_the_message_that_went_there(stage: Stage, twilio: Twilio) -> None:
    message_id = await stage.answer()
    await stage.do_jobs(OUTBOUND)
    message = await stage.message(message_id)
    assert not await report(stage, provider_message_id="another")
    assert await report(stage, attempt_id=stage.attempt_id(message_id))
    assert await report(
        stage, provider_message_id=message.provider_message_id, source=ConsentSource.BOUNCE
    )
    assert [source for _, source, _ in kept(stage)] == ["provider", "bounce"]


async def test_member_opts_out_and_an_admin_back_in(stage: Stage) -> None:
    conversation_id = await stage.text_in()
    await say(stage, is_opted_out=True, role=Role.MEMBER)
    with pytest.raises(OptedOut, match="was opted out of texts by one of us"):
        await send(stage, conversation_id)
    stage.clock.advance(1)
    with pytest.raises(NotAllowed, match="admin"):
        await say(stage, is_opted_out=False, role=Role.MEMBER)
    await say(stage, is_opted_out=False)
    await send(stage, conversation_id)
    by = stage.rows("SELECT wish, said_by, channel_id FROM consents ORDER BY number")
    assert by == [("opt_out", f"usr_{7:032x}", None), ("opt_in", f"usr_{7:032x}", None)]


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ({"user_id": uuid.UUID(int=7)}, f"usr_{7:032x}"),
        ({"api_key_id": uuid.UUID(int=7)}, f"key_{7:032x}"),
        ({}, None),
    ],
)
async def test_who_has_said_so_is_kept_by_name(stage: Stage, who: Any, name: str | None) -> None:
    await stage.text_in()
    await say(stage, is_opted_out=True, who=who)
    assert stage.rows("SELECT said_by FROM consents") == [(name,)]


async def test_who_has_no_such_address_cannot_be_opted_out_of_it(stage: Stage) -> None:
    await stage.text_in()
    with pytest.raises(Conflict, match="no address to which e-mails are sent"):
        await say(stage, is_opted_out=True, medium=Medium.EMAIL)
    with pytest.raises(NotFound):
        await say(stage, is_opted_out=True, contact_id=uuid.uuid4())


async def test_same_webhook_replayed_is_no_second_opt_out(stage: Stage) -> None:
    fields = text("STOP")
    await stage.webhook(fields)
    stage.rows("UPDATE inbound_events SET external_id = 'another'")
    await stage.webhook(fields)
    await stage.do_jobs(INBOUND)
    assert kept(stage) == [("opt_out", "client", "STOP")]
    assert stage.rows("SELECT value FROM contact_points") == [(CLIENT,)]
