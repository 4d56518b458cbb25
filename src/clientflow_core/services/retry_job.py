"""Have a job that was given up done again, once the cause is mended."""

import enum
import uuid

from clientflow_core.domain.dead_jobs import JobRecord, JobState, Remedy
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.errors import Conflict, NotFound
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.dead_jobs import read_job, revive_job
from clientflow_core.persistence.repositories.messages import read_message, update_message
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.services.diagnose_job import diagnose_job
from clientflow_core.services.send_message import DELIVER_MESSAGE


class RetryOutcome(enum.StrEnum):
    """What was done: it is due again, or nothing, since it is not given up (any more)."""

    RETRIED = "retried"
    NOT_GIVEN_UP = "not given up"


async def retry_job(
    transaction: Transaction, job_id: int, *, organization_id: uuid.UUID | None = None
) -> RetryOutcome:
    """Make a job that was given up due again, with as many attempts as a new one.

    However many ask at once, it is done once: those behind the first find it under way.

    Args:
        transaction: goes over to the organization of the job, and stays there.
        job_id: names it.
        organization_id: whose it must be; None for anybody's.

    Raises:
        Conflict: it must not be done again, or would do nothing.
    """
    try:
        job = await read_job(transaction, job_id, organization_id=organization_id, is_locked=True)
    except NotFound:
        return RetryOutcome.NOT_GIVEN_UP
    if job.state is not JobState.GIVEN_UP:
        return RetryOutcome.NOT_GIVEN_UP
    found = await diagnose_job(transaction, job)
    if found.remedy is not Remedy.RETRY:
        msg = f"the job {job_id} is not to be done again: {found.about}. {found.why}"
        raise Conflict(msg)
    await _begin_again(transaction, job)
    return RetryOutcome.RETRIED


async def _begin_again(transaction: Transaction, job: JobRecord) -> None:
    if job.kind == DELIVER_MESSAGE:
        await _queue_again(transaction, job.id_arg("message_id"))
    await revive_job(transaction, job.id)


async def _queue_again(transaction: Transaction, message_id: uuid.UUID) -> None:
    message = await read_message(transaction, message_id, is_locked=True)
    if message.status is not MessageStatus.FAILED:
        return
    queued = MessageStatus.QUEUED.value
    await update_message(transaction, message_id, status=queued, error_code=None, error_detail=None)
    await add_stream_event(transaction, f"message.{queued}", message_id)
