"""Way out, second half: reserve, call, record; and reconcile what was left half done.

An attempt is written down as *sending* before the provider is called. Whoever finds one that still
says so must not call: the provider may have the message already. It asks the provider, and only
when the message is surely not there does it make a new attempt.

What surely was not accepted goes to the next channel that may carry it, if there is one. While none
can be called at all, since a provider has refused our credentials or cannot be opened, the message
waits without being tried, for some days at the most.
"""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Final

from clientflow_core import failpoints
from clientflow_core.clock import Clock
from clientflow_core.domain.jobs import Job, retry_delay_seconds
from clientflow_core.domain.messages import (
    AttemptState,
    Delivery,
    MessageAttempt,
    MessageStatus,
    Receipt,
)
from clientflow_core.domain.routing import Channel
from clientflow_core.errors import (
    AuthFailed,
    ClientFlowError,
    OptedOut,
    OutcomeUnknown,
    PluginError,
    ProviderCannot,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    SettingsError,
)
from clientflow_core.ids import new_id
from clientflow_core.jobs.handlers import JobRun, RetryLater
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.channels import read_channel
from clientflow_core.persistence.repositories.messages import (
    add_attempt,
    count_lookup,
    find_taken,
    list_attempts,
    read_delivery,
    update_message,
)
from clientflow_core.providers.channel import MessageQuery, SupportsMessageLookup
from clientflow_core.registry.bound import BoundRouter
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.choose_channel import ChannelDesk, choose_channel
from clientflow_core.services.record_attempt import (
    Step,
    fail_message,
    give_up_message,
    has_stand_in,
    park,
    record_receipt,
    record_refusal,
    take_back,
)
from clientflow_core.services.require_consent import require_consent

_LOOKUPS_BEFORE_ABSENT: Final = 2
_FIRST_LOOKUP_SECONDS: Final = 2.0
_LONGEST_LOOKUP_PAUSE_SECONDS: Final = 15.0
_SHORTEST_WISH_SECONDS: Final = 1.0
# Credentials are mended by a person, and then the process restarts: not longer than one waits for.
_UNFIT_PAUSE_SECONDS: Final = 300.0
# As long as a provider that is merely away is tried: a text that comes later is worse than none.
_LONGEST_WAIT: Final = dt.timedelta(days=4)
_MOST_DOUBLINGS: Final = 20


async def deliver_message(
    run: JobRun,
    *,
    registry: ProviderRegistry,
    clock: Clock,
    routers: Sequence[BoundRouter] = (),
) -> None:
    """Bring the message of the job to a provider, at most once.

    Args:
        run: the job.
        registry: the enabled providers.
        clock: for tests.
        routers: may choose among the channels.

    Raises:
        RetryLater: it could not be now, or it is not known yet whether it was.
        PluginError: no provider is enabled that may carry it.
    """
    async with run.transaction() as transaction:
        desk = ChannelDesk(organization_id=transaction.scope, registry=registry, routers=routers)
        step = await _reserve(transaction, run.job, desk, clock.now())
        failpoints.hit("deliver_message.reserving")
    failpoints.hit("deliver_message.reserved")
    if step is None:
        async with run.last_transaction():
            return
    if step.is_new:
        await _call(run, step, desk)
    else:
        await _reconcile(run, step, desk, clock.now())
    failpoints.hit("deliver_message.recorded")


async def _reserve(
    transaction: Transaction, job: Job, desk: ChannelDesk, now: dt.datetime
) -> Step | None:
    delivery = await read_delivery(transaction, job.id_arg("message_id"))
    message = delivery.message
    if message.status not in (MessageStatus.QUEUED, MessageStatus.SENDING):
        return None
    attempts = await list_attempts(transaction, message.id)
    if not _is_left_half_done(attempts) and await _is_refused(transaction, delivery):
        return None
    try:
        channel = await _take_channel(transaction, delivery, attempts, desk)
    except (AuthFailed, ProviderUnavailable) as error:
        if now - message.created_at < _LONGEST_WAIT:
            raise _later(error) from error
        await give_up_message(transaction, job, error.code)
        return None
    turn = 1 + sum(one.channel_id == channel.id and one.has_ended for one in attempts)
    is_new = not _is_left_half_done(attempts)
    attempt = _next_attempt(attempts, delivery, channel, now) if is_new else attempts[-1]
    if is_new:
        await add_attempt(transaction, attempt)
        await update_message(transaction, message.id, status=MessageStatus.SENDING.value)
    return Step(delivery=delivery, channel=channel, attempt=attempt, turn=turn, is_new=is_new)


