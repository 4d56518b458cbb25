"""What a provider reports of our messages, in whatever order, and however often."""

import uuid

import pytest

from clientflow_core.domain.jobs import OUTBOUND
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.errors import OutcomeUnknown
from clientflow_core.providers.spec import AnySpec
from tests.conftest import add_business
from tests.core.services.conftest import Stage, Twilio
from tests.core.services.pigeons import Pigeons, pigeon_spec
from tests.texts import CLIENT, NUMBER, OTHER_NUMBER, new_sid, report

STATUS = "twilio-status"


@pytest.fixture
async def sent(stage: Stage, twilio: Twilio) -> uuid.UUID:
    """A message that Twilio has taken, and of which it reports nothing by itself."""
    await twilio.say_nothing()
    message_id = await stage.answer()
    await stage.do_jobs(OUTBOUND)
    return message_id


async def sid_of(stage: Stage, message_id: uuid.UUID) -> str:
    """Give Twilio's name for a message."""
    return str((await stage.message(message_id)).provider_message_id)


def event(stage: Stage) -> tuple[str, str | None]:
    """Tell what became of the newest event."""
    [(state, reason)] = stage.rows(
        "SELECT state, reason FROM inbound_events ORDER BY id DESC LIMIT 1"
    )
    return state, reason


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["sent", "delivered"], MessageStatus.DELIVERED),
        (["delivered", "sent"], MessageStatus.DELIVERED),
        (["delivered", "queued", "sending", "delivered", "sent"], MessageStatus.DELIVERED),
        (["undelivered", "sent"], MessageStatus.UNDELIVERED),
        (["undelivered", "delivered"], MessageStatus.DELIVERED),
        (["delivered", "undelivered", "failed"], MessageStatus.DELIVERED),
        (["read", "delivered"], MessageStatus.READ),
        (["quite-new-word"], MessageStatus.SENT),
    ],
)
async def test_message_only_moves_forward(
    stage: Stage, sent: uuid.UUID, words: list[str], status: MessageStatus
) -> None:
    sid = await sid_of(stage, sent)
    for word in words:
        await stage.webhook(report(sid, word), name=STATUS)
    assert (await stage.message(sent)).status is status


async def test_same_report_twice_is_told_once(stage: Stage, sent: uuid.UUID) -> None:
    sid = await sid_of(stage, sent)
    for query in ("", "", f"?attempt={stage.attempt_id(sent)}"):
        await stage.webhook(report(sid, "delivered"), name=STATUS, query=query)
    assert stage.count("inbound_events") == 1
    told = stage.rows("SELECT kind FROM stream_events WHERE kind = 'message.delivered'")
    assert len(told) == 1


async def test_failure_says_why(stage: Stage, sent: uuid.UUID) -> None:
    failed = report(await sid_of(stage, sent), "failed", ErrorCode="30008")
    await stage.webhook(failed, name=STATUS)
    message = await stage.message(sent)
    assert (message.error_code, message.error_detail) == ("30008", "the provider reports: failed")


async def test_success_after_a_failure_takes_the_reason_away(stage: Stage, sent: uuid.UUID) -> None:
    sid = await sid_of(stage, sent)
    await stage.webhook(report(sid, "undelivered", ErrorCode="30003"), name=STATUS)
    await stage.webhook(report(sid, "delivered"), name=STATUS)
    message = await stage.message(sent)
    assert (message.status, message.error_code, message.error_detail) == (
        MessageStatus.DELIVERED,
        None,
        None,
    )


async def test_report_proves_that_an_unanswered_call_was_taken(
    stage: Stage, twilio: Twilio
) -> None:
    await twilio.say_nothing()
    message_id = await stage.answer()
    await twilio.fail("cut_after_acceptance")
    await stage.do_jobs(OUTBOUND)
    assert stage.attempts(message_id) == ["sending"]
    (sid,) = twilio.sids()
    query = f"?attempt={stage.attempt_id(message_id)}"
    await stage.webhook(report(sid, "queued"), name=STATUS, query=query)
    message = await stage.message(message_id)
    assert (message.status, message.provider_message_id) == (MessageStatus.SENT, sid)
    assert stage.attempts(message_id) == ["accepted"]
    assert stage.count("usage_events") == 1
    await stage.do_all_jobs()
    assert stage.count("usage_events") == 1
    assert (stage.attempts(message_id), twilio.texts()) == (["accepted"], ["Yes."])


