"""Keep the copy of a calendar: what has changed, and where to go on, in one transaction.

Several workers may do this for one calendar at the same time. Each writes down a page only if the
calendar is where it was when the page was asked for; else it goes on from where the others came.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from clientflow_core import failpoints
from clientflow_core.clock import Clock
from clientflow_core.domain.calendars import SyncPage
from clientflow_core.domain.followed_calendars import FollowedCalendar, KeptEvent, fold_changes
from clientflow_core.errors import (
    ClientFlowError,
    CursorExpired,
    PluginError,
    ProviderError,
    SettingsError,
)
from clientflow_core.ids import new_id
from clientflow_core.jobs.handlers import JobRun
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.calendar_events import apply_changes, sweep
from clientflow_core.persistence.repositories.calendars import (
    ask_for,
    begin_anew_once_a_day,
    read_calendar,
    update_calendar,
)
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.tell_attendees import tell_of_changes

SYNC_CALENDAR: Final = "sync_calendar"
"""The kind of the job; it names the calendar by ``calendar_id``."""

CALENDAR_SYNCED: Final = "calendar.synced"
_MOST_PAGES: Final = 50
_LONGEST_ERROR: Final = 300


class _MovedOn(Exception):
    """Somebody else has written down a page meanwhile; ours is dropped."""


async def sync_calendar(run: JobRun, *, registry: ProviderRegistry, clock: Clock) -> None:
    """Bring the copy of a calendar up to date; why it could not be is kept with the calendar.

    Args:
        run: the job.
        registry: the enabled providers.
        clock: tells the time.
    """
    calendar_id = run.job.id_arg("calendar_id")
    async with run.transaction() as transaction:
        await update_calendar(transaction, calendar_id, last_tried_at=sa.func.now())
        # What a provider has not told, or we have got wrong, does not stay so for longer.
        await begin_anew_once_a_day(transaction, calendar_id)
    try:
        for _ in range(_MOST_PAGES):
            if await _take_page(run, calendar_id, registry, clock):
                return
    except (ProviderError, PluginError, SettingsError) as error:
        await _record_failure(run, calendar_id, error)
        return
    # So much at once that others should have their turn.
    async with run.last_transaction() as transaction:
        await ask_for(transaction, SYNC_CALENDAR, calendar_id)


async def _take_page(
    run: JobRun, calendar_id: uuid.UUID, registry: ProviderRegistry, clock: Clock
) -> bool:
    """Ask for the next page, and write it down; tell whether it was the last."""
    async with run.transaction() as transaction:
        calendar = await read_calendar(transaction, calendar_id)
    opened = await registry.calendar(calendar.provider, organization_id=run.job.organization_id)
    try:
        page = await opened.sync(calendar.provider_calendar_id, cursor=calendar.cursor)
    except CursorExpired:
        if calendar.cursor is None:
            raise
        await _begin_anew(run, calendar)
        return False
    failpoints.hit("sync_calendar.asked")
    try:
        async with run.last_transaction() if page.is_last else run.transaction() as transaction:
            await _record(transaction, calendar, page, at=clock.now())
            failpoints.hit("sync_calendar.written")
    except _MovedOn:
        return False
    failpoints.hit("sync_calendar.recorded")
    return page.is_last


async def _begin_anew(run: JobRun, calendar: FollowedCalendar) -> None:
    """Read from the beginning; what does not come by the end of that is gone."""
    async with run.transaction() as transaction:
        now = await read_calendar(transaction, calendar.id, is_locked=True)
        if now.is_at(calendar):
            await update_calendar(transaction, calendar.id, cursor=None, sweep_id=new_id())


async def _record(
    transaction: Transaction, calendar: FollowedCalendar, page: SyncPage, *, at: dt.datetime
) -> None:
    now = await read_calendar(transaction, calendar.id, is_locked=True)
    if not now.is_at(calendar):
        raise _MovedOn
    changes = fold_changes(page.changes)
    gone = [*await apply_changes(transaction, now, changes)]
    if page.is_last:
        gone += await _end(transaction, now)
    await update_calendar(transaction, now.id, cursor=page.cursor)
    if changes.are_any or now.last_error or now.sweep_id:
        await tell_of_changes(transaction, now.id, gone=gone, now=at)
        await add_stream_event(transaction, CALENDAR_SYNCED, now.id)


async def _end(transaction: Transaction, calendar: FollowedCalendar) -> Sequence[KeptEvent]:
    gone = [] if calendar.sweep_id is None else await sweep(transaction, calendar)
    await update_calendar(
        transaction, calendar.id, sweep_id=None, last_synced_at=sa.func.now(), last_error=None
    )
    return gone


async def _record_failure(run: JobRun, calendar_id: uuid.UUID, error: ClientFlowError) -> None:
    """Write down why; the calendar is polled again after a while."""
    async with run.last_transaction() as transaction:
        await update_calendar(transaction, calendar_id, last_error=str(error)[:_LONGEST_ERROR])
        await add_stream_event(transaction, CALENDAR_SYNCED, calendar_id)