def _next_attempt(
    attempts: Sequence[MessageAttempt], delivery: Delivery, channel: Channel, now: dt.datetime
) -> MessageAttempt:
    return MessageAttempt(
        id=new_id(),
        message_id=delivery.message.id,
        channel_id=channel.id,
        number=len(attempts) + 1,
        state=AttemptState.SENDING,
        provider_message_id=None,
        lookups=0,
        started_at=now,
    )


async def _is_refused(transaction: Transaction, delivery: Delivery) -> bool:
    """Tell whether the client has opted out since it was queued; the message has failed then."""
    message, medium = delivery.message, delivery.channel.medium
    try:
        await require_consent(transaction, message.conversation_id, medium=medium)
    except OptedOut as error:
        await fail_message(transaction, message.id, error)
        return True
    return False


def _is_left_half_done(attempts: Sequence[MessageAttempt]) -> bool:
    return bool(attempts) and attempts[-1].state is AttemptState.SENDING


async def _take_channel(
    transaction: Transaction,
    delivery: Delivery,
    attempts: Sequence[MessageAttempt],
    desk: ChannelDesk,
) -> Channel:
    """Give the channel of the attempt that was left half done, or else that of the next one.

    Raises:
        AuthFailed, ProviderUnavailable, PluginError: none can be called.
    """
    if not _is_left_half_done(attempts):
        return await choose_channel(transaction, delivery, attempts, desk=desk)
    channel = await read_channel(transaction, attempts[-1].channel_id)
    desk.require_fit(channel)
    return channel


async def _call(run: JobRun, step: Step, desk: ChannelDesk) -> None:
    try:
        channel = await desk.open(step.channel)
        receipt = await channel.send(step.message)
    except ProviderCannot as error:
        # Another provider may be able to.
        if not await has_stand_in(run, step, desk):
            await record_refusal(run, step, error)
            return
        _ = await take_back(run, step, desk, error)
        raise _at_once(error.code) from error
    except AuthFailed as error:
        # Not for good: a person mends the credentials, and nothing is wrong with the message.
        is_passed_on = await take_back(run, step, desk, error)
        raise (_at_once(error.code) if is_passed_on else _later(error)) from error
    except ProviderRefused as error:
        await record_refusal(run, step, error)
    except (ProviderUnavailable, PluginError, SettingsError) as error:
        is_passed_on = await take_back(run, step, desk, error)
        raise (_at_once(error.code) if is_passed_on else _again(step, error)) from error
    except OutcomeUnknown as error:
        raise RetryLater(OutcomeUnknown.code, delay_seconds=_FIRST_LOOKUP_SECONDS) from error
    else:
        failpoints.hit("deliver_message.called")
        await record_receipt(run, step, receipt)


async def _reconcile(run: JobRun, step: Step, desk: ChannelDesk, now: dt.datetime) -> None:
    spec = desk.registry.spec(step.channel.provider)
    try:
        candidates = await _look_for(step, desk)
    except AuthFailed as error:
        raise _later(error) from error
    except ProviderUnavailable as error:
        raise RetryLater("provider_lookup_failed") from error
    failpoints.hit("deliver_message.looked_up")
    if candidates is None:
        await park(run, step)
        return
    receipt = await _first_free(run, candidates)
    if receipt is not None:
        await record_receipt(run, step, receipt)
        return
    age_seconds = (now - step.attempt.started_at).total_seconds()
    await _record_absence(run, step, desk, left_seconds=spec.settle_seconds - age_seconds)


