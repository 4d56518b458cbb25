"""A message on its way by a provider that does as it is told, and that cannot always be asked."""

import asyncio
import uuid

import pytest

from clientflow_core.domain.jobs import OUTBOUND, Job
from clientflow_core.domain.messages import MessageStatus, Receipt
from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    PluginError,
    ProviderCannot,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
)
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.record_attempt import give_up_message
from clientflow_core.services.send_message import DELIVER_MESSAGE
from tests.core.services.conftest import Stage, plugin_of
from tests.core.services.pigeons import Pigeons, RingedPigeons, pigeon_spec

DAY_SECONDS = 86_400


@pytest.fixture
def pigeons() -> Pigeons:
    """Pigeons that cannot be looked for."""
    return Pigeons()


@pytest.fixture
def specs(pigeons: Pigeons) -> list[AnySpec]:
    """The pigeons, and nothing else."""
    return [pigeon_spec(pigeons)]


def deliver_by_hand(stage: Stage, message_id: uuid.UUID) -> None:
    """Do what a report would do that comes at this moment."""
    stage.rows("UPDATE messages SET status = 'delivered' WHERE id = %s", message_id)


def job_for(message_id: uuid.UUID) -> Job:
    """Give a job that would deliver a message."""
    return Job(
        id=1,
        lane=OUTBOUND,
        kind=DELIVER_MESSAGE,
        organization_id=None,
        args={"message_id": str(message_id)},
        attempts=1,
        max_attempts=14,
        claimed_by=1,
    )


async def test_provider_that_cannot_be_asked_leaves_it_to_a_person(
    stage: Stage, pigeons: Pigeons
) -> None:
    message_id = await stage.answer()
    pigeons.outcomes = [OutcomeUnknown("it flew away")]
    await stage.do_jobs()
    assert stage.job()["error"] == "provider_outcome_unknown"
    await stage.do_jobs()
    message = await stage.message(message_id)
    assert message.status is MessageStatus.UNKNOWN
    assert message.error_code == "provider_outcome_unknown"
    assert "a person must decide" in str(message.error_detail)
    assert (stage.attempts(message_id), stage.count("jobs")) == (["unknown"], 0)
    assert pigeons.sent == []
    assert stage.rows("SELECT kind FROM stream_events ORDER BY id DESC LIMIT 1") == [
        ("message.unknown",)
    ]


async def test_report_that_comes_before_it_is_parked_knows_better(
    stage: Stage, pigeons: Pigeons
) -> None:
    message_id = await stage.answer()
    pigeons.outcomes = [OutcomeUnknown("it flew away")]
    await stage.do_jobs()
    # Another worker, which opens the provider between the reservation and the parking.
    pigeons.meanwhile = lambda: deliver_by_hand(stage, message_id)
    async with ProviderRegistry([plugin_of(pigeon_spec(pigeons))], {}) as stage.registry:
        await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.DELIVERED
    assert stage.count("jobs") == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ProviderRefused("no", provider_code="P1"), "P1"),
        (ProviderRefused("no"), "provider_refused"),
        (ProviderCannot("pigeons do not swim"), "provider_cannot"),
    ],
)
async def test_refusal_is_for_good(
    stage: Stage, pigeons: Pigeons, error: Exception, code: str
) -> None:
    message_id = await stage.answer()
    pigeons.outcomes = [error]
    await stage.do_jobs()
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.FAILED, code)
    assert message.error_detail == str(error)
    assert (stage.attempts(message_id), stage.count("jobs")) == (["refused"], 0)


async def test_refusal_of_a_message_that_was_delivered_after_all_changes_nothing(
    stage: Stage, pigeons: Pigeons
) -> None:
    message_id = await stage.answer()
    pigeons.meanwhile = lambda: deliver_by_hand(stage, message_id)
    pigeons.outcomes = [ProviderRefused("no")]
    await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.DELIVERED
    assert (stage.attempts(message_id), stage.count("jobs")) == (["refused"], 0)


async def test_absence_of_a_message_that_was_delivered_after_all_changes_nothing(
    stage: Stage, pigeons: Pigeons
) -> None:
    message_id = await stage.answer()
    pigeons.meanwhile = lambda: deliver_by_hand(stage, message_id)
    pigeons.outcomes = [ProviderUnavailable("asleep")]
    await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.DELIVERED
    await stage.do_jobs()
    assert (stage.attempts(message_id), stage.count("jobs")) == (["not_accepted"], 0)
    assert pigeons.sent == []


