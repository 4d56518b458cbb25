"""A message on its way to its provider, whatever becomes of the call."""

import asyncio

import pytest

from clientflow_core import failpoints
from clientflow_core.domain.jobs import INBOUND, OUTBOUND
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.registry.lifecycle import ProviderState
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_plugins.twilio.sandbox import BLOCKED_NUMBER, INVALID_NUMBER, UNREACHABLE_NUMBER
from clientflow_plugins.twilio.spec import TWILIO
from tests.core.services.conftest import Stage, Twilio, plugin_of


async def test_accepted_message_is_delivered_by_one_attempt(stage: Stage, twilio: Twilio) -> None:
    message_id = await stage.answer("Yes.")
    await stage.do_jobs(OUTBOUND)
    message = await stage.message(message_id)
    assert message.status is MessageStatus.SENT
    assert message.provider_message_id == twilio.sids()[0]
    await stage.until(message_id, MessageStatus.DELIVERED)
    assert stage.attempts(message_id) == ["accepted"]
    assert twilio.texts() == ["Yes."]
    await stage.do_all_jobs()
    assert stage.count("jobs") == 0


async def test_every_step_is_told_to_those_who_watch(stage: Stage, twilio: Twilio) -> None:
    message_id = await stage.answer()
    await stage.do_jobs(OUTBOUND)
    await stage.until(message_id, MessageStatus.DELIVERED)
    rows = stage.rows(
        "SELECT kind FROM stream_events WHERE subject_id = %s ORDER BY id", message_id
    )
    assert [kind for (kind,) in rows] == ["message.queued", "message.sent", "message.delivered"]


@pytest.mark.parametrize(
    ("client", "code", "words"),
    [(BLOCKED_NUMBER, "21610", "unsubscribed"), (INVALID_NUMBER, "21211", "Invalid 'To'")],
)
async def test_refused_message_has_failed_and_is_not_tried_again(
    stage: Stage, twilio: Twilio, client: str, code: str, words: str
) -> None:
    message_id = await stage.answer(client=client)
    await stage.do_jobs()
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.FAILED, code)
    assert words in str(message.error_detail)
    [row] = stage.rows("SELECT state, provider_code, detail, finished_at FROM message_attempts")
    assert row[:2] == ("refused", code)
    assert row[3] is not None
    assert stage.count("jobs") == 0
    assert twilio.texts(client) == []


async def test_message_waits_while_twilio_refuses_our_credentials_and_goes_out_afterwards(
    stage: Stage, twilio: Twilio
) -> None:
    wrong = twilio.sandbox.settings() | {"TWILIO_AUTH_TOKEN": "0" * 32}
    first, second = await stage.answer("One."), await stage.answer("Two.")
    async with ProviderRegistry([plugin_of(TWILIO)], wrong) as stage.registry:
        for _ in range(20):
            await stage.do_jobs(OUTBOUND)
        assert stage.registry.lifecycles()["twilio"].state is ProviderState.AUTH_FAILED
    # Twilio was asked once, and neither message is lost.
    attempts = stage.attempts(first) + stage.attempts(second)
    assert (attempts, twilio.texts()) == (["not_accepted"], [])
    states = {(await stage.message(one)).status for one in (first, second)}
    assert states == {MessageStatus.QUEUED}
    assert stage.rows("SELECT DISTINCT last_error, dead_at IS NULL FROM jobs") == [
        ("provider_auth_failed", True)
    ]
    async with stage.enabling_twilio(twilio):
        await stage.do_jobs(OUTBOUND)
    assert sorted(twilio.texts()) == ["One.", "Two."]


async def test_message_that_never_arrives_is_undelivered(stage: Stage, twilio: Twilio) -> None:
    message_id = await stage.answer(client=UNREACHABLE_NUMBER)
    message = await stage.until(message_id, MessageStatus.UNDELIVERED)
    assert message.error_code == "30003"
    assert message.error_detail == "the provider reports: undelivered"


async def test_provider_that_is_too_busy_is_left_alone_as_long_as_it_asks(
    stage: Stage, twilio: Twilio
) -> None:
    message_id = await stage.answer()
    await twilio.fail("429", retry_after_seconds=7)
    await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.QUEUED
    job = stage.job()
    assert (job["attempts"], job["error"]) == (1, "provider_rate_limited")
    assert job["delay_seconds"] == pytest.approx(7, abs=1.9)
    await stage.until(message_id, MessageStatus.DELIVERED)
    assert stage.attempts(message_id) == ["postponed", "accepted"]
    assert twilio.texts() == ["Yes."]


