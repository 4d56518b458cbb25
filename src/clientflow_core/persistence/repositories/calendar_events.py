"""The events of the calendars that are followed."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.domain.calendars import AllDay, CalendarEvent, EventDraft, EventStatus, Timed
from clientflow_core.domain.followed_calendars import Changes, FollowedCalendar, KeptEvent
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, new_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import calendar_events

_COLUMNS: Final = [
    calendar_events.c[name]
    for name in (
        "id",
        "calendar_id",
        "provider_event_id",
        "provider_series_id",
        "etag",
        "ical_uid",
        "title",
        "description",
        "location",
        "attendees",
        "starts_at",
        "ends_at",
        "time_zone",
        "first_day",
        "last_day",
        "status",
        "is_busy",
        "put_error",
        "updated_at",
        "sequence",
        "invited",
        "invited_to",
    )
]
_DAY: Final = dt.timedelta(days=1)
# In the words of the index that holds no others.
_IS_TOLD: Final = sa.text("invited <> '{}'")
_KEPT: Final = frozenset({"organization_id", "id", "calendar_id", "provider_event_id"})


async def apply_changes(
    transaction: Transaction, calendar: FollowedCalendar, changes: Changes
) -> Sequence[KeptEvent]:
    """Make the copy of a calendar what *changes* say; what comes is marked with its sweep.

    Returns:
        What is gone now, of what somebody was invited to by us.
    """
    gone = await _remove(transaction, calendar.id, changes)
    if changes.events:
        await _put(transaction, calendar, changes)
    return gone


async def _put(transaction: Transaction, calendar: FollowedCalendar, changes: Changes) -> None:
    rows = [
        {"organization_id": transaction.scope, "id": new_id(), **_from_provider(calendar, event)}
        for event in changes.events.values()
    ]
    statement = insert(calendar_events)
    renewed = {name: statement.excluded[name] for name in rows[0] if name not in _KEPT}
    statement = statement.on_conflict_do_update(
        constraint="calendar_events_provider_event_key",
        set_={**renewed, "put_error": None, "updated_at": sa.func.now()},
    )
    await transaction.execute(statement, rows)


async def _remove(
    transaction: Transaction, calendar_id: uuid.UUID, changes: Changes
) -> Sequence[KeptEvent]:
    table = calendar_events.c
    gone = list(changes.removed)
    if not gone:
        return []
    rule = sa.and_(
        table.calendar_id == calendar_id,
        sa.or_(
            table.provider_event_id.in_(gone),
            table.provider_series_id.in_(gone),
        ),
        # What comes again in the same page keeps its row, and with it our id.
        table.provider_event_id.not_in(list(changes.events)),
    )
    return await _take_out(transaction, rule)


async def sweep(transaction: Transaction, calendar: FollowedCalendar) -> Sequence[KeptEvent]:
    """Take out what has not come since the sweep of *calendar* began; what is ours alone stays.

    Returns:
        What of it somebody was invited to by us.
    """
    table = calendar_events.c
    rule = sa.and_(
        table.calendar_id == calendar.id,
        table.provider_event_id.is_not(None),
        table.sweep_id.is_distinct_from(calendar.sweep_id),
    )
    return await _take_out(transaction, rule)


async def delete_event(transaction: Transaction, event_id: uuid.UUID) -> KeptEvent | None:
    """Take one event out of the copy; give it if it was there."""
    statement = calendar_events.delete().where(calendar_events.c.id == event_id)
    row = (await transaction.execute(statement.returning(*_COLUMNS))).mappings().one_or_none()
    return _to_event(row) if row else None


async def list_told(
    transaction: Transaction, calendar_id: uuid.UUID, *, since: dt.datetime
) -> Sequence[KeptEvent]:
    """List the events of a calendar to which somebody was invited by us, and that end *since*."""
    table = calendar_events.c
    is_ahead = sa.or_(table.ends_at >= since, table.last_day >= since.date() - _DAY)
    statement = sa.select(*_COLUMNS).where(table.calendar_id == calendar_id, _IS_TOLD, is_ahead)
    return [_to_event(row) for row in (await transaction.execute(statement)).mappings()]


async def record_told(
    transaction: Transaction,
    event_id: uuid.UUID,
    *,
    invited: Sequence[str],
    invited_to: str,
    sequence: int,
) -> None:
    """Write down who was invited to an event, and to what; nothing if it is gone."""
    statement = calendar_events.update().where(calendar_events.c.id == event_id)
    values = {"invited": list(invited), "invited_to": invited_to, "sequence": sequence}
    await transaction.execute(statement.values(**values))


async def _take_out(transaction: Transaction, rule: sa.ColumnElement[bool]) -> Sequence[KeptEvent]:
    told = await transaction.execute(sa.select(*_COLUMNS).where(rule, _IS_TOLD))
    found = [_to_event(row) for row in told.mappings()]
    await transaction.execute(calendar_events.delete().where(rule))
    return found


async def add_draft(transaction: Transaction, draft: EventDraft, *, calendar_id: uuid.UUID) -> None:
    """Add an event of ours that is not at the provider yet."""
    values = {
        "organization_id": transaction.scope,
        "id": draft.id,
        "calendar_id": calendar_id,
        "status": EventStatus.CONFIRMED.value,
        **_of(draft),
    }
    await transaction.execute(calendar_events.insert().values(values))


async def record_put(
    transaction: Transaction, event_id: uuid.UUID, event: CalendarEvent, *, in_: FollowedCalendar
) -> None:
    """Write down that the provider has an event of ours, as *event* says.

    Args:
        transaction: in which the calendar is locked.
        event_id: ours.
        event: as the provider has it.
        in_: the calendar.
    """
    table = calendar_events.c
    # A sync may have been quicker: it knew the event by the provider's name alone.
    other = calendar_events.delete().where(
        table.calendar_id == in_.id,
        table.provider_event_id == event.provider_event_id,
        table.id != event_id,
    )
    await transaction.execute(other)
    values = _from_provider(in_, event) | {"put_error": None, "updated_at": sa.func.now()}
    await transaction.execute(calendar_events.update().where(table.id == event_id).values(values))


async def refuse_draft(transaction: Transaction, event_id: uuid.UUID, *, error: str) -> None:
    """Write down that an event of ours will not be at the provider, and why."""
    table = calendar_events.c
    statement = calendar_events.update().where(
        table.id == event_id, table.provider_event_id.is_(None)
    )
    await transaction.execute(statement.values(put_error=error, updated_at=sa.func.now()))


async def read_event(transaction: Transaction, event_id: uuid.UUID) -> KeptEvent:
    """Read one event.

    Raises:
        NotFound: this organization has none with this id.
    """
    statement = sa.select(*_COLUMNS).where(calendar_events.c.id == event_id)
    row = (await transaction.execute(statement)).mappings().one_or_none()
    if row is None:
        msg = f"there is no event {to_public_id(IdPrefix.CALENDAR_EVENT, event_id)}"
        raise NotFound(msg)
    return _to_event(row)


async def list_events(
    transaction: Transaction,
    *,
    calendar_id: uuid.UUID | None = None,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    after: uuid.UUID | None = None,
    most: int,
) -> Sequence[KeptEvent]:
    """List what lies between two moments, or reaches into it, by when it begins.

    Args:
        transaction: of the organization.
        calendar_id: only those of one calendar.
        starts_at: aware; whole days count by the days of UTC.
        ends_at: aware.
        after: goes on behind this event.
        most: how many at the most.
    """
    table = calendar_events.c
    begins = sa.func.coalesce(table.starts_at, sa.cast(table.first_day, table.starts_at.type))
    is_within = sa.or_(
        sa.and_(table.starts_at < ends_at, table.ends_at >= starts_at),
        sa.and_(table.first_day <= ends_at.date(), table.last_day >= starts_at.date()),
    )
    statement = sa.select(*_COLUMNS).where(is_within)
    if calendar_id is not None:
        statement = statement.where(table.calendar_id == calendar_id)
    if after is not None:
        place = sa.select(begins, table.id).where(table.id == after).subquery()
        statement = statement.where(
            sa.tuple_(begins, table.id) > sa.select(*place.c).scalar_subquery()
        )
    statement = statement.order_by(begins, table.id).limit(most)
    return [_to_event(row) for row in (await transaction.execute(statement)).mappings()]


def _from_provider(calendar: FollowedCalendar, event: CalendarEvent) -> dict[str, Any]:
    return {
        "calendar_id": calendar.id,
        "provider_event_id": event.provider_event_id,
        "provider_series_id": event.provider_series_id,
        "etag": event.etag,
        "ical_uid": event.ical_uid,
        "status": event.status.value,
        "sweep_id": calendar.sweep_id,
        **_of(event),
    }


def _of(event: CalendarEvent | EventDraft) -> dict[str, Any]:
    return {
        "title": _storable(event.title),
        "description": _storable(event.description),
        "location": _storable(event.location),
        "attendees": [_storable(one) for one in event.attendees],
        "is_busy": event.is_busy,
        **_time_columns(event.time),
    }


def _time_columns(time: Timed | AllDay) -> dict[str, Any]:
    if isinstance(time, AllDay):
        days = {"first_day": time.first, "last_day": time.last}
        return {"starts_at": None, "ends_at": None, "time_zone": None, **days}
    moments = {"starts_at": time.starts_at, "ends_at": time.ends_at, "time_zone": time.time_zone}
    return {**moments, "first_day": None, "last_day": None}


def _storable(text: str) -> str:
    # Of all characters PostgreSQL keeps every one but this.
    return text.replace("\0", "")


def _to_event(row: sa.RowMapping) -> KeptEvent:
    values = dict(row)
    starts_at, ends_at, time_zone = (
        values.pop(name) for name in ("starts_at", "ends_at", "time_zone")
    )
    first, last = values.pop("first_day"), values.pop("last_day")
    time = (
        AllDay(first=first, last=last)
        if starts_at is None
        else Timed(starts_at=starts_at, ends_at=ends_at, time_zone=time_zone)
    )
    values |= {name: tuple(values[name]) for name in ("attendees", "invited")}
    status = EventStatus(values.pop("status"))
    return KeptEvent(**values, time=time, status=status)
