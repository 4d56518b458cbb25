"""``/api/v1/calendars``: which calendars are followed, and what is in them."""

import datetime as dt
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

import attrs
from msgspec import Meta

from clientflow_core.domain.calendars import AllDay, EventStatus, Timed
from clientflow_core.domain.followed_calendars import FollowedCalendar, KeptEvent
from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.calendar_events import list_events
from clientflow_core.persistence.repositories.calendars import (
    ask_for,
    list_calendars,
    read_calendar,
)
from clientflow_core.services.follow_calendar import follow_calendar
from clientflow_core.services.sync_calendar import SYNC_CALENDAR
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import LONG_SECONDS, ApiRequest, Link, Operation, Page, Timestamp
from clientflow_host.routes.lists import give_page
from clientflow_host.routes.views import Limit, id_or_none

_PATH: Final = "/api/v1/calendars"
_ONE: Final = f"{_PATH}/{{calendar_id}}"
_EXAMPLE: Final = ["cal_01a20d1c7faa7fcea7a8f7c97e24159c"]
_EVENT: Final = {"calendar_id": "/data/0/calendar_id", "event_id": "/data/0/id"}
_USUAL_SPAN: Final = dt.timedelta(days=30)

CalendarId: TypeAlias = Annotated[str, Meta(pattern="^cal_[0-9a-f]{32}$", examples=_EXAMPLE)]
# In a path, a text that can be no id is not found, as one that is nobody's.
CalendarIdInPath: TypeAlias = Annotated[str, Meta(examples=_EXAMPLE)]
EventId: TypeAlias = Annotated[
    str, Meta(pattern="^cev_[0-9a-f]{32}$", examples=["cev_01a20d1c7faa7fcea7a8f7c97e24159c"])
]


@attrs.frozen(kw_only=True)
class CalendarView:
    """A calendar that is followed.

    Attributes:
        last_synced_at: when what is known of it was last complete; null where it never was.
        last_error: why the last sync did not end; null where it did.
        is_watched: whether its provider tells of changes; else it is asked once a minute.
    """

    id: CalendarId
    provider: str
    provider_calendar_id: str
    title: str
    time_zone: str
    is_writable: bool
    is_watched: bool
    last_synced_at: Timestamp | None
    last_error: str | None
    created_at: Timestamp

    @classmethod
    def of(cls, calendar: FollowedCalendar) -> "CalendarView":
        """Show *calendar*."""
        return cls(
            id=to_public_id(IdPrefix.CALENDAR, calendar.id),
            provider=calendar.provider,
            provider_calendar_id=calendar.provider_calendar_id,
            title=calendar.title,
            time_zone=calendar.time_zone,
            is_writable=calendar.is_writable,
            is_watched=calendar.watch is not None,
            last_synced_at=calendar.last_synced_at,
            last_error=calendar.last_error,
            created_at=calendar.created_at,
        )


@attrs.frozen(kw_only=True)
class Calendars:
    """The calendars that are followed, by their titles."""

    data: list[CalendarView]


@attrs.frozen(kw_only=True)
class CalendarEventView:
    """An event of a calendar: at a time, or on whole days.

    Attributes:
        starts_at: null for whole days, as are the end and the time zone.
        first_day: null for an event at a time, as is the last day.
        invited: who was told of it by e-mail; nobody is by us where the provider does so.
        is_at_provider: false for one of ours that has not been put into the calendar yet.
        put_error: why it will not be; null as long as it may.
    """

    id: EventId
    calendar_id: CalendarId
    title: str
    starts_at: Timestamp | None
    ends_at: Timestamp | None
    time_zone: str | None
    first_day: dt.date | None
    last_day: dt.date | None
    status: EventStatus
    is_busy: bool
    description: str
    location: str
    attendees: list[str]
    invited: list[str]
    is_at_provider: bool
    put_error: str | None

    @classmethod
    def of(cls, event: KeptEvent) -> "CalendarEventView":
        """Show *event*."""
        return cls(
            id=to_public_id(IdPrefix.CALENDAR_EVENT, event.id),
            calendar_id=to_public_id(IdPrefix.CALENDAR, event.calendar_id),
            title=event.title,
            **_time_fields(event.time),
            status=event.status,
            is_busy=event.is_busy,
            description=event.description,
            location=event.location,
            attendees=list(event.attendees),
            invited=list(event.invited),
            is_at_provider=event.provider_event_id is not None,
            put_error=event.put_error,
        )


def _time_fields(time: Timed | AllDay) -> dict[str, Any]:
    if isinstance(time, AllDay):
        days = {"first_day": time.first, "last_day": time.last}
        return {"starts_at": None, "ends_at": None, "time_zone": None, **days}
    moments = {"starts_at": time.starts_at, "ends_at": time.ends_at, "time_zone": time.time_zone}
    return {**moments, "first_day": None, "last_day": None}


