"""What people decide about jobs that were given up, and about messages nobody knows enough of."""

import asyncio
import uuid

import pytest
from psycopg.types.json import Jsonb

from clientflow_core import failpoints
from clientflow_core.domain.dead_jobs import DeadJobFilter, Diagnosis, JobRecord, JobState, Remedy
from clientflow_core.domain.inbound_events import InboundEventState
from clientflow_core.domain.jobs import INBOUND, OUTBOUND
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.errors import Conflict
from clientflow_core.persistence.repositories.dead_jobs import list_dead_jobs
from clientflow_core.persistence.repositories.inbound_events import list_inbound_events
from clientflow_core.persistence.repositories.unknown_messages import list_unknown_messages
from clientflow_core.services.diagnose_job import diagnose_job
from clientflow_core.services.discard_job import discard_job
from clientflow_core.services.retry_job import RetryOutcome, retry_job
from clientflow_core.services.settle_unknown import settle_unknown
from tests.core.services.conftest import Stage, Twilio
from tests.texts import text

LAST_TRY = "UPDATE jobs SET attempts = 13"


async def dead_jobs(stage: Stage, *, is_discarded: bool = False) -> list[JobRecord]:
    async with stage.database.system() as transaction:
        which = DeadJobFilter(is_discarded=is_discarded)
        return list(await list_dead_jobs(transaction, which, most=50))


async def diagnosed(stage: Stage) -> tuple[JobRecord, Diagnosis]:
    [job] = await dead_jobs(stage)
    async with stage.database.system() as transaction:
        return job, await diagnose_job(transaction, job)


async def retry(stage: Stage, job_id: int) -> RetryOutcome:
    async with stage.database.system() as transaction:
        return await retry_job(transaction, job_id)


async def discard(stage: Stage, job_id: int) -> bool:
    async with stage.database.system() as transaction:
        return await discard_job(transaction, job_id, by="Grace", reason="a test of ours")


async def give_up_answer(stage: Stage, failpoint: str) -> uuid.UUID:
    """Let the last try of a message end at *failpoint*; give the message."""
    message_id = await stage.answer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "_active", failpoints._read(f"{failpoint}=raise"))
        stage.rows(LAST_TRY)
        await stage.do_jobs(OUTBOUND)
    return message_id


async def give_up_webhook(stage: Stage) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "_active", failpoints._read("handle_inbound_event.read=raise"))
        await stage.webhook(text("Hello?"))
        stage.rows(LAST_TRY)
        await stage.do_jobs(INBOUND)


async def settle(stage: Stage, message_id: uuid.UUID, *, was_sent: bool) -> MessageStatus:
    async with stage.database.organization(stage.business.organization_id) as transaction:
        settled = await settle_unknown(
            transaction, message_id, was_sent=was_sent, by="Grace", reason="asked the client"
        )
    return settled.status


async def test_webhook_is_handled_again_once_however_many_ask_at_once(stage: Stage) -> None:
    await give_up_webhook(stage)
    job, known = await diagnosed(stage)
    assert known.remedy is Remedy.RETRY
    assert known.about.startswith("the webhook evt_")
    outcomes = await asyncio.gather(*(retry(stage, job.id) for _ in range(5)))
    assert sorted(outcomes) == ["not given up"] * 4 + ["retried"]
    assert stage.count("jobs") == 1
    await stage.do_jobs(INBOUND)
    assert (stage.count("messages"), stage.count("jobs")) == (1, 0)


async def test_message_that_no_provider_took_is_sent_once_by_two_presses(
    stage: Stage, twilio: Twilio
) -> None:
    await twilio.say_nothing()
    message_id = await stage.answer()
    await twilio.fail("429", calls=1)
    stage.rows(LAST_TRY)
    await stage.do_jobs(OUTBOUND)
    assert (await stage.message(message_id)).status is MessageStatus.FAILED
    job, known = await diagnosed(stage)
    assert (known.remedy, known.page is not None) == (Remedy.RETRY, True)
    outcomes = await asyncio.gather(retry(stage, job.id), retry(stage, job.id))
    assert sorted(outcomes) == ["not given up", "retried"]
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.QUEUED, None)
    await stage.do_all_jobs()
    assert twilio.texts() == ["Yes."]


async def test_message_that_may_have_been_sent_is_not_simply_sent_again(
    stage: Stage, twilio: Twilio
) -> None:
    await twilio.say_nothing()
    message_id = await give_up_answer(stage, "deliver_message.called")
    assert (await stage.message(message_id)).status is MessageStatus.UNKNOWN
    job, known = await diagnosed(stage)
    assert known.remedy is Remedy.DECIDE
    with pytest.raises(Conflict, match="may send it twice"):
        await retry(stage, job.id)
    assert (await dead_jobs(stage))[0].state is JobState.GIVEN_UP


