"""The feed of a calendar: who is given its address may read it in a program of their own."""

import uuid
from typing import Final

from aiohttp import web

from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.repositories.calendar_feeds import delete_feed, find_feed_of
from clientflow_core.persistence.repositories.calendars import read_calendar
from clientflow_core.secret import Secret
from clientflow_core.services.share_calendar import share_calendar
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.pages.calendar import CalendarPath
from clientflow_host.pages.rendering import render
from clientflow_host.routes.feeds import feed_url

_PATH: Final = "/calendar/{calendar_id}/feed"


async def show_feed(request: ApiRequest[CalendarPath, None, None]) -> web.Response:
    """Show whether a calendar has a feed, and let one be made."""
    return await _show(request, _id_of(request), token=None)


async def make_feed(request: ApiRequest[CalendarPath, None, None]) -> web.Response:
    """Make a new address, and show it this once."""
    calendar_id, form = _id_of(request), await request.raw.post()
    database = request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        token = await share_calendar(
            transaction, calendar_id, shows_details=form.get("shows") == "all"
        )
    return await _show(request, calendar_id, token=token)


async def end_feed(request: ApiRequest[CalendarPath, None, None]) -> web.StreamResponse:
    """Withdraw the address."""
    calendar_id, database = _id_of(request), request.raw.app[ASSEMBLY].database
    async with database.organization(request.principal.organization_id) as transaction:
        await delete_feed(transaction, calendar_id)
    raise web.HTTPSeeOther(f"/calendar/{request.path.calendar_id}/feed")


async def _show(
    request: ApiRequest[CalendarPath, None, None], calendar_id: uuid.UUID, *, token: Secret | None
) -> web.Response:
    assembly = request.raw.app[ASSEMBLY]
    async with assembly.database.organization(request.principal.organization_id) as transaction:
        calendar = await read_calendar(transaction, calendar_id)
        feed = await find_feed_of(transaction, calendar_id)
    url = feed_url(assembly, token) if token else None
    return render(request.raw, "calendar_feed.html", calendar=calendar, feed=feed, url=url)


def _id_of(request: ApiRequest[CalendarPath, None, None]) -> uuid.UUID:
    return from_public_id(IdPrefix.CALENDAR, request.path.calendar_id)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.ADMIN,
        handler=show_feed,
        tag="pages",
        media_type="text/html",
    ),
    Operation(
        method="POST",
        path=_PATH,
        role=Role.ADMIN,
        handler=make_feed,
        tag="pages",
        media_type="text/html",
        foreign=True,
    ),
    Operation(
        method="POST",
        path=f"{_PATH}/end",
        role=Role.ADMIN,
        handler=end_feed,
        tag="pages",
        foreign=True,
    ),
)