async def _look_for(step: Step, desk: ChannelDesk) -> Sequence[Receipt] | None:
    """Ask the provider for what may be the message; None if it cannot be asked."""
    channel = await desk.open(step.channel)
    if not isinstance(channel, SupportsMessageLookup):
        return None
    query = MessageQuery(message=step.message, attempted_at=step.attempt.started_at)
    return await channel.find_messages(query)


async def _first_free(run: JobRun, candidates: Sequence[Receipt]) -> Receipt | None:
    """Give the oldest candidate that is not known to be another message of ours."""
    async with run.transaction() as transaction:
        taken = await find_taken(transaction, [found.provider_message_id for found in candidates])
    return next((found for found in candidates if found.provider_message_id not in taken), None)


async def _record_absence(
    run: JobRun, step: Step, desk: ChannelDesk, *, left_seconds: float
) -> None:
    """Believe the provider that it has no such message, but not at once.

    For *left_seconds* more its look-up may still miss what it has accepted.
    """
    if left_seconds <= 0 and step.attempt.lookups + 1 >= _LOOKUPS_BEFORE_ABSENT:
        error = ProviderUnavailable("the provider does not have the message")
        is_passed_on = await take_back(run, step, desk, error)
        if is_passed_on:
            raise _at_once("provider_absent")
        pause = _pause_before_next(step)
        raise RetryLater("provider_absent", delay_seconds=pause, is_attempt=False)
    async with run.transaction() as transaction:
        await count_lookup(transaction, step.attempt.id)
    failpoints.hit("deliver_message.lookup_counted")
    pause = min(max(left_seconds, _FIRST_LOOKUP_SECONDS), _LONGEST_LOOKUP_PAUSE_SECONDS)
    raise RetryLater(OutcomeUnknown.code, delay_seconds=pause, is_attempt=False)


def _at_once(reason: str) -> RetryLater:
    """Give what lets the next channel have its turn; that is no attempt more."""
    failpoints.hit("deliver_message.passed_on")
    return RetryLater(reason, delay_seconds=0.0, is_attempt=False)


def _again(step: Step, error: ClientFlowError) -> RetryLater:
    wish = _wish(error, step)
    return RetryLater(error.code, delay_seconds=_pause_after(step) if wish is None else wish)


def _pause_after(step: Step) -> float:
    """Give the seconds to wait after an attempt, by how many there were by this channel.

    Not by how often the job was begun: it may have waited for days without an attempt.
    """
    return retry_delay_seconds(step.turn, chance=random.random())  # noqa: S311


def _pause_before_next(step: Step) -> float:
    """Give the seconds before a new attempt: none before the second, then the usual ones."""
    turn = step.turn
    return retry_delay_seconds(turn - 1, chance=random.random()) if turn > 1 else 0.0  # noqa: S311


def _later(error: ProviderError) -> RetryLater:
    """Give what puts the job back until the provider can be called; that is no attempt."""
    wish = error.retry_after_seconds if isinstance(error, ProviderUnavailable) else None
    delay_seconds = _UNFIT_PAUSE_SECONDS if wish is None else max(wish, _SHORTEST_WISH_SECONDS)
    return RetryLater(error.code, delay_seconds=delay_seconds, is_attempt=False)


def _wish(error: ClientFlowError, step: Step) -> float | None:
    """Tell how long the provider wants to be left alone; None if it has not said.

    Twice as long each time that a call was in vain: one that says "a second" for an hour would use
    up all attempts within the first minute. How often the job was begun says nothing: it may have
    been for look-ups, or by workers that were killed.
    """
    if not isinstance(error, ProviderUnavailable) or error.retry_after_seconds is None:
        return None
    doublings = min(step.turn - 1, _MOST_DOUBLINGS)
    return float(max(error.retry_after_seconds, _SHORTEST_WISH_SECONDS) * 2**doublings)
