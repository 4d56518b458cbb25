"""What is kept of webhooks, and what is made of it."""

import asyncio
import uuid

import pytest
from structlog.testing import capture_logs

from clientflow_core import failpoints
from clientflow_core.domain.jobs import INBOUND, Job
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import DatabaseJob
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.jobs import claim_jobs
from tests.conftest import add_business
from tests.core.services.conftest import Stage, Twilio
from tests.texts import CLIENT, NUMBER, OTHER_NUMBER, form, report, signed_headers, text


def events(stage: Stage) -> list[tuple[str, str | None]]:
    """Give what became of each event, the first first."""
    rows = stage.rows("SELECT state, reason FROM inbound_events ORDER BY id")
    return [(state, reason) for state, reason in rows]


async def post(stage: Stage, fields: dict[str, str], *, name: str = "twilio") -> None:
    """Take a webhook in without doing its job."""
    url = f"{stage.public_url}/webhooks/{name}"
    await stage.receive(url, form(fields), signed_headers(url, fields))


async def test_text_becomes_a_message_of_a_contact(stage: Stage) -> None:
    await stage.webhook(text("Hello?"))
    rows = stage.rows(
        "SELECT m.organization_id, m.direction, m.status, m.body, p.value, c.channel_id"
        " FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " JOIN contact_points p ON p.id = c.contact_point_id"
    )
    ours = stage.business
    assert rows == [(ours.organization_id, "in", "received", "Hello?", CLIENT, ours.channel_id)]
    assert events(stage) == [("done", None)]
    assert stage.rows("SELECT organization_id FROM inbound_events") == [(ours.organization_id,)]
    assert stage.rows("SELECT kind FROM stream_events") == [("message.received",)]


async def test_same_text_twice_is_one_message(stage: Stage) -> None:
    fields = text()
    for _ in range(3):
        await stage.webhook(fields)
    assert (stage.count("messages"), stage.count("inbound_events")) == (1, 1)


async def test_same_text_by_another_webhook_is_one_message(stage: Stage) -> None:
    """As where a number is set to our address twice; the event is another then."""
    fields = text()
    await stage.webhook(fields)
    stage.rows("UPDATE inbound_events SET external_id = 'another'")
    await stage.webhook(fields)
    assert events(stage) == [("done", None), ("done", None)]
    assert (stage.count("messages"), stage.count("stream_events")) == (1, 1)


async def test_ten_texts_at_once_make_one_contact_and_one_conversation(stage: Stage) -> None:
    await asyncio.gather(*(post(stage, text(f"text {n}")) for n in range(10)))
    await stage.do_jobs(INBOUND)
    assert [stage.count(t) for t in ("contacts", "contact_points", "conversations")] == [1, 1, 1]
    assert stage.count("messages") == 10


async def test_text_of_an_old_client_goes_to_their_conversation(stage: Stage) -> None:
    for body in ("one", "two"):
        await stage.webhook(text(body))
    assert (stage.count("conversations"), stage.count("messages")) == (1, 2)


async def test_client_has_a_conversation_with_each_number(stage: Stage) -> None:
    stage.rows(
        "INSERT INTO channels (organization_id, id, provider, address, name)"
        " VALUES (%s, gen_random_uuid(), 'twilio', %s, 'Second')",
        *(stage.business.organization_id, OTHER_NUMBER),
    )
    await stage.webhook(text(To=NUMBER))
    await stage.webhook(text(To=OTHER_NUMBER))
    assert [stage.count(t) for t in ("contacts", "conversations")] == [1, 2]


async def test_batch_serves_one_organization_after_another(stage: Stage) -> None:
    theirs = add_business(stage.addresses, address=OTHER_NUMBER)
    for number in (NUMBER, OTHER_NUMBER, "+14155550199", NUMBER, OTHER_NUMBER):
        await post(stage, text(To=number))
    await stage.do_jobs(INBOUND)
    rows = stage.rows("SELECT organization_id, count(*) FROM messages GROUP BY 1")
    assert dict(rows) == {stage.business.organization_id: 2, theirs.organization_id: 2}
    assert stage.count("contacts") == 2
    assert [state for state, _ in events(stage)].count("ignored") == 1


async def test_text_to_nobody_is_kept_and_says_why(stage: Stage) -> None:
    await stage.webhook(text(To="+14155550199"))
    assert events(stage) == [("ignored", "no channel of twilio has the address +14155550199")]
    assert stage.count("messages") == stage.count("jobs") == 0


async def test_text_to_nobody_is_handled_once_there_is_somebody(stage: Stage) -> None:
    await stage.webhook(text(To=OTHER_NUMBER))
    add_business(stage.addresses, address=OTHER_NUMBER)
    ask_again(stage)
    await stage.do_jobs(INBOUND)
    assert events(stage) == [("done", None)]
    assert stage.count("messages") == 1


def ask_again(stage: Stage) -> None:
    """Ask for the handling of every event, as an operator who has it replayed."""
    stage.rows(
        "INSERT INTO jobs (lane, kind, args)"
        " SELECT 'inbound', 'handle_inbound_event', jsonb_build_object('event_id', id)"
        " FROM inbound_events"
    )


async def test_event_that_was_handled_is_left_alone(stage: Stage) -> None:
    await stage.webhook(text())
    [(handled_at,)] = stage.rows("SELECT handled_at FROM inbound_events")
    ask_again(stage)
    await stage.do_jobs(INBOUND)
    assert stage.rows("SELECT handled_at FROM inbound_events") == [(handled_at,)]
    assert (stage.count("messages"), stage.count("jobs")) == (1, 0)