async def test_provider_that_is_busy_for_long_is_asked_less_and_less(
    stage: Stage, twilio: Twilio
) -> None:
    await stage.answer()
    await twilio.fail("429", calls=14, retry_after_seconds=1)
    delays = []
    for _ in range(13):
        await stage.do_jobs()
        delays.append(stage.job()["delay_seconds"])
    assert delays[:4] == pytest.approx([1, 2, 4, 8], abs=1.9)
    # Longer than an outage of an hour, though it said "a second" each time.
    assert sum(delays) > 3600


async def test_provider_is_left_alone_no_longer_for_runs_that_called_nobody(
    stage: Stage, twilio: Twilio
) -> None:
    await stage.answer()
    # As after some look-ups, and workers that were killed.
    stage.rows("UPDATE jobs SET attempts = 9")
    await twilio.fail("429", calls=1, retry_after_seconds=1)
    await stage.do_jobs()
    assert stage.job()["delay_seconds"] == pytest.approx(1, abs=1.9)


# The look-up sees what was taken, so that a new attempt is made only where nothing was.
NOT_TAKEN = ["500", "503", "cut_before", "timeout", "html"]
TAKEN = ["cut_after_acceptance", "bad_json"]


@pytest.mark.parametrize("answer", [*NOT_TAKEN, *TAKEN])
async def test_outcome_that_nobody_knows_is_looked_up(
    stage: Stage, twilio: Twilio, answer: str
) -> None:
    await twilio.say_nothing()
    message_id = await stage.answer()
    await twilio.fail(answer)
    await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.SENDING
    assert stage.attempts(message_id) == ["sending"]
    job = stage.job()
    assert (job["attempts"], job["error"]) == (1, "provider_outcome_unknown")
    assert job["delay_seconds"] == pytest.approx(2, abs=1.9)

    await stage.do_all_jobs()
    message = await stage.message(message_id)
    assert message.provider_message_id == twilio.sids()[0]
    assert message.status in {MessageStatus.SENT, MessageStatus.DELIVERED}
    assert twilio.texts() == ["Yes."]
    story = ["accepted"] if answer in TAKEN else ["not_accepted", "accepted"]
    assert stage.attempts(message_id) == story


@pytest.mark.parametrize("answer", [*NOT_TAKEN, *TAKEN])
async def test_outcome_that_nobody_knows_ends_in_one_delivered_text(
    stage: Stage, twilio: Twilio, answer: str
) -> None:
    message_id = await stage.answer()
    await twilio.fail(answer)
    await stage.until(message_id, MessageStatus.DELIVERED)
    assert twilio.texts() == ["Yes."]
    assert stage.attempts(message_id)[-1] == "accepted"


async def test_look_up_that_finds_nothing_is_not_believed_at_once(
    stage: Stage, twilio: Twilio
) -> None:
    message_id = await stage.answer()
    await twilio.fail("cut_before")
    await stage.do_jobs()
    delays = []
    for seconds in (2, 15, 12):
        stage.clock.advance(seconds)
        await stage.do_jobs()
        delays.append(stage.job()["delay_seconds"])
        assert stage.attempts(message_id) == ["sending"]
    # Up to a quarter of a minute, until the half minute is over that Twilio may take.
    assert delays == pytest.approx([15, 13, 2], abs=1.9)
    assert stage.rows("SELECT lookups FROM message_attempts") == [(3,)]
    stage.clock.advance(2)
    await stage.do_jobs()
    assert stage.attempts(message_id) == ["not_accepted"]
    assert (await stage.message(message_id)).status is MessageStatus.QUEUED
    assert stage.job()["error"] == "provider_absent"
    assert twilio.texts() == []