@pytest.mark.parametrize(("was_sent", "status", "texts"), [(True, "sent", 1), (False, "queued", 2)])
async def test_person_says_what_became_of_it_and_why_is_kept(
    stage: Stage, twilio: Twilio, was_sent: bool, status: str, texts: int
) -> None:
    await twilio.say_nothing()
    message_id = await give_up_answer(stage, "deliver_message.called")
    async with stage.database.system() as transaction:
        [waiting] = await list_unknown_messages(transaction, most=9)
    assert (waiting.id, waiting.organization_id) == (message_id, stage.business.organization_id)
    settled = [await settle(stage, message_id, was_sent=was_sent) for _ in range(2)]
    assert settled == [MessageStatus(status)] * 2
    [(detail,)] = stage.rows("SELECT detail FROM message_attempts")
    assert detail.endswith("by Grace: asked the client")
    assert await dead_jobs(stage) == []
    await stage.do_all_jobs()
    assert len(twilio.texts()) == texts
    assert stage.count("usage_events") == 1


async def test_two_who_decide_at_once_have_it_sent_again_once(stage: Stage, twilio: Twilio) -> None:
    await twilio.say_nothing()
    message_id = await give_up_answer(stage, "deliver_message.reserved")
    await asyncio.gather(*(settle(stage, message_id, was_sent=False) for _ in range(2)))
    await stage.do_all_jobs()
    assert twilio.texts() == ["Yes."]


async def test_what_was_discarded_is_kept_with_who_and_why_and_is_not_replayed(
    stage: Stage,
) -> None:
    await give_up_webhook(stage)
    [job] = await dead_jobs(stage)
    assert [await discard(stage, job.id) for _ in range(2)] == [True, False]
    assert await dead_jobs(stage) == []
    [kept] = await dead_jobs(stage, is_discarded=True)
    assert (kept.discarded_by, kept.discard_reason) == ("Grace", "a test of ours")
    assert kept.discarded_at is not None
    assert await retry(stage, job.id) is RetryOutcome.NOT_GIVEN_UP
    async with stage.database.system() as transaction:
        failed = await list_inbound_events(transaction, states=[InboundEventState.FAILED], most=9)
    assert failed == []
    [(reason,)] = stage.rows("SELECT reason FROM inbound_events")
    assert reason == "discarded by Grace: a test of ours"


async def test_message_that_waits_can_be_discarded_and_is_not_sent(
    stage: Stage, twilio: Twilio
) -> None:
    message_id = await stage.answer()
    [(job_id,)] = stage.rows("SELECT id FROM jobs")
    assert await discard(stage, job_id)
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.FAILED, "discarded")
    await stage.do_all_jobs()
    assert twilio.texts() == []


async def test_what_a_worker_has_cannot_be_discarded(stage: Stage) -> None:
    await stage.answer()
    [(job_id,)] = stage.rows("UPDATE jobs SET claimed_by = 1 RETURNING id")
    assert not await discard(stage, job_id)


@pytest.mark.parametrize("kind", ["draft_reply", "put_appointment", "deliver_message"])
async def test_what_is_gone_cannot_be_done_again(stage: Stage, kind: str) -> None:
    ids = {name: str(uuid.uuid4()) for name in ("draft_id", "event_id", "message_id")}
    stage.rows(
        "INSERT INTO jobs (lane, kind, organization_id, args, dead_at)"
        " VALUES ('outbound', %s, %s, %s, now())",
        *(kind, stage.business.organization_id, Jsonb(ids)),
    )
    job, known = await diagnosed(stage)
    assert (known.remedy, known.why) == (Remedy.NONE, "It is not there any more.")
    with pytest.raises(Conflict):
        await retry(stage, job.id)


async def test_work_that_looks_at_how_things_are_is_done_again(stage: Stage) -> None:
    stage.rows(
        "INSERT INTO jobs (lane, kind, args, dead_at) VALUES"
        " ('calendars', 'sync_calendar',"
        "  jsonb_build_object('calendar_id', gen_random_uuid()), now()),"
        " ('plugin.acme', 'acme.tidy', '{}', now())"
    )
    async with stage.database.system() as transaction:
        found = [await diagnose_job(transaction, job) for job in await dead_jobs(stage)]
    assert [one.remedy for one in found] == [Remedy.RETRY] * 2
    assert "plugin acme" in found[0].why
    assert (found[1].about[:17], found[1].page) == ("the calendar cal_", "/calendar")
