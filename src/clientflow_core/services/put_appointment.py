"""Put an event of ours into a calendar: written down first, then put, then recorded.

The provider knows it by our id. To put it once more is one event, so that a job that was cut off,
or whose outcome nobody knows, is simply done again.
"""

import uuid
from typing import Final

from clientflow_core import failpoints
from clientflow_core.clock import Clock
from clientflow_core.domain.calendars import EventDraft
from clientflow_core.domain.followed_calendars import KeptEvent
from clientflow_core.domain.jobs import CALENDARS, Job
from clientflow_core.errors import (
    AuthFailed,
    Conflict,
    OutcomeUnknown,
    PluginError,
    ProviderRefused,
    ProviderUnavailable,
    SettingsError,
)
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.jobs.handlers import JobRun, RetryLater
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.calendar_events import (
    add_draft,
    read_event,
    record_put,
    refuse_draft,
)
from clientflow_core.persistence.repositories.calendars import read_calendar
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.sync_calendar import CALENDAR_SYNCED
from clientflow_core.services.tell_attendees import tell_attendees

PUT_APPOINTMENT: Final = "put_appointment"
"""The kind of the job; it names the event by ``event_id``."""

_LONGEST_ERROR: Final = 300


async def make_appointment(
    transaction: Transaction, draft: EventDraft, *, calendar_id: uuid.UUID
) -> KeptEvent:
    """Write down an event that is to be put into a calendar; it is not there yet.

    Raises:
        NotFound: the organization follows no such calendar.
        Conflict: the calendar can only be read.
    """
    calendar = await read_calendar(transaction, calendar_id)
    if not calendar.is_writable:
        msg = f"the calendar {to_public_id(IdPrefix.CALENDAR, calendar_id)} can only be read"
        raise Conflict(msg)
    await add_draft(transaction, draft, calendar_id=calendar_id)
    args = {"event_id": str(draft.id)}
    await enqueue(transaction, lane=CALENDARS, kind=PUT_APPOINTMENT, args=args)
    return await read_event(transaction, draft.id)


async def put_appointment(run: JobRun, *, registry: ProviderRegistry, clock: Clock) -> None:
    """Bring the event of the job to its provider, once, and invite whoever is asked to come.

    Why it cannot be is kept with it.

    Args:
        run: the job.
        registry: the enabled providers.
        clock: tells the time.

    Raises:
        RetryLater: it could not be now, or it is not known whether it was.
    """
    async with run.transaction() as transaction:
        event = await read_event(transaction, run.job.id_arg("event_id"))
        calendar = await read_calendar(transaction, event.calendar_id)
    try:
        opened = await registry.calendar(calendar.provider, organization_id=run.job.organization_id)
        put = await opened.put_event(calendar.provider_calendar_id, event.draft)
    except (AuthFailed, ProviderUnavailable, OutcomeUnknown, PluginError, SettingsError) as error:
        raise RetryLater(error.code) from error
    except ProviderRefused as error:
        async with run.last_transaction() as transaction:
            await _refuse(transaction, event.id, str(error)[:_LONGEST_ERROR])
        return
    failpoints.hit("put_appointment.called")
    async with run.last_transaction() as transaction:
        now = await read_calendar(transaction, calendar.id, is_locked=True)
        await record_put(transaction, event.id, put, in_=now)
        if not registry.spec(calendar.provider).sends_invitations:
            kept = await read_event(transaction, event.id)
            await tell_attendees(transaction, kept, now=clock.now())
        await add_stream_event(transaction, CALENDAR_SYNCED, calendar.id)
        failpoints.hit("put_appointment.recorded")


async def give_up_appointment(transaction: Transaction, job: Job, error: str) -> None:
    """Say so with the event of a job that has become a dead letter."""
    await _refuse(transaction, job.id_arg("event_id"), error)


async def _refuse(transaction: Transaction, event_id: uuid.UUID, error: str) -> None:
    event = await read_event(transaction, event_id)
    await refuse_draft(transaction, event_id, error=error)
    await add_stream_event(transaction, CALENDAR_SYNCED, event.calendar_id)