async def test_looking_up_uses_up_no_attempt_and_each_call_waits_longer(
    stage: Stage, twilio: Twilio
) -> None:
    message_id = await stage.answer()
    delays = []
    for _ in range(13):
        await twilio.fail("cut_before")
        await stage.do_jobs()
        for _ in range(2):
            stage.clock.advance(60)
            await stage.do_jobs()
        delays.append(stage.job()["delay_seconds"])
    usual = [5, 30, 120, 600, 3600, 21600, *[43200] * 6]
    assert delays[0] == pytest.approx(0, abs=1.9)
    assert delays[1:] == [pytest.approx(seconds, rel=0.2, abs=1.9) for seconds in usual]
    assert stage.attempts(message_id) == ["not_accepted"] * 13
    assert not stage.job()["is_dead"]

    await twilio.fail("cut_before")
    await stage.do_jobs()
    assert stage.job()["is_dead"]
    assert (await stage.message(message_id)).status is MessageStatus.UNKNOWN


async def test_one_look_up_is_not_enough_however_late_it_is(stage: Stage, twilio: Twilio) -> None:
    message_id = await stage.answer()
    await twilio.fail("cut_before")
    await stage.do_jobs()
    stage.clock.advance(3600)
    await stage.do_jobs()
    assert stage.attempts(message_id) == ["sending"]
    await stage.do_jobs()
    assert stage.attempts(message_id) == ["not_accepted"]


@pytest.mark.parametrize("answer", ["500", "429", "bad_json", "timeout"])
async def test_look_up_that_fails_is_repeated_and_nothing_is_sent(
    stage: Stage, twilio: Twilio, answer: str
) -> None:
    message_id = await stage.answer()
    await twilio.fail("cut_before")
    await stage.do_jobs()
    await twilio.fail(answer)
    stage.clock.advance(60)
    await stage.do_jobs()
    assert stage.job()["error"] == "provider_lookup_failed"
    assert stage.attempts(message_id) == ["sending"]
    assert twilio.texts() == []
    assert stage.rows("SELECT lookups FROM message_attempts") == [(0,)]
    await stage.do_all_jobs()
    assert twilio.texts() == ["Yes."]


@pytest.mark.parametrize("place", ["deliver_message.reserved", "deliver_message.called"])
async def test_attempt_that_was_left_half_done_is_looked_up_and_not_repeated(
    stage: Stage, twilio: Twilio, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    await twilio.say_nothing()
    message_id = await stage.answer()
    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "_active", failpoints._read(f"{place}=raise"))
        await stage.do_jobs()
    assert stage.attempts(message_id) == ["sending"]
    await stage.do_all_jobs()
    assert twilio.texts() == ["Yes."]
    was_called = place == "deliver_message.called"
    story = ["accepted"] if was_called else ["not_accepted", "accepted"]
    assert stage.attempts(message_id) == story


@pytest.mark.parametrize(("fault", "end"), [(None, "accepted"), ("429", "postponed")])
async def test_what_the_provider_has_said_is_written_down_though_the_database_was_busy(
    stage: Stage, twilio: Twilio, fault: str | None, end: str
) -> None:
    """As where two transactions wait for each other, and PostgreSQL ends one of them."""
    await twilio.say_nothing()
    message_id = await stage.answer()
    if fault:
        await twilio.fail(fault, calls=1)
    # What a sequence has counted stays counted when the transaction is undone.
    for statement in (
        "CREATE SEQUENCE tries",
        "GRANT USAGE ON SEQUENCE tries TO PUBLIC",
        """
        CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('tries') = 1 THEN
                RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected';
            END IF;
            RETURN NEW;
        END $$
        """,
        """
        CREATE TRIGGER refuse_once BEFORE UPDATE OF state ON message_attempts
        FOR EACH ROW EXECUTE FUNCTION refuse_once()
        """,
    ):
        stage.rows(statement)
    await stage.do_jobs(OUTBOUND)
    [(tries,)] = stage.rows("SELECT last_value FROM tries")
    # Others use the database after this.
    stage.rows("DROP TRIGGER refuse_once ON message_attempts")
    stage.rows("DROP FUNCTION refuse_once")
    stage.rows("DROP SEQUENCE tries")
    assert stage.attempts(message_id) == [end]
    assert tries == 2


