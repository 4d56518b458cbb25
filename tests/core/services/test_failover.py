"""A message whose channel fails, and the channels that stand in for it."""

import uuid
from collections.abc import Callable, Sequence

import attrs
import pytest

from clientflow_core.contributions.routing import Candidate, OutgoingMessage, Router
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.domain.routing import ANYWHERE, FailoverRule, Medium
from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    ProviderCannot,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
)
from clientflow_core.ids import new_id
from clientflow_core.persistence.repositories.channels import put_failover_rule
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.bound import BoundRouter
from clientflow_core.registry.lifecycle import FAILURES_IN_A_ROW
from clientflow_plugins.twilio.spec import TWILIO
from tests.core.services.conftest import Stage, Twilio, plugin_of
from tests.core.services.pigeons import Pigeons, pigeon_spec


@pytest.fixture
def pigeons() -> Pigeons:
    """Pigeons that stand in for Twilio."""
    return Pigeons()


@pytest.fixture
def specs(pigeons: Pigeons) -> list[AnySpec]:
    """Twilio and the pigeons."""
    pigeon = attrs.evolve(pigeon_spec(pigeons), name="pigeon")
    return [attrs.evolve(TWILIO, deadline_seconds=3), pigeon]


@pytest.fixture
def loft(stage: Stage) -> uuid.UUID:
    """The second channel of the organization, at the pigeons."""
    return add_channel(stage, provider="pigeon", address="+14155550199")


def add_channel(stage: Stage, *, provider: str, address: str, medium: str = "text") -> uuid.UUID:
    channel_id = new_id()
    stage.rows(
        "INSERT INTO channels (organization_id, id, provider, address, name, medium)"
        " VALUES (%s, %s, %s, %s, 'Another', %s) RETURNING id",
        stage.business.organization_id,
        channel_id,
        provider,
        address,
        medium,
    )
    return channel_id


async def rule(stage: Stage, *channel_ids: uuid.UUID, country: str = ANYWHERE) -> None:
    async with stage.database.organization(stage.business.organization_id) as transaction:
        made = FailoverRule(medium=Medium.TEXT, country=country, channel_ids=channel_ids)
        await put_failover_rule(transaction, made)


def bodies(pigeons: Pigeons) -> list[str]:
    return [message.body for message in pigeons.sent]


@pytest.mark.parametrize("answer", ["500", "503", "cut_before", "timeout"])
async def test_message_that_the_first_does_not_take_goes_out_once_through_the_second(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, loft: uuid.UUID, answer: str
) -> None:
    await twilio.fail(answer)
    message_id = await stage.answer()
    await stage.do_all_jobs()
    message = await stage.message(message_id)
    assert (message.status, message.channel_id) == (MessageStatus.SENT, loft)
    assert stage.attempts(message_id) == ["not_accepted", "accepted"]
    assert (twilio.texts(), bodies(pigeons)) == ([], ["Yes."])
    assert [one.sender for one in pigeons.sent] == ["+14155550199"]


@pytest.mark.parametrize("answer", ["cut_after_acceptance", "bad_json"])
async def test_message_that_the_first_has_taken_after_all_is_not_sent_by_the_second(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, loft: uuid.UUID, answer: str
) -> None:
    await twilio.fail(answer)
    message_id = await stage.answer()
    await stage.until(message_id, MessageStatus.DELIVERED)
    assert (twilio.texts(), bodies(pigeons)) == (["Yes."], [])
    assert (await stage.message(message_id)).channel_id == stage.business.channel_id


async def test_message_that_nobody_can_tell_of_stays_with_the_first(
    stage: Stage, pigeons: Pigeons, loft: uuid.UUID
) -> None:
    stage.rows("UPDATE channels SET provider = 'twilio' WHERE id = %s", loft)
    stage.rows("UPDATE channels SET provider = 'pigeon' WHERE id = %s", stage.business.channel_id)
    pigeons.outcomes = [OutcomeUnknown("it flew away")]
    message_id = await stage.answer()
    await stage.do_all_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.UNKNOWN
    assert stage.attempts(message_id) == ["unknown"]


@pytest.fixture
def swapped(stage: Stage, loft: uuid.UUID) -> uuid.UUID:
    """The conversation's channel is the pigeons', which do as they are told."""
    ours = stage.business.channel_id
    stage.rows("UPDATE channels SET provider = 'pigeon' WHERE id = %s", ours)
    stage.rows("UPDATE channels SET provider = 'twilio', address = %s WHERE id = %s", "+1415", loft)
    stage.rows("UPDATE channels SET address = '+14155550199' WHERE id = %s", ours)
    stage.rows("UPDATE channels SET address = '+14155550100' WHERE id = %s", loft)
    return loft