async def test_attempt_tells_whose_a_report_without_a_sender_is(
    stage: Stage, sent: uuid.UUID
) -> None:
    sid = await sid_of(stage, sent)
    query = f"?attempt={stage.attempt_id(sent)}"
    await stage.webhook(report(sid, "delivered", From=""), name=STATUS, query=query)
    assert (await stage.message(sent)).status is MessageStatus.DELIVERED


@pytest.mark.parametrize("query", ["", f"?attempt={uuid.UUID(int=7)}", "?attempt=x"])
async def test_report_without_a_sender_or_a_known_attempt_is_nobodys(
    stage: Stage, sent: uuid.UUID, query: str
) -> None:
    sid = await sid_of(stage, sent)
    await stage.webhook(report(sid, "delivered", From=""), name=STATUS, query=query)
    assert event(stage) == ("ignored", "it names no address of ours, and no attempt that we know")
    assert (await stage.message(sent)).status is MessageStatus.SENT


async def test_unknown_attempt_does_not_hide_a_known_message(stage: Stage, sent: uuid.UUID) -> None:
    sid = await sid_of(stage, sent)
    await stage.webhook(report(sid, "delivered"), name=STATUS, query=f"?attempt={uuid.uuid4()}")
    assert (await stage.message(sent)).status is MessageStatus.DELIVERED


async def test_report_of_an_unknown_message_is_ignored(stage: Stage) -> None:
    sid = new_sid()
    await stage.webhook(report(sid, "delivered"), name=STATUS)
    assert event(stage) == ("ignored", f"no message of ours is {sid}")


async def test_report_about_a_text_to_us_changes_nothing(stage: Stage) -> None:
    await stage.text_in()
    [(sid,)] = stage.rows("SELECT provider_message_id FROM messages")
    await stage.webhook(report(sid, "delivered"), name=STATUS)
    assert event(stage) == ("ignored", f"no message of ours is {sid}")
    assert stage.rows("SELECT status FROM messages") == [("received",)]


async def test_report_by_the_number_of_another_organization_does_not_reach_ours(
    stage: Stage, sent: uuid.UUID
) -> None:
    add_business(stage.addresses, address=OTHER_NUMBER)
    sid = await sid_of(stage, sent)
    query = f"?attempt={stage.attempt_id(sent)}"
    await stage.webhook(report(sid, "read", From=OTHER_NUMBER), name=STATUS, query=query)
    assert event(stage) == ("ignored", f"no message of ours is {sid}")
    assert (await stage.message(sent)).status is MessageStatus.SENT


async def test_state_that_only_a_text_to_us_has_means_nothing(stage: Stage) -> None:
    await stage.webhook(report(new_sid(), "received"), name=STATUS)
    assert event(stage) == ("ignored", "it means nothing to us")


@pytest.mark.parametrize("specs", [[pigeon_spec(Pigeons(OutcomeUnknown("it flew away")))]])
async def test_late_report_resolves_what_nobody_knew(
    stage: Stage, twilio: Twilio, specs: list[AnySpec]
) -> None:
    message_id = await stage.answer()
    await stage.do_jobs()
    await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.UNKNOWN
    async with stage.enabling_twilio(twilio):
        query = f"?attempt={stage.attempt_id(message_id)}"
        late = report("SM" + "7" * 32, "delivered", From=NUMBER, To=CLIENT)
        await stage.webhook(late, name=STATUS, query=query)
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.DELIVERED, None)
    assert message.provider_message_id == "SM" + "7" * 32
    assert stage.attempts(message_id) == ["accepted"]
