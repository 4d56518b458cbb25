"""Change an event where it is, or take it out: at its provider, then in our copy.

Only the version that we know is changed. Where the answer was lost, the copy is as the provider has
it after the next sync, and those who were invited are told then.
"""

import uuid

import attrs

from clientflow_core.clock import Clock
from clientflow_core.domain.calendars import CalendarEvent, EventDraft, EventStatus
from clientflow_core.domain.followed_calendars import FollowedCalendar, KeptEvent
from clientflow_core.errors import Conflict, NotFound, ProviderError
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.calendar_events import (
    delete_event,
    read_event,
    record_put,
)
from clientflow_core.persistence.repositories.calendars import ask_for, read_calendar
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.sync_calendar import CALENDAR_SYNCED, SYNC_CALENDAR
from clientflow_core.services.tell_attendees import tell_attendees


@attrs.frozen(kw_only=True)
class CalendarDesk:
    """What it takes to change a calendar of an organization."""

    database: Database
    organization_id: uuid.UUID
    registry: ProviderRegistry
    clock: Clock


async def change_appointment(
    desk: CalendarDesk, draft: EventDraft, *, calendar_id: uuid.UUID
) -> KeptEvent:
    """Make an event what *draft* says; one time of what is repeated is changed by itself.

    Args:
        desk: whose calendar it is.
        draft: with the id of the event.
        calendar_id: where it is.

    Raises:
        NotFound: there is no such event in the calendar.
        Conflict: it is not at the provider yet, or the calendar can only be read.
        EditConflict: somebody else was quicker.
        ProviderError: it was refused, or could not be.
    """
    async with desk.database.organization(desk.organization_id) as transaction:
        calendar, event = await _read(transaction, calendar_id, draft.id)
    wanted = attrs.evolve(draft, provider_event_id=event.provider_event_id)
    opened = await desk.registry.calendar(calendar.provider, organization_id=desk.organization_id)
    try:
        put = await opened.put_event(calendar.provider_calendar_id, wanted, etag=event.etag)
    except ProviderError:
        await _ask_for_sync(desk, calendar.id)
        raise
    async with desk.database.organization(desk.organization_id) as transaction:
        return await _record(transaction, desk, calendar_id, put, event_id=event.id)


async def cancel_appointment(
    desk: CalendarDesk, event_id: uuid.UUID, *, calendar_id: uuid.UUID
) -> None:
    """Take an event out of its calendar; of what is repeated, the one time.

    Raises:
        NotFound: there is no such event in the calendar.
        Conflict: it is not at the provider yet, or the calendar can only be read.
        EditConflict: somebody else has changed it meanwhile.
        ProviderError: it was refused, or could not be.
    """
    async with desk.database.organization(desk.organization_id) as transaction:
        calendar, event = await _read(transaction, calendar_id, event_id)
    opened = await desk.registry.calendar(calendar.provider, organization_id=desk.organization_id)
    try:
        await opened.delete_event(
            calendar.provider_calendar_id, str(event.provider_event_id), etag=event.etag
        )
    except ProviderError:
        await _ask_for_sync(desk, calendar.id)
        raise
    async with desk.database.organization(desk.organization_id) as transaction:
        await _record_out(transaction, desk, calendar_id, event_id)


async def _read(
    transaction: Transaction, calendar_id: uuid.UUID, event_id: uuid.UUID
) -> tuple[FollowedCalendar, KeptEvent]:
    calendar = await read_calendar(transaction, calendar_id)
    event = await read_event(transaction, event_id)
    name = to_public_id(IdPrefix.CALENDAR_EVENT, event_id)
    if event.calendar_id != calendar_id:
        msg = f"there is no event {name}"
        raise NotFound(msg)
    if event.provider_event_id is None:
        msg = f"the event {name} is not in the calendar yet"
        raise Conflict(msg)
    if not calendar.is_writable:
        msg = f"the calendar {to_public_id(IdPrefix.CALENDAR, calendar_id)} can only be read"
        raise Conflict(msg)
    return calendar, event


async def _record(
    transaction: Transaction,
    desk: CalendarDesk,
    calendar_id: uuid.UUID,
    put: CalendarEvent,
    *,
    event_id: uuid.UUID,
) -> KeptEvent:
    calendar = await read_calendar(transaction, calendar_id, is_locked=True)
    await record_put(transaction, event_id, put, in_=calendar)
    event = await read_event(transaction, event_id)
    if not desk.registry.spec(calendar.provider).sends_invitations:
        await tell_attendees(transaction, event, now=desk.clock.now())
    await _end(transaction, calendar_id)
    return await read_event(transaction, event_id)


async def _record_out(
    transaction: Transaction, desk: CalendarDesk, calendar_id: uuid.UUID, event_id: uuid.UUID
) -> None:
    await read_calendar(transaction, calendar_id, is_locked=True)
    event = await delete_event(transaction, event_id)
    if event is not None and event.invited:
        called_off = attrs.evolve(event, status=EventStatus.CANCELED)
        await tell_attendees(transaction, called_off, now=desk.clock.now())
    await _end(transaction, calendar_id)


async def _end(transaction: Transaction, calendar_id: uuid.UUID) -> None:
    # The other times of a series are at another version now, too.
    await ask_for(transaction, SYNC_CALENDAR, calendar_id)
    await add_stream_event(transaction, CALENDAR_SYNCED, calendar_id)


async def _ask_for_sync(desk: CalendarDesk, calendar_id: uuid.UUID) -> None:
    async with desk.database.organization(desk.organization_id) as transaction:
        await ask_for(transaction, SYNC_CALENDAR, calendar_id)
