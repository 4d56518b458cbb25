"""Way out, second half: reserve, call, record; and reconcile what was left half done.

An attempt is written down as *sending* before the provider is called. Whoever finds one that still
says so must not call: the provider may have the message already. It asks the provider, and only
when the message is surely not there does it make a new attempt.

While the provider cannot be called at all, since it has refused our credentials or cannot be
opened, the message waits without being tried, for some days at the most.
"""

import datetime as dt
import random
import uuid
from collections.abc import Sequence
from typing import Final

import attrs

from clientflow_core import failpoints
from clientflow_core.clock import Clock
from clientflow_core.domain.jobs import Job, retry_delay_seconds
from clientflow_core.domain.messages import (
    AttemptState,
    Delivery,
    MessageAttempt,
    MessageStatus,
    OutboundMessage,
    Receipt,
    advance_delivery,
)
from clientflow_core.errors import (
    AuthFailed,
    ClientFlowError,
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
from clientflow_core.persistence.repositories.messages import (
    add_attempt,
    count_lookup,
    end_attempt,
    find_taken,
    list_attempts,
    read_delivery,
    read_message,
    update_message,
)
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.providers.channel import MessageQuery, SupportsMessageLookup
from clientflow_core.registry.registry import ProviderRegistry

_LOOKUPS_BEFORE_ABSENT: Final = 2
_FIRST_LOOKUP_SECONDS: Final = 2.0
_LONGEST_LOOKUP_PAUSE_SECONDS: Final = 15.0
_SHORTEST_WISH_SECONDS: Final = 1.0
_DETAIL_LENGTH: Final = 500
# Credentials are mended by a person, and then the process restarts: not longer than one waits for.
_UNFIT_PAUSE_SECONDS: Final = 300.0
# As long as a provider that is merely away is tried: a text that comes later is worse than none.
_LONGEST_WAIT: Final = dt.timedelta(days=4)
_MOST_DOUBLINGS: Final = 20


@attrs.frozen(kw_only=True)
class _Step:
    """What the reservation found: an attempt, and whether it is new or was left half done."""

    delivery: Delivery
    attempt: MessageAttempt
    is_new: bool

    @property
    def message(self) -> OutboundMessage:
        return OutboundMessage(
            attempt_id=self.attempt.id,
            sender=self.delivery.sender,
            recipient=self.delivery.recipient,
            body=self.delivery.message.body,
        )


async def deliver_message(run: JobRun, *, registry: ProviderRegistry, clock: Clock) -> None:
    """Bring the message of the job to its provider, at most once.

    Raises:
        RetryLater: it could not be now, or it is not known yet whether it was.
        PluginError: its provider is not enabled.
    """
    async with run.transaction() as transaction:
        step = await _reserve(transaction, run.job, registry, clock.now())
    failpoints.hit("deliver_message.reserved")
    if step is None:
        async with run.last_transaction():
            return
    if step.is_new:
        await _call(run, step, registry)
    else:
        await _reconcile(run, step, registry, clock.now())
    failpoints.hit("deliver_message.recorded")


async def give_up_message(transaction: Transaction, job: Job, error: str) -> None:
    """Mark the message of a job that has become a dead letter, unless it has got further."""
    message = await read_message(transaction, job.id_arg("message_id"), is_locked=True)
    ends = {
        MessageStatus.QUEUED: (MessageStatus.FAILED, "the provider never took it"),
        MessageStatus.SENDING: (MessageStatus.UNKNOWN, "the provider may have it; nobody can say"),
    }
    if message.status in ends:
        status, detail = ends[message.status]
        await _set_status(transaction, message.id, status, code=error, detail=detail)
    for attempt in await list_attempts(transaction, message.id):
        if attempt.state is AttemptState.SENDING:
            await end_attempt(transaction, attempt.id, state=AttemptState.UNKNOWN, detail=error)


async def _reserve(
    transaction: Transaction, job: Job, registry: ProviderRegistry, now: dt.datetime
) -> _Step | None:
    delivery = await read_delivery(transaction, job.id_arg("message_id"))
    message = delivery.message
    if message.status not in (MessageStatus.QUEUED, MessageStatus.SENDING):
        return None
    # Raises before anything is written if the provider is not enabled.
    registry.spec(delivery.plugin)
    if await _has_waited_too_long(transaction, job, delivery, registry=registry, now=now):
        return None
    attempts = await list_attempts(transaction, message.id)
    if attempts and attempts[-1].state is AttemptState.SENDING:
        return _Step(delivery=delivery, attempt=attempts[-1], is_new=False)
    attempt = MessageAttempt(
        id=new_id(),
        message_id=message.id,
        number=len(attempts) + 1,
        state=AttemptState.SENDING,
        provider_message_id=None,
        lookups=0,
        started_at=now,
    )
    await add_attempt(
        transaction,
        attempt_id=attempt.id,
        message_id=message.id,
        number=attempt.number,
        started_at=now,
    )
    await update_message(transaction, message.id, status=MessageStatus.SENDING.value)
    return _Step(delivery=delivery, attempt=attempt, is_new=True)


async def _has_waited_too_long(
    transaction: Transaction,
    job: Job,
    delivery: Delivery,
    *,
    registry: ProviderRegistry,
    now: dt.datetime,
) -> bool:
    """Give the message up if its provider cannot be called, and could not be for days.

    Raises:
        RetryLater: it cannot be called, and the message may wait for longer.
    """
    try:
        registry.require_fit(delivery.plugin)
    except (AuthFailed, ProviderUnavailable) as error:
        if now - delivery.message.created_at < _LONGEST_WAIT:
            raise _later(error) from error
        await give_up_message(transaction, job, error.code)
        return True
    return False


async def _call(run: JobRun, step: _Step, registry: ProviderRegistry) -> None:
    try:
        channel = await registry.channel(step.delivery.plugin)
        receipt = await channel.send(step.message)
    except AuthFailed as error:
        # Not for good: a person mends the credentials, and nothing is wrong with the message.
        await _take_back(run, step, error)
        raise _later(error) from error
    except (ProviderRefused, ProviderCannot) as error:
        await _record_refusal(run, step, error)
    except (ProviderUnavailable, PluginError, SettingsError) as error:
        await _take_back(run, step, error)
        wish = _wish(error, run.job)
        delay_seconds = _pause_after(step) if wish is None else wish
        raise RetryLater(error.code, delay_seconds=delay_seconds) from error
    except OutcomeUnknown as error:
        raise RetryLater(OutcomeUnknown.code, delay_seconds=_FIRST_LOOKUP_SECONDS) from error
    else:
        failpoints.hit("deliver_message.called")
        await _record_receipt(run, step, receipt)


async def _reconcile(
    run: JobRun, step: _Step, registry: ProviderRegistry, now: dt.datetime
) -> None:
    spec = registry.spec(step.delivery.plugin)
    try:
        candidates = await _look_for(step, registry)
    except AuthFailed as error:
        raise _later(error) from error
    except ProviderUnavailable as error:
        raise RetryLater("provider_lookup_failed") from error
    if candidates is None:
        await _park(run, step)
        return
    receipt = await _first_free(run, candidates)
    if receipt is not None:
        await _record_receipt(run, step, receipt)
        return
    age_seconds = (now - step.attempt.started_at).total_seconds()
    await _record_absence(run, step, left_seconds=spec.settle_seconds - age_seconds)


async def _look_for(step: _Step, registry: ProviderRegistry) -> Sequence[Receipt] | None:
    """Ask the provider for what may be the message; None if it cannot be asked."""
    channel = await registry.channel(step.delivery.plugin)
    if not isinstance(channel, SupportsMessageLookup):
        return None
    query = MessageQuery(message=step.message, attempted_at=step.attempt.started_at)
    return await channel.find_messages(query)


async def _first_free(run: JobRun, candidates: Sequence[Receipt]) -> Receipt | None:
    """Give the oldest candidate that is not known to be another message of ours."""
    async with run.transaction() as transaction:
        taken = await find_taken(transaction, [found.provider_message_id for found in candidates])
    return next((found for found in candidates if found.provider_message_id not in taken), None)


async def _record_receipt(run: JobRun, step: _Step, receipt: Receipt) -> None:
    async with run.last_transaction() as transaction:
        message = await read_message(transaction, step.delivery.message.id, is_locked=True)
        await end_attempt(
            transaction,
            step.attempt.id,
            state=AttemptState.ACCEPTED,
            provider_message_id=receipt.provider_message_id,
        )
        # A delivery report may have overtaken the answer to the call.
        status = advance_delivery(message.status, receipt.status)
        await update_message(
            transaction,
            message.id,
            status=status.value,
            provider_message_id=message.provider_message_id or receipt.provider_message_id,
        )
        await add_stream_event(transaction, f"message.{status.value}", message.id)


async def _record_refusal(run: JobRun, step: _Step, error: ProviderError) -> None:
    async with run.last_transaction() as transaction:
        message = await read_message(transaction, step.delivery.message.id, is_locked=True)
        await end_attempt(
            transaction,
            step.attempt.id,
            state=AttemptState.REFUSED,
            provider_code=error.provider_code,
            detail=str(error)[:_DETAIL_LENGTH],
        )
        # A report may have shown by now that an earlier attempt was taken after all.
        if message.status is MessageStatus.SENDING:
            await _set_status(
                transaction,
                message.id,
                MessageStatus.FAILED,
                code=error.provider_code or error.code,
                detail=str(error)[:_DETAIL_LENGTH],
            )


async def _take_back(run: JobRun, step: _Step, error: ClientFlowError) -> None:
    """Write down that the provider surely does not have the message; it is queued again."""
    async with run.transaction() as transaction:
        message = await read_message(transaction, step.delivery.message.id, is_locked=True)
        await end_attempt(
            transaction,
            step.attempt.id,
            state=AttemptState.NOT_ACCEPTED,
            provider_code=error.provider_code if isinstance(error, ProviderError) else error.code,
            detail=str(error)[:_DETAIL_LENGTH],
        )
        if message.status is MessageStatus.SENDING:
            await update_message(transaction, message.id, status=MessageStatus.QUEUED.value)


async def _record_absence(run: JobRun, step: _Step, *, left_seconds: float) -> None:
    """Believe the provider that it has no such message, but not at once.

    For *left_seconds* more its look-up may still miss what it has accepted.
    """
    if left_seconds <= 0 and step.attempt.lookups + 1 >= _LOOKUPS_BEFORE_ABSENT:
        error = ProviderUnavailable("the provider does not have the message")
        await _take_back(run, step, error)
        raise RetryLater(
            "provider_absent", delay_seconds=_pause_before_next(step), is_attempt=False
        )
    async with run.transaction() as transaction:
        await count_lookup(transaction, step.attempt.id)
    pause = min(max(left_seconds, _FIRST_LOOKUP_SECONDS), _LONGEST_LOOKUP_PAUSE_SECONDS)
    raise RetryLater(OutcomeUnknown.code, delay_seconds=pause, is_attempt=False)


def _pause_after(step: _Step) -> float:
    """Give the seconds to wait after an attempt, by how many there were.

    Not by how often the job was begun: it may have waited for days without an attempt.
    """
    return retry_delay_seconds(step.attempt.number, chance=random.random())  # noqa: S311


def _pause_before_next(step: _Step) -> float:
    """Give the seconds before a new attempt: none before the second, then the usual ones."""
    number = step.attempt.number
    return retry_delay_seconds(number - 1, chance=random.random()) if number > 1 else 0.0  # noqa: S311


def _later(error: ProviderError) -> RetryLater:
    """Give what puts the job back until the provider can be called; that is no attempt."""
    wish = error.retry_after_seconds if isinstance(error, ProviderUnavailable) else None
    delay_seconds = _UNFIT_PAUSE_SECONDS if wish is None else max(wish, _SHORTEST_WISH_SECONDS)
    return RetryLater(error.code, delay_seconds=delay_seconds, is_attempt=False)


async def _park(run: JobRun, step: _Step) -> None:
    """Leave the message to a person: nobody can tell whether the provider has it."""
    detail = "the provider may have the message, and cannot be asked; a person must decide"
    async with run.last_transaction() as transaction:
        message = await read_message(transaction, step.delivery.message.id, is_locked=True)
        await end_attempt(transaction, step.attempt.id, state=AttemptState.UNKNOWN, detail=detail)
        # A report that has come meanwhile knows better.
        if message.status is MessageStatus.SENDING:
            await _set_status(
                transaction,
                message.id,
                MessageStatus.UNKNOWN,
                code=OutcomeUnknown.code,
                detail=detail,
            )


async def _set_status(
    transaction: Transaction,
    message_id: uuid.UUID,
    status: MessageStatus,
    *,
    code: str,
    detail: str,
) -> None:
    await update_message(
        transaction, message_id, status=status.value, error_code=code, error_detail=detail
    )
    await add_stream_event(transaction, f"message.{status.value}", message_id)


def _wish(error: ClientFlowError, job: Job) -> float | None:
    """Tell how long the provider wants to be left alone; None if it has not said.

    Twice as long each time that it was in vain: one that says "a second" for an hour would use up
    all attempts within the first minute.
    """
    if not isinstance(error, ProviderUnavailable) or error.retry_after_seconds is None:
        return None
    # Waits that were no attempts count too, and there may be a thousand of them.
    doublings = min(job.attempts - 1, _MOST_DOUBLINGS)
    return float(max(error.retry_after_seconds, _SHORTEST_WISH_SECONDS) * 2**doublings)
