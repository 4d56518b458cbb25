"""Calendars that others may read: ``/api/v1/calendars/{calendar_id}/feed``, and the feed itself."""

import hashlib
from http import HTTPStatus
from typing import Annotated, Final, Literal, TypeAlias

import attrs
from aiohttp import web
from msgspec import Meta

from clientflow_core.domain.followed_calendars import Feed
from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.repositories.calendar_feeds import delete_feed, read_feed_of
from clientflow_core.persistence.repositories.calendars import read_calendar
from clientflow_core.secret import Secret
from clientflow_core.services.read_feed import read_feed
from clientflow_core.services.share_calendar import share_calendar
from clientflow_host.assembly import ASSEMBLY, Assembly
from clientflow_host.openapi import ApiRequest, Link, Operation, Timestamp
from clientflow_host.routes.calendars import CalendarId, CalendarPath

_PATH: Final = "/api/v1/calendars/{calendar_id}/feed"
_HEADERS: Final = {
    # Kept by who asks alone, and asked for each time: an address may be withdrawn.
    "Cache-Control": "private, no-cache",
    "Content-Disposition": 'inline; filename="calendar.ics"',
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
Shown: TypeAlias = Annotated[
    Literal["all", "busy"],
    Meta(description="`busy` tells when time is taken, and nothing else", examples=["busy"]),
]


@attrs.frozen(kw_only=True)
class FeedPath:
    """The secret of an address."""

    token: Annotated[str, Meta(examples=["an-address-that-is-known-to-nobody"])]


@attrs.frozen(kw_only=True)
class NewFeed:
    """How much others may see of a calendar."""

    shows: Shown = "all"


@attrs.frozen(kw_only=True)
class FeedView:
    """A calendar that others may read at a secret address.

    Attributes:
        created_at: since when they may, at the address that it has now.
    """

    calendar_id: CalendarId
    shows: Shown
    created_at: Timestamp

    @classmethod
    def of(cls, feed: Feed) -> "FeedView":
        """Show *feed*."""
        return cls(
            calendar_id=to_public_id(IdPrefix.CALENDAR, feed.calendar_id),
            shows="all" if feed.shows_details else "busy",
            created_at=feed.created_at,
        )


@attrs.frozen(kw_only=True)
class NewFeedView:
    """A feed with its address.

    Attributes:
        url: whoever has it may read the calendar. It is told here, and never again.
    """

    calendar_id: CalendarId
    shows: Shown
    url: str


async def show(request: ApiRequest[CalendarPath, None, None]) -> FeedView:
    """Tell what others may see of a calendar, but not where."""
    calendar_id = from_public_id(IdPrefix.CALENDAR, request.path.calendar_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        return FeedView.of(await read_feed_of(transaction, calendar_id))


async def make(request: ApiRequest[CalendarPath, None, NewFeed]) -> NewFeedView:
    """Let a calendar be read at a new secret address, and no more at the one before."""
    calendar_id = from_public_id(IdPrefix.CALENDAR, request.path.calendar_id)
    assembly = request.raw.app[ASSEMBLY]
    shows = request.body.shows
    async with assembly.database.organization(request.principal.organization_id) as transaction:
        token = await share_calendar(transaction, calendar_id, shows_details=shows == "all")
    return NewFeedView(
        calendar_id=request.path.calendar_id, shows=shows, url=feed_url(assembly, token)
    )


async def end(request: ApiRequest[CalendarPath, None, None]) -> None:
    """Let a calendar be read by nobody else any more."""
    calendar_id = from_public_id(IdPrefix.CALENDAR, request.path.calendar_id)
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        await read_calendar(transaction, calendar_id)
        await delete_feed(transaction, calendar_id)


async def give(request: ApiRequest[FeedPath, None, None]) -> web.Response:
    """Give a calendar to a program that subscribes to it, as iCalendar (RFC 5545)."""
    assembly = request.raw.app[ASSEMBLY]
    token = Secret(request.path.token)
    written = await read_feed(assembly.database, token, now=assembly.clock.now())
    version = hashlib.sha256(written).hexdigest()[:32]
    known = {one.value for one in request.raw.if_none_match or ()}
    if known & {version, "*"}:
        response = web.Response(status=HTTPStatus.NOT_MODIFIED, headers=_HEADERS)
    else:
        response = web.Response(
            body=written, content_type="text/calendar", charset="utf-8", headers=_HEADERS
        )
    response.etag = version
    return response


def feed_url(assembly: Assembly, token: Secret) -> str:
    """Give the address of a feed."""
    return f"{assembly.settings.url}/calendars/{token.reveal()}.ics"


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.VIEWER,
        handler=show,
        tag="calendars",
        operation_id="read_calendar_feed",
    ),
    Operation(
        method="POST",
        path=_PATH,
        role=Role.ADMIN,
        handler=make,
        tag="calendars",
        operation_id="make_calendar_feed",
        status=HTTPStatus.CREATED,
        links=(
            Link("read_calendar_feed", {"calendar_id": "/calendar_id"}),
            Link("end_calendar_feed", {"calendar_id": "/calendar_id"}),
        ),
    ),
    Operation(
        method="DELETE",
        path=_PATH,
        role=Role.ADMIN,
        handler=end,
        tag="calendars",
        operation_id="end_calendar_feed",
    ),
    Operation(
        method="GET",
        path="/calendars/{token}.ics",
        role=Role.PUBLIC,
        handler=give,
        tag="calendars",
        operation_id="subscribe_to_calendar",
        media_type="text/calendar",
        other_statuses=(HTTPStatus.NOT_MODIFIED,),
    ),
)