async def test_messaging_service_stands_for_its_numbers(stage: Stage) -> None:
    service = "MG" + "5" * 32
    stage.rows("UPDATE channels SET address = %s", service)
    await stage.webhook(text(To="+14155550199", MessagingServiceSid=service))
    assert events(stage) == [("done", None)]
    stage.clock.advance(1)
    await stage.webhook(text(To="+14155550199", MessagingServiceSid="MG" + "6" * 32))
    assert events(stage)[1] == (
        "ignored",
        f"no channel of twilio has the address +14155550199 or MG{'6' * 32}",
    )


async def test_event_that_cannot_be_parsed_is_kept_for_a_person(stage: Stage) -> None:
    fields = text()
    del fields["From"]
    await stage.webhook(fields)
    [(state, reason)] = events(stage)
    assert (state, "From" in str(reason)) == ("failed", True)
    assert (stage.count("messages"), stage.count("jobs")) == (0, 0)


@pytest.mark.parametrize("specs", [[]])
async def test_event_of_a_plugin_that_is_not_enabled_any_more_is_kept(
    stage: Stage, twilio: Twilio
) -> None:
    async with stage.enabling_twilio(twilio):
        await post(stage, text())
    await stage.do_jobs(INBOUND)
    assert events(stage) == [("failed", "no enabled plugin has the webhook 'twilio'")]
    async with stage.enabling_twilio(twilio):
        ask_again(stage)
        await stage.do_jobs(INBOUND)
    assert events(stage) == [("done", None)]
    assert stage.count("messages") == 1


@pytest.mark.parametrize("place", ["handle_inbound_event.read", "handle_inbound_event.applied"])
async def test_event_whose_handling_failed_is_handled_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    # Twice, since a job that fails among others is done again by itself.
    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "_active", failpoints._read(f"{place}=raise"))
        await stage.webhook(text())
    assert stage.count("messages") == 0
    assert events(stage) == [("received", None)]
    await stage.do_jobs(INBOUND)
    assert events(stage) == [("done", None)]
    assert stage.count("messages") == 1


async def test_event_that_is_given_up_says_why(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failpoints, "_active", failpoints._read("handle_inbound_event.read=raise"))
    await post(stage, text())
    stage.rows("UPDATE jobs SET attempts = 13")
    await stage.do_jobs(INBOUND)
    assert stage.job()["is_dead"]
    assert events(stage) == [("failed", "FailpointHit")]


async def test_job_of_an_event_that_is_gone_is_given_up(stage: Stage) -> None:
    stage.rows(
        "INSERT INTO jobs (lane, kind, args, attempts) VALUES"
        " ('inbound', 'handle_inbound_event', jsonb_build_object('event_id', %s::text), 13)",
        str(uuid.uuid4()),
    )
    await stage.do_jobs(INBOUND)
    assert (stage.job()["is_dead"], stage.job()["error"]) == (True, "not_found")


async def test_text_stands_where_it_came_in_however_late_it_is_handled(stage: Stage) -> None:
    stage.clock.advance(-5)
    await post(stage, text("first"))
    stage.clock.advance(5)
    stage.rows("UPDATE jobs SET attempts = 1, run_at = now() + interval '1 hour'")
    await stage.text_in("second")
    await stage.do_jobs(INBOUND)
    rows = stage.rows("SELECT body FROM messages ORDER BY id")
    assert [body for (body,) in rows] == ["first", "second"]


async def run_crosswise(stage: Stage) -> list[str]:
    """Do four events in two batches; each goes on only when the other one has done its first.

    Returns:
        What was said in the log.
    """
    async with stage.database.system() as transaction:
        jobs = await claim_jobs(transaction, lane=INBOUND, worker=1, most=50)
    handler = stage.handlers["handle_inbound_event"]
    assert isinstance(handler, DatabaseJob)
    handle, both = handler.handle, asyncio.Barrier(2)

    async def handle_and_wait(transaction: Transaction, job: Job) -> None:
        await handle(transaction, job)
        if job in (jobs[0], jobs[2]):
            async with asyncio.timeout(10):
                await both.wait()

    execution = Execution(
        stage.database, {"handle_inbound_event": DatabaseJob(handle=handle_and_wait)}
    )
    with capture_logs() as logs:
        await asyncio.gather(execution.run(jobs[:2]), execution.run(jobs[2:]))
    assert [state for state, _ in events(stage)] == ["done"] * 4
    return [line["event"] for line in logs]


@pytest.mark.parametrize("is_known", [False, True], ids=["new clients", "clients that we know"])
async def test_two_batches_with_the_same_clients_never_wait_crosswise(
    stage: Stage, *, is_known: bool
) -> None:
    """PostgreSQL would end one of them after a second, with all that it has done."""
    one, other = CLIENT, "+14155550177"
    for client in (one, other) if is_known else ():
        await stage.webhook(text(From=client))
    stage.rows("DELETE FROM inbound_events")
    for client in (one, other, other, one):
        await post(stage, text(From=client))

    assert "batch_split" not in await run_crosswise(stage)

    assert (stage.count("contacts"), stage.count("conversations")) == (2, 2)
    assert stage.count("messages") == (6 if is_known else 4)


async def test_two_batches_with_reports_of_the_same_messages_never_wait_crosswise(
    stage: Stage, twilio: Twilio
) -> None:
    await twilio.say_nothing()
    sent = [await stage.answer("one"), await stage.answer("other")]
    await stage.do_all_jobs()
    stage.rows("DELETE FROM inbound_events")
    sids = [str((await stage.message(one)).provider_message_id) for one in sent]
    for sid, status in [
        *((sid, "sent") for sid in sids),
        *((sid, "delivered") for sid in sids[::-1]),
    ]:
        await post(stage, report(sid, status), name="twilio-status")

    assert "batch_split" not in await run_crosswise(stage)

    assert [(await stage.message(one)).status for one in sent] == [MessageStatus.DELIVERED] * 2