async def test_equal_texts_to_the_same_client_are_not_confused(
    stage: Stage, twilio: Twilio
) -> None:
    await twilio.say_nothing()
    first, second = await stage.answer("Yes."), await stage.answer("Yes.")
    await twilio.fail("cut_after_acceptance", calls=1)
    await stage.do_jobs(OUTBOUND)
    states = sorted([stage.attempts(first), stage.attempts(second)])
    assert states == [["accepted"], ["sending"]]
    await stage.do_all_jobs()
    messages = [await stage.message(first), await stage.message(second)]
    assert {message.provider_message_id for message in messages} == set(twilio.sids())
    assert twilio.texts() == ["Yes.", "Yes."]
    assert [stage.attempts(one) for one in (first, second)] == [["accepted"], ["accepted"]]


async def test_equal_text_of_another_message_is_not_taken_for_the_lost_one(
    stage: Stage, twilio: Twilio
) -> None:
    await twilio.say_nothing()
    first = await stage.answer("Yes.")
    await stage.do_all_jobs()
    second = await stage.answer("Yes.")
    await twilio.fail("cut_before")
    await stage.do_all_jobs()
    assert stage.attempts(first) == ["accepted"]
    assert stage.attempts(second) == ["not_accepted", "accepted"]
    assert twilio.texts() == ["Yes.", "Yes."]


async def test_two_lost_equal_texts_take_one_each(stage: Stage, twilio: Twilio) -> None:
    await twilio.say_nothing()
    both = [await stage.answer("Yes."), await stage.answer("Yes.")]
    await twilio.fail("cut_after_acceptance", calls=2)
    await stage.do_all_jobs()
    found = {(await stage.message(one)).provider_message_id for one in both}
    assert found == set(twilio.sids())
    assert twilio.texts() == ["Yes.", "Yes."]


@pytest.mark.parametrize("specs", [[TWILIO]])
async def test_report_that_overtakes_the_answer_is_not_undone(stage: Stage, twilio: Twilio) -> None:
    message_id = await stage.answer()
    await twilio.fail("late", delay_seconds=2)
    calling = asyncio.create_task(stage.do_jobs(OUTBOUND))
    while (await stage.message(message_id)).status is not MessageStatus.DELIVERED:
        await stage.do_jobs(INBOUND)
        await asyncio.sleep(0.01)
    assert not calling.done()
    assert stage.attempts(message_id) == ["accepted"]
    await calling
    assert (await stage.message(message_id)).status is MessageStatus.DELIVERED
    assert (stage.attempts(message_id), stage.count("jobs")) == (["accepted"], 0)


@pytest.mark.parametrize("specs", [[TWILIO]])
async def test_call_whose_job_was_taken_over_records_nothing(stage: Stage, twilio: Twilio) -> None:
    await twilio.say_nothing()
    message_id = await stage.answer()
    await twilio.fail("late", delay_seconds=2)
    calling = asyncio.create_task(stage.do_jobs(OUTBOUND))
    await twilio.until_it_has_a_text()
    stage.rows("UPDATE jobs SET claimed_by = 2, attempts = attempts + 1")
    await calling
    assert stage.attempts(message_id) == ["sending"]
    assert stage.count("jobs") == 1
    await stage.do_all_jobs()
    assert (stage.attempts(message_id), twilio.texts()) == (["accepted"], ["Yes."])


async def test_message_that_needs_nothing_any_more_is_left_alone(
    stage: Stage, twilio: Twilio
) -> None:
    message_id = await stage.answer()
    stage.rows("UPDATE messages SET status = 'failed' WHERE id = %s", message_id)
    await stage.do_jobs()
    assert (stage.count("jobs"), stage.attempts(message_id)) == (0, [])
    assert twilio.texts() == []


@pytest.mark.parametrize("specs", [[]])
async def test_message_waits_for_its_provider_to_be_enabled_again(
    stage: Stage, twilio: Twilio
) -> None:
    message_id = await stage.answer()
    await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.QUEUED
    assert (stage.job()["error"], stage.attempts(message_id)) == ("plugin", [])
    async with stage.enabling_twilio(twilio):
        await stage.do_all_jobs()
    assert twilio.texts() == ["Yes."]


@pytest.mark.parametrize("specs", [[]])
async def test_message_whose_provider_stays_away_has_failed(stage: Stage) -> None:
    message_id = await stage.answer()
    stage.rows("UPDATE jobs SET attempts = 13")
    await stage.do_jobs()
    assert stage.job()["is_dead"]
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.FAILED, "plugin")
