"""What became of an attempt to send a message, written down."""

import asyncio
import functools
import uuid
from collections.abc import Awaitable, Callable
from typing import Final, ParamSpec, TypeVar

import attrs
import structlog

from clientflow_core import failpoints
from clientflow_core.domain.consent import ConsentSource, ConsentStatement, Wish
from clientflow_core.domain.email.parts import EmailParts
from clientflow_core.domain.jobs import Job
from clientflow_core.domain.messages import (
    AttemptState,
    Delivery,
    MessageAttempt,
    MessageStatus,
    OutboundMessage,
    Receipt,
    advance_delivery,
)
from clientflow_core.domain.routing import Channel
from clientflow_core.errors import (
    ClientFlowError,
    ClientRefused,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
)
from clientflow_core.jobs.handlers import JobRun
from clientflow_core.jobs.trouble import PASSING_ERRORS
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.consents import find_point_of
from clientflow_core.persistence.repositories.messages import (
    end_attempt,
    list_attempts,
    read_message,
    update_message,
)
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.services.choose_channel import ChannelDesk, is_turn_of_another
from clientflow_core.services.record_consent import record_consent
from clientflow_core.services.record_usage import record_usage

_DETAIL_LENGTH: Final = 500
# A provider that wants to be left alone for longer has more than a busy moment.
_LONGEST_POSTPONEMENT_SECONDS: Final = 60.0
_MOST_POSTPONEMENTS: Final = 3
# A deadlock is over at once, and a server that is started again within seconds.
_RECORD_PAUSES_SECONDS: Final = (0.1, 1.0, 3.0)

_P = ParamSpec("_P")
_T = TypeVar("_T")

log = structlog.get_logger(__name__)


def _insisting(record: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    """Have *record* done again where the database was busy or away.

    What a provider has said is known here alone. Without it, nobody could tell whether the message
    was taken, where the provider cannot be asked.
    """

    @functools.wraps(record)
    async def insist(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        for pause in _RECORD_PAUSES_SECONDS:
            try:
                return await record(*args, **kwargs)
            except PASSING_ERRORS as error:
                log.warning("attempt_not_recorded_yet", error=type(error).__name__)
            await asyncio.sleep(pause)
        return await record(*args, **kwargs)

    return insist


@attrs.frozen(kw_only=True)
class Step:
    """What is done now: an attempt, and whether it is new or was left half done.

    Attributes:
        channel: the one that the attempt goes by.
        turn: 1 if it is the first by this channel.
    """

    delivery: Delivery
    channel: Channel
    attempt: MessageAttempt
    turn: int
    is_new: bool

    @property
    def message(self) -> OutboundMessage:
        """What the provider is given."""
        return OutboundMessage(
            attempt_id=self.attempt.id,
            sender=self.channel.address,
            recipient=self.delivery.recipient,
            body=self.delivery.message.body,
            media_urls=self.delivery.message.media_urls,
            email=_parts(self.delivery),
        )


@_insisting
async def record_receipt(run: JobRun, step: Step, receipt: Receipt) -> None:
    """Write down that the provider has the message; the job is done."""
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
            channel_id=step.channel.id,
            provider_message_id=message.provider_message_id or receipt.provider_message_id,
        )
        await record_usage(transaction, message.id)
        await add_stream_event(transaction, f"message.{status.value}", message.id)
        failpoints.hit("record_attempt.accepted")


@_insisting
async def record_refusal(run: JobRun, step: Step, error: ProviderError) -> None:
    """Write down that the provider will never take the message; the job is done."""
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
            await fail_message(transaction, message.id, error)
        if isinstance(error, ClientRefused):
            await _opt_out(transaction, step, error)
        failpoints.hit("record_attempt.refused")


async def fail_message(
    transaction: Transaction, message_id: uuid.UUID, error: ClientFlowError
) -> None:
    """Write down that a message, which is held locked, is never sent, and why."""
    code = error.provider_code if isinstance(error, ProviderError) else None
    await _set_status(
        transaction,
        message_id,
        MessageStatus.FAILED,
        code=code or error.code,
        detail=str(error)[:_DETAIL_LENGTH],
    )


async def _opt_out(transaction: Transaction, step: Step, error: ClientRefused) -> None:
    """Know from now on what the provider knew before us."""
    said = ConsentStatement(
        wish=Wish.OPT_OUT,
        source=ConsentSource.PROVIDER,
        evidence=error.provider_code or error.code,
        # What the client says after we asked the provider is newer than its answer.
        occurred_at=step.attempt.started_at,
        channel_id=step.channel.id,
    )
    point_id = await find_point_of(transaction, step.delivery.message.id)
    _ = await record_consent(transaction, point_id, said, medium=step.channel.medium)


@_insisting
async def take_back(run: JobRun, step: Step, desk: ChannelDesk, error: ClientFlowError) -> bool:
    """Write down that the provider surely does not have the message; it is queued again.

    Returns:
        Whether it is now another channel's turn.
    """
    is_postponed = step.turn <= _MOST_POSTPONEMENTS and _is_worth_waiting(error)
    async with run.transaction() as transaction:
        message = await read_message(transaction, step.delivery.message.id, is_locked=True)
        await end_attempt(
            transaction,
            step.attempt.id,
            state=AttemptState.POSTPONED if is_postponed else AttemptState.NOT_ACCEPTED,
            provider_code=error.provider_code if isinstance(error, ProviderError) else error.code,
            detail=str(error)[:_DETAIL_LENGTH],
        )
        if message.status is MessageStatus.SENDING:
            await update_message(transaction, message.id, status=MessageStatus.QUEUED.value)
        failpoints.hit("record_attempt.taken_back")
        if is_postponed:
            return False
        return await is_turn_of_another(transaction, step.delivery, step.channel, desk=desk)


async def has_stand_in(run: JobRun, step: Step, desk: ChannelDesk) -> bool:
    """Tell whether another channel could carry the message that this one cannot."""
    async with run.transaction() as transaction:
        return await is_turn_of_another(transaction, step.delivery, step.channel, desk=desk)


async def park(run: JobRun, step: Step) -> None:
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
        failpoints.hit("record_attempt.parked")


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


def _parts(delivery: Delivery) -> EmailParts | None:
    kept = delivery.message.email
    if kept is None:
        return None
    return EmailParts(
        subject=kept.subject,
        message_id=kept.message_id,
        in_reply_to=kept.in_reply_to,
        references=kept.references,
        sender_name=delivery.channel.name,
        attachments=delivery.attachments,
    )


def _is_worth_waiting(error: ClientFlowError) -> bool:
    """Tell whether the provider is merely busy: a client is not to see another number for that."""
    if not isinstance(error, RateLimited):
        return False
    return (error.retry_after_seconds or 0.0) <= _LONGEST_POSTPONEMENT_SECONDS


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