@pytest.mark.parametrize(
    ("error", "code", "delay_seconds", "state"),
    [
        (ProviderUnavailable("asleep"), "provider_unavailable", 5, "not_accepted"),
        (RateLimited("fast", retry_after_seconds=30), "provider_rate_limited", 30, "postponed"),
        (PluginError("no such bird"), "plugin", 5, "not_accepted"),
    ],
)
async def test_what_was_surely_not_taken_is_tried_again(
    stage: Stage, pigeons: Pigeons, error: Exception, code: str, delay_seconds: float, state: str
) -> None:
    message_id = await stage.answer()
    pigeons.outcomes = [error]
    await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.QUEUED
    assert stage.job()["error"] == code
    assert stage.job()["delay_seconds"] == pytest.approx(delay_seconds, abs=1.9)
    await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.SENT
    assert stage.attempts(message_id) == [state, "accepted"]
    assert len(pigeons.sent) == 1


async def test_provider_that_asks_for_no_time_at_all_is_given_some(
    stage: Stage, pigeons: Pigeons
) -> None:
    await stage.answer()
    pigeons.outcomes = [ProviderUnavailable("asleep", retry_after_seconds=0)]
    await stage.do_jobs()
    assert stage.job()["delay_seconds"] == pytest.approx(1, abs=0.3)


async def test_fault_of_the_plugin_is_no_proof_that_nothing_was_sent(
    stage: Stage, pigeons: Pigeons
) -> None:
    message_id = await stage.answer()
    pigeons.outcomes = [ZeroDivisionError("a bird in a loop")]
    await stage.do_jobs()
    assert stage.attempts(message_id) == ["sending"]
    assert stage.job()["error"] == "provider_outcome_unknown"
    await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.UNKNOWN
    assert pigeons.sent == []


async def test_message_that_is_given_up_while_it_waits_has_failed(
    stage: Stage, pigeons: Pigeons
) -> None:
    message_id = await stage.answer()
    stage.rows("UPDATE jobs SET attempts = 13")
    pigeons.outcomes = [ProviderUnavailable("asleep")]
    await stage.do_jobs()
    assert stage.job()["is_dead"]
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (
        MessageStatus.FAILED,
        "provider_unavailable",
    )
    assert message.error_detail == "the provider never took it"
    assert stage.attempts(message_id) == ["not_accepted"]


async def test_message_that_is_given_up_half_done_is_unknown(
    stage: Stage, pigeons: Pigeons
) -> None:
    message_id = await stage.answer()
    stage.rows("UPDATE jobs SET attempts = 13")
    pigeons.outcomes = [OutcomeUnknown("it flew away")]
    await stage.do_jobs()
    assert stage.job()["is_dead"]
    message = await stage.message(message_id)
    assert message.status is MessageStatus.UNKNOWN
    assert message.error_code == "provider_outcome_unknown"
    assert stage.attempts(message_id) == ["unknown"]


async def test_message_that_got_further_is_not_given_up(stage: Stage, pigeons: Pigeons) -> None:
    message_id = await stage.answer()
    await stage.do_jobs()
    async with stage.database.organization(stage.business.organization_id) as transaction:
        await give_up_message(transaction, job_for(message_id), "anything")
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.SENT, None)


@pytest.mark.parametrize("pigeons", [RingedPigeons()])
async def test_oldest_that_is_free_is_ours(stage: Stage, pigeons: RingedPigeons) -> None:
    taken = await stage.answer()
    await stage.do_jobs()
    assert (await stage.message(taken)).provider_message_id == "pigeon-1"
    message_id = await stage.answer()
    pigeons.outcomes = [OutcomeUnknown("it flew away")]
    await stage.do_jobs()
    pigeons.found = [
        Receipt(provider_message_id=f"pigeon-{n}", status=MessageStatus.SENT) for n in (1, 2, 3)
    ]
    await stage.do_jobs()
    message = await stage.message(message_id)
    assert (message.status, message.provider_message_id) == (MessageStatus.SENT, "pigeon-2")