@pytest.mark.parametrize(
    "error",
    [
        ProviderUnavailable("closed"),
        RateLimited("full for today", retry_after_seconds=3600),
        AuthFailed("who are you?"),
        ProviderCannot("no texts that long"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_was_surely_not_accepted_is_passed_on_at_once(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, swapped: uuid.UUID, error: Exception
) -> None:
    pigeons.outcomes = [error]
    message_id = await stage.answer()
    await stage.do_jobs()
    assert stage.job()["delay_seconds"] == pytest.approx(0, abs=1.9)
    await stage.until(message_id, MessageStatus.DELIVERED)
    assert (twilio.texts(), bodies(pigeons)) == (["Yes."], [])


async def test_refused_message_is_not_passed_on(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, swapped: uuid.UUID
) -> None:
    pigeons.outcomes = [ProviderRefused("the client wants no texts")]
    message_id = await stage.answer()
    await stage.do_all_jobs()
    assert (await stage.message(message_id)).status is MessageStatus.FAILED
    assert twilio.texts() == []


async def test_channel_that_is_merely_busy_is_waited_for(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, swapped: uuid.UUID
) -> None:
    pigeons.outcomes = [RateLimited("slower", retry_after_seconds=2)]
    message_id = await stage.answer()
    await stage.do_all_jobs()
    assert stage.attempts(message_id) == ["postponed", "accepted"]
    assert (twilio.texts(), bodies(pigeons)) == ([], ["Yes."])


async def test_channel_that_stays_busy_is_passed_by_in_the_end(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, swapped: uuid.UUID
) -> None:
    pigeons.outcomes = [RateLimited("slower", retry_after_seconds=2)] * 4
    message_id = await stage.answer()
    await stage.until(message_id, MessageStatus.DELIVERED)
    assert stage.attempts(message_id) == [*["postponed"] * 3, "not_accepted", "accepted"]
    assert twilio.texts() == ["Yes."]


async def test_each_channel_is_tried_once_and_then_all_wait(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, swapped: uuid.UUID
) -> None:
    pigeons.outcomes = [ProviderUnavailable("closed")] * 2
    await twilio.fail("429", retry_after_seconds=600)
    message_id = await stage.answer()
    await stage.do_jobs()
    await stage.do_jobs()
    assert stage.attempts(message_id) == ["not_accepted", "not_accepted"]
    assert stage.job()["delay_seconds"] > 2
    await stage.do_jobs()
    await stage.until(message_id, MessageStatus.DELIVERED)
    assert stage.attempts(message_id) == [*["not_accepted"] * 3, "accepted"]


async def test_channel_that_fails_call_after_call_is_passed_by_without_being_called(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, swapped: uuid.UUID
) -> None:
    pigeons.outcomes = [ProviderUnavailable("closed") for _ in range(FAILURES_IN_A_ROW + 1)]
    for number in range(FAILURES_IN_A_ROW):
        await stage.answer(f"{number}")
        await stage.do_jobs()
        await stage.do_jobs()
    last = await stage.answer("Last.")
    await stage.do_jobs()
    assert stage.attempts(last) == ["accepted"]
    assert len(twilio.texts()) == FAILURES_IN_A_ROW + 1
    # It is asked again after a while, and once it answers, it is the first again.
    del pigeons.outcomes[:]
    stage.clock.advance(60)
    await stage.answer("Back.")
    await stage.do_all_jobs()
    assert bodies(pigeons) == ["Back."]


async def test_rule_says_which_channels_stand_in(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, swapped: uuid.UUID
) -> None:
    await rule(stage)
    pigeons.outcomes = [ProviderUnavailable("closed")]
    message_id = await stage.answer()
    await stage.do_all_jobs()
    assert stage.attempts(message_id) == ["not_accepted", "accepted"]
    assert (twilio.texts(), bodies(pigeons)) == ([], ["Yes."])


@pytest.mark.parametrize(("country", "is_passed_on"), [("US", True), ("DE", False)])
async def test_rule_of_the_clients_country_goes_before_that_of_all(
    stage: Stage,
    twilio: Twilio,
    pigeons: Pigeons,
    swapped: uuid.UUID,
    *,
    country: str,
    is_passed_on: bool,
) -> None:
    await rule(stage)
    await rule(stage, swapped, country=country)
    pigeons.outcomes = [ProviderUnavailable("closed")]
    await stage.answer(client="+12025550143")
    await stage.do_all_jobs()
    assert bool(twilio.texts("+12025550143")) is is_passed_on


async def test_channel_of_another_medium_never_stands_in(
    stage: Stage, twilio: Twilio, pigeons: Pigeons, swapped: uuid.UUID
) -> None:
    stage.rows("UPDATE channels SET medium = 'email' WHERE id = %s", swapped)
    pigeons.outcomes = [ProviderUnavailable("closed")]
    await stage.answer()
    await stage.do_all_jobs()
    assert (twilio.texts(), bodies(pigeons)) == ([], ["Yes."])


Choose = Callable[[OutgoingMessage, tuple[Candidate, ...]], Sequence[uuid.UUID] | None]


def router_of(choose: Choose) -> BoundRouter:
    return BoundRouter(plugin=plugin_of(TWILIO), router=Router(name="mine", choose=choose))


def stand_in_first(
    message: OutgoingMessage, candidates: tuple[Candidate, ...]
) -> Sequence[uuid.UUID] | None:
    assert (message.medium, message.country, message.body) == ("text", "US", "Yes.")
    return [one.channel_id for one in candidates if not one.is_own]


def fail(message: OutgoingMessage, candidates: tuple[Candidate, ...]) -> Sequence[uuid.UUID] | None:
    raise RuntimeError


def choose_strangers(
    message: OutgoingMessage, candidates: tuple[Candidate, ...]
) -> Sequence[uuid.UUID] | None:
    return [uuid.uuid4()]


@pytest.mark.parametrize(
    ("choices", "is_routed"),
    [
        ([stand_in_first], True),
        ([fail, stand_in_first], True),
        ([choose_strangers], False),
        ([lambda message, candidates: None, stand_in_first], True),
        ([lambda message, candidates: []], False),
    ],
    ids=["chosen", "behind_one_that_fails", "strange", "no_opinion", "none"],
)
async def test_router_of_a_plugin_chooses_and_a_bad_one_has_no_opinion(
    stage: Stage,
    pigeons: Pigeons,
    loft: uuid.UUID,
    *,
    choices: Sequence[Choose],
    is_routed: bool,
) -> None:
    stage.routers = [router_of(choose) for choose in choices]
    await stage.answer(client="+12025550143")
    await stage.do_jobs()
    assert bool(pigeons.sent) is is_routed
