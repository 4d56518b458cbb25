"""Decide that nobody needs a job; who has, when and why is kept with it."""

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from clientflow_core.domain.dead_jobs import JobRecord, JobState
from clientflow_core.domain.inbound_events import InboundEventState
from clientflow_core.domain.jobs import Job
from clientflow_core.errors import NotFound
from clientflow_core.jobs.handlers import OnDead
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.dead_jobs import mark_discarded, read_job
from clientflow_core.persistence.repositories.inbound_events import (
    finish_inbound_event,
    read_inbound_event,
)
from clientflow_core.services.diagnose_job import HANDLE_INBOUND_EVENT
from clientflow_core.services.draft_reply import give_up_draft
from clientflow_core.services.put_appointment import PUT_APPOINTMENT, give_up_appointment
from clientflow_core.services.record_attempt import give_up_message
from clientflow_core.services.request_draft import DRAFT_REPLY
from clientflow_core.services.send_message import DELIVER_MESSAGE

# What is told to those who wait for a job that was not given up before.
_GIVE_UP: Final[Mapping[str, OnDead]] = MappingProxyType(
    {
        DELIVER_MESSAGE: give_up_message,
        DRAFT_REPLY: give_up_draft,
        PUT_APPOINTMENT: give_up_appointment,
    }
)
_CODE: Final = "discarded"


async def discard_job(
    transaction: Transaction,
    job_id: int,
    *,
    by: str,
    reason: str,
    organization_id: uuid.UUID | None = None,
) -> bool:
    """Discard a job that was given up or waits; False if there is none, or a worker has it.

    Args:
        transaction: goes over to the organization of the job, and stays there.
        job_id: names it.
        by: who says so.
        reason: why; one line.
        organization_id: whose it must be; None for anybody's.
    """
    try:
        job = await read_job(transaction, job_id, organization_id=organization_id, is_locked=True)
    except NotFound:
        return False
    if not await mark_discarded(transaction, job_id, by=by, reason=reason):
        return False
    await transaction.switch_to(job.organization_id)
    if job.kind == HANDLE_INBOUND_EVENT:
        await _ignore(transaction, job.id_arg("event_id"), f"discarded by {by}: {reason}")
    elif job.state is JobState.WAITING and job.kind in _GIVE_UP:
        await _GIVE_UP[job.kind](transaction, _as_claimed(job), _CODE)
    return True


async def _ignore(transaction: Transaction, event_id: uuid.UUID, reason: str) -> None:
    """Take the webhook out of those that failed: it is not to be replayed with them."""
    event = await read_inbound_event(transaction, event_id)
    if event.state is not InboundEventState.DONE:
        await finish_inbound_event(
            transaction, event_id, state=InboundEventState.IGNORED, reason=reason
        )


def _as_claimed(job: JobRecord) -> Job:
    return Job(
        id=job.id,
        lane=job.lane,
        kind=job.kind,
        organization_id=job.organization_id,
        args=job.args,
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        claimed_by=0,
    )