@pytest.mark.parametrize("pigeons", [RingedPigeons()])
async def test_credentials_that_went_bad_leave_the_outcome_open(
    stage: Stage, pigeons: RingedPigeons
) -> None:
    message_id = await stage.answer()
    pigeons.outcomes = [OutcomeUnknown("it flew away")]
    pigeons.found = AuthFailed("who are you?")
    await stage.do_jobs()
    assert stage.attempts(message_id) == ["sending"]
    for _ in range(20):
        await stage.do_jobs()
    assert (stage.job()["error"], stage.job()["is_dead"]) == ("provider_auth_failed", False)
    assert stage.attempts(message_id) == ["sending"]
    stage.clock.advance(4 * DAY_SECONDS + 60)
    await stage.do_jobs()
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.UNKNOWN, "provider_auth_failed")
    assert (stage.attempts(message_id), stage.count("jobs")) == (["unknown"], 0)
    assert pigeons.sent == []


async def test_credentials_that_are_refused_hold_a_message_up_and_do_not_end_it(
    stage: Stage, pigeons: Pigeons
) -> None:
    message_id = await stage.answer()
    pigeons.outcomes = [AuthFailed("who are you?")]
    for _ in range(20):
        await stage.do_jobs()
        stage.clock.advance(300)
    assert (await stage.message(message_id)).status is MessageStatus.QUEUED
    job = stage.job()
    assert (job["error"], job["is_dead"]) == ("provider_auth_failed", False)
    assert job["delay_seconds"] == pytest.approx(300, abs=5)
    # One call, and none after it.
    assert (stage.attempts(message_id), pigeons.sent) == (["not_accepted"], [])
    # A restart, with other credentials.
    async with ProviderRegistry([plugin_of(pigeon_spec(pigeons))], {}) as stage.registry:
        pigeons.outcomes = [ProviderUnavailable("asleep")]
        await stage.do_jobs()
        assert stage.job()["delay_seconds"] == pytest.approx(30, abs=8)
        await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.SENT
    assert stage.attempts(message_id) == ["not_accepted", "not_accepted", "accepted"]


async def test_message_does_not_wait_for_credentials_for_ever(
    stage: Stage, pigeons: Pigeons
) -> None:
    message_id = await stage.answer()
    pigeons.outcomes = [AuthFailed("who are you?")]
    await stage.do_jobs()
    stage.clock.advance(4 * DAY_SECONDS + 60)
    await stage.do_jobs()
    message = await stage.message(message_id)
    assert (message.status, message.error_code) == (MessageStatus.FAILED, "provider_auth_failed")
    assert (message.error_detail, stage.count("jobs")) == ("the provider never took it", 0)


async def test_provider_that_cannot_be_opened_uses_up_one_attempt_and_is_then_waited_for(
    stage: Stage, pigeons: Pigeons
) -> None:
    def refuse() -> None:
        msg = "the loft is locked"
        raise OSError(msg)

    message_id = await stage.answer()
    plugin = plugin_of(pigeon_spec(pigeons))
    async with ProviderRegistry([plugin], {}, clock=stage.clock) as stage.registry:
        pigeons.meanwhile = refuse
        for _ in range(20):
            await stage.do_jobs()
        assert (stage.attempts(message_id), stage.job()["is_dead"]) == (["not_accepted"], False)
        pigeons.meanwhile = lambda: None
        stage.clock.advance(1)
        await stage.do_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.SENT


async def test_answer_that_is_no_receipt_leaves_the_outcome_open(
    stage: Stage, pigeons: Pigeons, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_junk(_: object) -> object:
        return Receipt(provider_message_id=None, status=MessageStatus.SENT)  # type: ignore[arg-type]  # junk

    monkeypatch.setattr(pigeons, "send", give_junk)
    message_id = await stage.answer()
    await stage.do_jobs()
    assert stage.job()["error"] == "provider_outcome_unknown"
    assert stage.attempts(message_id) == ["sending"]


@pytest.mark.parametrize("pigeons", [RingedPigeons()])
async def test_call_that_takes_too_long_is_not_waited_for(
    stage: Stage, pigeons: RingedPigeons
) -> None:
    pigeons.pause_seconds = 60
    spec = pigeon_spec(pigeons, deadline_seconds=0.1)
    async with ProviderRegistry([plugin_of(spec)], {}) as stage.registry:
        message_id = await stage.answer()
        async with asyncio.timeout(10):
            await stage.do_jobs()
            assert stage.job()["error"] == "provider_outcome_unknown"
            await stage.do_jobs()
            assert stage.job()["error"] == "provider_lookup_failed"
    assert stage.attempts(message_id) == ["sending"]
