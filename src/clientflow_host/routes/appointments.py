"""``/api/v1/calendars/{calendar_id}/events``: what is put in, changed, taken out."""

import uuid
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import attrs
from aiohttp import web
from msgspec import Meta

from clientflow_core.domain.calendars import EventDraft, Timed
from clientflow_core.domain.contacts import ContactPointKind
from clientflow_core.domain.followed_calendars import FollowedCalendar
from clientflow_core.domain.roles import Role
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.ids import IdPrefix, from_public_id, new_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.calendars import read_calendar
from clientflow_core.persistence.repositories.contacts import read_contact
from clientflow_core.services.change_appointment import (
    CalendarDesk,
    cancel_appointment,
    change_appointment,
)
from clientflow_core.services.put_appointment import make_appointment
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.middleware.idempotency import answer_once
from clientflow_host.openapi import LONG_SECONDS, ApiRequest, Operation, Reply, Timestamp
from clientflow_host.routes.calendars import CalendarEventView, CalendarIdInPath, CalendarPath
from clientflow_host.routes.views import ContactId

_PATH: Final = "/api/v1/calendars/{calendar_id}/events"
_ONE: Final = f"{_PATH}/{{event_id}}"
# Of which a moment is one in every zone.
_YEARS: Final = range(2, 9999)
_Line: TypeAlias = Annotated[str, Meta(max_length=500)]


@attrs.frozen(kw_only=True)
class EventPath:
    """Names an event of a calendar."""

    calendar_id: CalendarIdInPath
    event_id: Annotated[str, Meta(examples=["cev_01a20d1c7faa7fcea7a8f7c97e24159c"])]


@attrs.frozen(kw_only=True)
class NewAppointment:
    """An event to put into a calendar; it ends when it begins, or later.

    Attributes:
        attendees: e-mail addresses of those who are to come; each is invited by e-mail.
        contact_id: a client who is to come, and has an e-mail address.
    """

    title: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S", examples=["Haircut"])]
    starts_at: Timestamp
    ends_at: Timestamp
    time_zone: (
        Annotated[
            str,
            Meta(
                max_length=100,
                description="in which it is shown, as in the tz database; else the calendar's",
                examples=["Europe/Berlin"],
            ),
        ]
        | None
    ) = None
    is_busy: bool = True
    description: Annotated[str, Meta(max_length=5000)] = ""
    location: _Line = ""
    attendees: Annotated[list[Annotated[str, Meta(max_length=320)]], Meta(max_length=100)] = (
        attrs.field(factory=list)
    )
    contact_id: ContactId | None = None


async def make(
    request: ApiRequest[CalendarPath, None, NewAppointment],
) -> Reply[CalendarEventView] | web.Response:
    """Put an event into a calendar; it is on its way when this answers, and not yet there."""
    calendar_id = from_public_id(IdPrefix.CALENDAR, request.path.calendar_id)

    async def work() -> CalendarEventView:
        calendar = await read_calendar(transaction, calendar_id)
        attendees = await _attendees(transaction, request.body)
        draft = _draft(request.body, calendar, id_=new_id(), attendees=attendees)
        made = await make_appointment(transaction, draft, calendar_id=calendar_id)
        return CalendarEventView.of(made)

    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        return await answer_once(request, transaction, status=HTTPStatus.ACCEPTED, work=work)


async def change(request: ApiRequest[EventPath, None, NewAppointment]) -> CalendarEventView:
    """Change an event; of what is repeated, the one time. Those who were invited are told."""
    calendar_id, event_id = _ids(request.path)
    desk = _desk(request)
    async with desk.database.organization(desk.organization_id) as transaction:
        calendar = await read_calendar(transaction, calendar_id)
        attendees = await _attendees(transaction, request.body)
    draft = _draft(request.body, calendar, id_=event_id, attendees=attendees)
    changed = await change_appointment(desk, draft, calendar_id=calendar_id)
    return CalendarEventView.of(changed)


async def cancel(request: ApiRequest[EventPath, None, None]) -> None:
    """Take an event out; of what is repeated, the one time. Those who were invited are told."""
    calendar_id, event_id = _ids(request.path)
    await cancel_appointment(_desk(request), event_id, calendar_id=calendar_id)


def _ids(path: EventPath) -> tuple[uuid.UUID, uuid.UUID]:
    calendar_id = from_public_id(IdPrefix.CALENDAR, path.calendar_id)
    return calendar_id, from_public_id(IdPrefix.CALENDAR_EVENT, path.event_id)


def _desk(request: ApiRequest[EventPath, None, Any]) -> CalendarDesk:
    assembly = request.raw.app[ASSEMBLY]
    return CalendarDesk(
        database=assembly.database,
        organization_id=request.principal.organization_id,
        registry=assembly.registry,
        clock=assembly.clock,
    )


async def _attendees(transaction: Transaction, asked: NewAppointment) -> Sequence[str]:
    """Give who is to come, with the client who was named.

    Raises:
        NotFound: there is no such client.
        InvalidInput: the client has no e-mail address.
    """
    if asked.contact_id is None:
        return asked.attendees
    contact_id = from_public_id(IdPrefix.CONTACT, asked.contact_id)
    contact = await read_contact(transaction, contact_id)
    known = [one.value for one in contact.points if one.kind is ContactPointKind.EMAIL]
    if not known:
        msg = "the client cannot be invited"
        raise InvalidInput(msg, [FieldError("/contact_id", "has no e-mail address")])
    return [*asked.attendees, known[0]]


def _draft(
    asked: NewAppointment,
    calendar: FollowedCalendar,
    *,
    id_: uuid.UUID,
    attendees: Sequence[str],
) -> EventDraft:
    zone = asked.time_zone or calendar.time_zone
    problems = list(_problems(asked, zone))
    if problems:
        msg = "the event cannot take place as it stands"
        raise InvalidInput(msg, problems)
    return EventDraft(
        id=id_,
        title=asked.title,
        time=Timed(starts_at=asked.starts_at, ends_at=asked.ends_at, time_zone=zone),
        is_busy=asked.is_busy,
        description=asked.description,
        location=asked.location,
        attendees=tuple(dict.fromkeys(attendees)),
    )


def _problems(asked: NewAppointment, zone: str) -> Iterator[FieldError]:
    if not _is_zone(zone):
        yield FieldError("/time_zone", "is no name of the tz database")
    for name in ("starts_at", "ends_at"):
        if getattr(asked, name).year not in _YEARS:
            yield FieldError(f"/{name}", "lies too far away")
    if asked.ends_at < asked.starts_at:
        yield FieldError("/ends_at", "lies before starts_at")
    for place, one in enumerate(asked.attendees):
        if not all(one.partition("@")) or any(letter.isspace() for letter in one):
            yield FieldError(f"/attendees/{place}", "is no e-mail address")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        return False
    return True


OPERATIONS: Final = (
    Operation(
        method="POST",
        path=_PATH,
        role=Role.MEMBER,
        handler=make,
        tag="calendars",
        operation_id="make_appointment",
        status=HTTPStatus.ACCEPTED,
        errors=(HTTPStatus.CONFLICT,),
        idempotent=True,
    ),
    Operation(
        method="PUT",
        path=_ONE,
        role=Role.MEMBER,
        handler=change,
        tag="calendars",
        operation_id="change_appointment",
        errors=(HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY),
        deadline_seconds=LONG_SECONDS,
    ),
    Operation(
        method="DELETE",
        path=_ONE,
        role=Role.MEMBER,
        handler=cancel,
        tag="calendars",
        operation_id="cancel_appointment",
        errors=(HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY),
        deadline_seconds=LONG_SECONDS,
    ),
)
