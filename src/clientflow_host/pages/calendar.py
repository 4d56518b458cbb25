"""The calendar: what is coming, day by day, and how each calendar that is followed is."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs
from aiohttp import web

from clientflow_core.domain.calendars import AllDay, EventStatus
from clientflow_core.domain.followed_calendars import FollowedCalendar, KeptEvent
from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.repositories.calendar_events import list_events
from clientflow_core.persistence.repositories.calendars import (
    ask_for,
    list_calendars,
    read_calendar,
)
from clientflow_core.persistence.repositories.stream_events import newest_stream_event
from clientflow_core.services.sync_calendar import SYNC_CALENDAR
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.rendering import render

_SHOWN_DAYS: Final = 30
_MOST_SHOWN: Final = 200


@attrs.frozen(kw_only=True)
class CalendarPath:
    """Names a calendar."""

    calendar_id: str


@attrs.frozen(kw_only=True)
class ShownEvent:
    """An event as the page shows it.

    Attributes:
        day: on which it stands; today for one that has begun before.
        is_whole: whether it takes whole days.
        when: its time, in the zone of its calendar.
        note: what is special about it; may be empty.
    """

    day: dt.date
    is_whole: bool
    when: str
    title: str
    calendar: str
    note: str
    is_canceled: bool


async def show_calendar(request: ApiRequest[None, None, None]) -> web.Response:
    """Show what is coming, and the calendars."""
    assembly = request.raw.app[ASSEMBLY]
    now = assembly.clock.now()
    async with assembly.database.organization(request.principal.organization_id) as transaction:
        # Before what it is the newest of: what comes meanwhile is told once more.
        newest = await newest_stream_event(transaction)
        calendars = await list_calendars(transaction)
        found = await list_events(
            transaction,
            starts_at=now,
            ends_at=now + dt.timedelta(days=_SHOWN_DAYS),
            most=_MOST_SHOWN + 1,
        )
    return render(
        request.raw,
        "calendar.html",
        calendars=calendars,
        days=_by_day(found[:_MOST_SHOWN], {one.id: one for one in calendars}, now),
        has_more=len(found) > _MOST_SHOWN,
        shown_days=_SHOWN_DAYS,
        newest_event=newest,
        may_sync=request.principal.role.includes(Role.MEMBER),
        may_share=request.principal.role.includes(Role.ADMIN),
    )


async def sync(request: ApiRequest[CalendarPath, None, None]) -> web.StreamResponse:
    """Ask for what has changed in a calendar."""
    calendar_id = from_public_id(IdPrefix.CALENDAR, request.path.calendar_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        await read_calendar(transaction, calendar_id)
        await ask_for(transaction, SYNC_CALENDAR, calendar_id)
    raise web.HTTPSeeOther("/calendar")


def _by_day(
    events: Iterable[KeptEvent], calendars: Mapping[Any, FollowedCalendar], now: dt.datetime
) -> Sequence[tuple[dt.date, Sequence[ShownEvent]]]:
    shown = [_show(event, calendars[event.calendar_id], now) for event in events]
    # Whole days first; a sort keeps the order of those of the same time.
    ordered = sorted(shown, key=lambda one: (one.day, not one.is_whole, one.when))
    return [(day, list(several)) for day, several in groupby(ordered, key=lambda one: one.day)]


def _show(event: KeptEvent, calendar: FollowedCalendar, now: dt.datetime) -> ShownEvent:
    zone = ZoneInfo(calendar.time_zone)
    day, when = _place(event, zone)
    return ShownEvent(
        day=max(day, now.astimezone(zone).date()),
        is_whole=isinstance(event.time, AllDay),
        when=when,
        title=event.title or "Without a title",
        calendar=calendar.title,
        note=_note(event),
        is_canceled=event.status is EventStatus.CANCELED,
    )


def _place(event: KeptEvent, zone: dt.tzinfo) -> tuple[dt.date, str]:
    time = event.time
    if isinstance(time, AllDay):
        is_long = time.last > time.first
        return time.first, f"All day until {time.last:%d %b}" if is_long else "All day"
    first, last = time.starts_at.astimezone(zone), time.ends_at.astimezone(zone)
    until = f"{last:%H:%M}" if last.date() == first.date() else f"{last:%d %b %H:%M}"
    return first.date(), f"{first:%H:%M} to {until}"


def _note(event: KeptEvent) -> str:
    if event.put_error is not None:
        return f"not in the calendar: {event.put_error}"
    if event.provider_event_id is None:
        return "on its way into the calendar"
    if event.status is EventStatus.TENTATIVE:
        return "not certain yet"
    return "canceled" if event.status is EventStatus.CANCELED else ""


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/calendar",
        role=Role.VIEWER,
        handler=show_calendar,
        tag="pages",
        operation_id="show_calendar",
        media_type="text/html",
    ),
    Operation(
        method="POST",
        path="/calendar/{calendar_id}/sync",
        role=Role.MEMBER,
        handler=sync,
        tag="pages",
        operation_id="sync_calendar_by_button",
        foreign=True,
    ),
)