@attrs.frozen(kw_only=True)
class CalendarPath:
    """Names a calendar."""

    calendar_id: CalendarIdInPath


@attrs.frozen(kw_only=True)
class NewCalendar:
    """A calendar to follow, by its provider's name for it."""

    provider: Annotated[str, Meta(min_length=1, max_length=100, examples=["caldav"])]
    provider_calendar_id: Annotated[
        str, Meta(min_length=1, max_length=1000, examples=["/calendars/bookings/appointments/"])
    ]


@attrs.frozen(kw_only=True)
class EventsQuery:
    """Which events of a calendar: from now on for a month, where nothing is said."""

    starts_at: Timestamp | None = None
    ends_at: Timestamp | None = None
    limit: Limit = 20
    starting_after: EventId | None = None


async def list_all(request: ApiRequest[None, None, None]) -> Calendars:
    """List the calendars that are followed."""
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        found = await list_calendars(transaction)
    return Calendars(data=[CalendarView.of(calendar) for calendar in found])


async def follow(request: ApiRequest[None, None, NewCalendar]) -> CalendarView:
    """Follow a calendar; one that is followed already stays as it is."""
    assembly = request.raw.app[ASSEMBLY]
    followed = await follow_calendar(
        assembly.database,
        organization_id=request.principal.organization_id,
        provider=request.body.provider,
        provider_calendar_id=request.body.provider_calendar_id,
        registry=assembly.registry,
    )
    return CalendarView.of(followed)


async def ask_for_sync(request: ApiRequest[CalendarPath, None, None]) -> CalendarView:
    """Ask for what has changed in a calendar; it is under way when this answers."""
    calendar_id = from_public_id(IdPrefix.CALENDAR, request.path.calendar_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        calendar = await read_calendar(transaction, calendar_id)
        await ask_for(transaction, SYNC_CALENDAR, calendar_id)
    return CalendarView.of(calendar)


async def list_within(
    request: ApiRequest[CalendarPath, EventsQuery, None],
) -> Page[CalendarEventView]:
    """List the events of a calendar between two moments, by when they begin."""
    calendar_id = from_public_id(IdPrefix.CALENDAR, request.path.calendar_id)
    query = request.query
    starts_at = query.starts_at or request.raw.app[ASSEMBLY].clock.now()
    ends_at = query.ends_at or _later(starts_at)
    after = id_or_none(query.starting_after, IdPrefix.CALENDAR_EVENT)

    async def load(transaction: Transaction, most: int) -> Sequence[KeptEvent]:
        await read_calendar(transaction, calendar_id)
        return await list_events(
            transaction,
            calendar_id=calendar_id,
            starts_at=starts_at,
            ends_at=ends_at,
            after=after,
            most=most,
        )

    return await give_page(
        request,
        load,
        show=CalendarEventView.of,
        cursor=lambda event: to_public_id(IdPrefix.CALENDAR_EVENT, event.id),
    )


def _later(starts_at: dt.datetime) -> dt.datetime:
    try:
        return starts_at + _USUAL_SPAN
    except OverflowError:
        return starts_at


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.VIEWER,
        handler=list_all,
        tag="calendars",
        operation_id="list_calendars",
        links=(
            Link("sync_calendar", {"calendar_id": "/data/0/id"}),
            Link("list_calendar_events", {"calendar_id": "/data/0/id"}),
            Link("make_appointment", {"calendar_id": "/data/0/id"}),
            Link("make_calendar_feed", {"calendar_id": "/data/0/id"}),
        ),
    ),
    Operation(
        method="POST",
        path=_PATH,
        role=Role.ADMIN,
        handler=follow,
        tag="calendars",
        operation_id="follow_calendar",
        status=HTTPStatus.CREATED,
        errors=(HTTPStatus.NOT_FOUND, HTTPStatus.BAD_GATEWAY),
        links=(Link("list_calendar_events", {"calendar_id": "/id"}),),
        deadline_seconds=LONG_SECONDS,
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/sync",
        role=Role.MEMBER,
        handler=ask_for_sync,
        tag="calendars",
        operation_id="sync_calendar",
        status=HTTPStatus.ACCEPTED,
    ),
    Operation(
        method="GET",
        path=f"{_ONE}/events",
        role=Role.VIEWER,
        handler=list_within,
        tag="calendars",
        operation_id="list_calendar_events",
        links=(Link("change_appointment", _EVENT), Link("cancel_appointment", _EVENT)),
    ),
)
