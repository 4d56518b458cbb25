"""The provider itself: what a CalDAV server is asked."""

import asyncio
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

import attrs
from typing_extensions import override

from clientflow_core.domain.calendars import (
    BusyTime,
    Calendar,
    CalendarEvent,
    EventDraft,
    EventRemoved,
    SyncPage,
)
from clientflow_core.errors import (
    AuthFailed,
    EditConflict,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    RejectedInput,
)
from clientflow_core.providers.calendar import CalendarProvider
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.caldav.answers import (
    Multistatus,
    Resource,
    is_event_calendar,
    name_in,
    path_of,
)
from clientflow_plugins.caldav.bodies import (
    CALDAV,
    CALENDARS,
    DAV,
    HOME,
    PRINCIPAL,
    changes_since,
    events_at,
    events_between,
)
from clientflow_plugins.caldav.client import ICS, Answer, DavClient
from clientflow_plugins.caldav.cursors import Cursor, Window, read_cursor
from clientflow_plugins.caldav.errors import map_error
from clientflow_plugins.caldav.events import (
    SERIES,
    Found,
    change_event,
    is_series,
    read_components,
    read_events,
    write_event,
)
from clientflow_plugins.caldav.reading import (
    events_of,
    is_cut_off,
    moments,
    read_calendar,
    takes_time,
    zone_name,
)
from clientflow_plugins.caldav.series import Series
from clientflow_plugins.caldav.settings import CaldavSettings

PAGE: Final = 25
"""How many resources are read at once: each may be a series."""

_DAY: Final = dt.timedelta(days=1)
_TIME_NAME: Final = re.compile(r"[0-9]{8}(T[0-9]{6}Z)?")
Change = CalendarEvent | EventRemoved


class CaldavCalendars(CalendarProvider):
    """Keeps the calendars of one account.

    Nothing is repeated in here: ClientFlow does that.

    Args:
        context: lends the HTTP session, which is never closed here, and the clock.
        settings: the account.
    """

    def __init__(self, context: ProviderContext, settings: CaldavSettings) -> None:
        self._client = DavClient(context.http, settings)
        self._clock = context.clock
        self._username = settings.username

    @override
    async def verify(self) -> str:
        """Ask who we are, and give the account.

        Raises:
            AuthFailed: the credentials do not fit, or nobody there speaks CalDAV.
            ProviderUnavailable: the server did not answer.
        """
        try:
            await self._find_principal()
        except ProviderRefused as error:
            raise AuthFailed(str(error), provider_code=error.provider_code) from error
        return self._username

    @override
    async def list_calendars(self) -> Sequence[Calendar]:
        """Give the calendars that may hold events, in the server's order."""
        principal = await self._find_principal()
        asked = await self._client.propfind(principal, HOME, depth=0)
        home = self._only_href(asked, f"{{{CALDAV}}}calendar-home-set", base=principal)
        found = await self._client.propfind(home, CALENDARS, depth=1)
        return [read_calendar(one) for one in found.resources if is_event_calendar(one)]

    @override
    async def sync(self, provider_calendar_id: str, *, cursor: str | None) -> SyncPage:
        """Ask which resources have changed, and read a page of them."""
        calendar = _path(provider_calendar_id)
        place = read_cursor(cursor, today=self._clock.now().date())
        answer = await self._client.report(calendar, changes_since(place.token), depth=0)
        listed = {
            name: one
            for one in answer.resources
            if (name := name_in(calendar, one.path)) and name > place.after
        }
        page = sorted(listed)[:PAGE]
        changes = await self._read_page(calendar, [listed[name] for name in page], place)
        end_token = place.end_token or answer.sync_token
        if len(listed) > len(page):
            # To ask once more from the same place and skip what has come is all that a server
            # offers. What changes meanwhile comes after the token of the first page.
            following = attrs.evolve(place, end_token=end_token, after=page[-1])
            return SyncPage(changes=changes, cursor=following.written(), is_last=False)
        ended = Cursor(token=end_token, day=place.day)
        return SyncPage(
            changes=changes, cursor=ended.written(), is_last=not is_cut_off(answer, calendar)
        )

    @override
    async def put_event(
        self, provider_calendar_id: str, draft: EventDraft, *, etag: str | None = None
    ) -> CalendarEvent:
        """Make an event under our own id, so that it is made once; or change a version of one.

        One time of what is repeated becomes an exception of it.

        Raises:
            RejectedInput: it is all times of what is repeated.
        """
        calendar = _path(provider_calendar_id)
        if etag is not None:
            return await self._change(calendar, draft, etag)
        name = f"{draft.id.hex}.ics"
        body = write_event(draft, now=self._clock.now())
        # 412: it is there already, and is given as it is.
        await self._client.call(
            "PUT",
            calendar + name,
            body=body,
            headers={"Content-Type": ICS, "If-None-Match": "*"},
            expects={HTTPStatus.PRECONDITION_FAILED},
        )
        return await self._read_back(calendar, name)

    @override
    async def delete_event(
        self, provider_calendar_id: str, provider_event_id: str, *, etag: str | None = None
    ) -> None:
        """Take an event out, one time of a series or all of it; if it is gone, that is as well."""
        calendar = _path(provider_calendar_id)
        resource, time_name = _names(provider_event_id)
        if time_name:
            await self._leave_out(calendar, resource, time_name, etag)
            return
        await self._delete(calendar + resource, etag)

    @override
    async def list_busy_times(
        self,
        provider_calendar_ids: Sequence[str],
        *,
        starts_at: dt.datetime,
        ends_at: dt.datetime,
    ) -> Sequence[BusyTime]:
        """Ask for what lies between the two moments, and give when it takes up time.

        Not by ``free-busy-query``, which several servers do not know.
        """
        busy: list[BusyTime] = []
        for one in dict.fromkeys(provider_calendar_ids):
            busy += await self._list_busy(one, starts_at, ends_at)
        return busy

    async def _list_busy(
        self, calendar_id: str, starts_at: dt.datetime, ends_at: dt.datetime
    ) -> Sequence[BusyTime]:
        """Give when one calendar is taken."""
        calendar = _path(calendar_id)
        zone = await self._zone_of(calendar)
        body = events_between(starts_at, ends_at)
        answer = await self._client.report(calendar, body, depth=1)
        # A day more on each side, for zones and for what began before; a month for what is long.
        window = Window(starts_at.date() - 31 * _DAY, ends_at.date() + 2 * _DAY)
        busy = []
        for resource in answer.resources:
            for event in events_of(calendar, resource, window, zone):
                first, last = moments(event, zone)
                if takes_time(event) and first < ends_at and last > starts_at:
                    busy.append(
                        BusyTime(provider_calendar_id=calendar_id, starts_at=first, ends_at=last)
                    )
            await asyncio.sleep(0)
        return busy

    async def _find_principal(self) -> str:
        start = self._client.start
        answer = await self._client.propfind(start, PRINCIPAL, depth=0)
        return self._only_href(answer, f"{{{DAV}}}current-user-principal", base=start)

    def _only_href(self, answer: Multistatus, name: str, *, base: str) -> str:
        """Give the path that a property of the one resource leads to.

        Raises:
            ProviderRefused: there is none, or it leads to another server.
        """
        found = [href for one in answer.resources if (href := one.href_in(name))]
        if not found:
            msg = f"the CalDAV server does not say {name.rpartition('}')[2]}: is CALDAV_URL right?"
            raise ProviderRefused(msg)
        if not self._client.is_here(found[0]):
            msg = "the account's calendars are at another address; set CALDAV_URL to it"
            raise ProviderRefused(msg)
        return path_of(found[0], base=base)

    async def _read_page(
        self, calendar: str, resources: Sequence[Resource], place: Cursor
    ) -> Sequence[Change]:
        gone = {one.path for one in resources if one.status == HTTPStatus.NOT_FOUND}
        wanted = [one.path for one in resources if one.path not in gone]
        found: Mapping[str, Resource] = {}
        zone: dt.tzinfo = dt.UTC
        if wanted:
            zone = await self._zone_of(calendar)
            answer = await self._client.report(calendar, events_at(wanted), depth=0)
            found = {one.path: one for one in answer.resources}
        changes: list[Change] = []
        for resource in resources:
            name = name_in(calendar, resource.path) or ""
            if place.token:
                # What it was before is not told: it may have been a series, or not.
                changes.append(EventRemoved(provider_event_id=name))
            if resource.path in found:
                changes += events_of(calendar, found[resource.path], place.window, zone)
            await asyncio.sleep(0)
        return changes

    async def _change(self, calendar: str, draft: EventDraft, etag: str) -> CalendarEvent:
        name = draft.provider_event_id or f"{draft.id.hex}.ics"
        resource, time_name = _names(name)
        answer = await self._get(calendar + resource, expects={HTTPStatus.NOT_FOUND})
        if answer.status == HTTPStatus.NOT_FOUND or answer.etag != etag:
            raise _too_late()
        zone = await self._zone_of(calendar) if time_name else dt.UTC
        try:
            body = _changed(answer.body, draft, time_name, now=self._clock.now(), zone=zone)
        except LookupError as error:
            raise _too_late() from error
        except ValueError as error:
            raise map_error(error, is_change=False) from error
        await self._put_version(calendar + resource, body, etag)
        return await self._read_back(calendar, resource, time_name)

    async def _leave_out(
        self, calendar: str, resource: str, time_name: str, etag: str | None
    ) -> None:
        """Take one time out of a series, of which the rest stays."""
        answer = await self._get(calendar + resource, expects={HTTPStatus.NOT_FOUND})
        if answer.status == HTTPStatus.NOT_FOUND:
            return
        if etag not in (None, answer.etag):
            raise _too_late()
        zone = await self._zone_of(calendar)
        try:
            series = Series(answer.body, zone=zone)
            body = series.leave_out(time_name, now=self._clock.now())
        except LookupError:
            return
        except ValueError as error:
            raise map_error(error, is_change=False) from error
        if body is None:
            await self._delete(calendar + resource, answer.etag)
            return
        await self._put_version(calendar + resource, body, answer.etag)

    async def _delete(self, path: str, etag: str | None) -> None:
        headers = {} if etag is None else {"If-Match": etag}
        await self._client.call("DELETE", path, headers=headers, expects={HTTPStatus.NOT_FOUND})

    async def _put_version(self, path: str, body: bytes, etag: str) -> None:
        headers = {"Content-Type": ICS, "If-Match": etag}
        await self._client.call("PUT", path, body=body, headers=headers)

    async def _read_back(self, calendar: str, name: str, time_name: str = "") -> CalendarEvent:
        """Read what was put, as the server has it: it may have changed it, and its version.

        Args:
            calendar: its path.
            name: of the resource.
            time_name: of the one time of it; empty where it is not repeated.

        Raises:
            OutcomeUnknown: it cannot be read; whatever the reason, it was put.
        """
        today = self._clock.now().date()
        try:
            zone = await self._zone_of(calendar)
            answer = await self._get(calendar + name)
            found = Found(name=name, etag=answer.etag, data=answer.body)
            events = read_events(found, window=Window(today, today + _DAY), zone=zone)
            wanted = f"{name}{SERIES}{time_name}" if time_name else name
            return {one.provider_event_id: one for one in events}[wanted]
        except (ProviderError, ValueError, LookupError) as error:
            msg = f"the event was put, and cannot be read: {error}"
            raise OutcomeUnknown(msg) from error

    async def _get(self, path: str, *, expects: frozenset[int] | set[int] = frozenset()) -> Answer:
        return await self._client.call("GET", path, headers={"Accept": ICS}, expects=expects)

    async def _zone_of(self, calendar: str) -> dt.tzinfo:
        """Ask for the zone of a calendar, in which is what says none."""
        answer = await self._client.propfind(calendar, CALENDARS, depth=0)
        return ZoneInfo(zone_name(answer.resources[0]) if answer.resources else "UTC")


def _path(provider_calendar_id: str) -> str:
    """Give the path of a calendar.

    Raises:
        RejectedInput: it is none.
    """
    if not (provider_calendar_id.startswith("/") and provider_calendar_id.endswith("/")):
        msg = f"{provider_calendar_id!r} is no calendar here: one is a path such as /alice/shop/"
        raise RejectedInput(msg)
    return path_of(provider_calendar_id, base="/")


def _names(provider_event_id: str) -> tuple[str, str]:
    """Give the name of the resource, and that of the one time of it; empty where it has none.

    Raises:
        RejectedInput: the time is none.
    """
    resource, _, time_name = provider_event_id.partition(SERIES)
    if time_name and not _TIME_NAME.fullmatch(time_name):
        msg = f"{provider_event_id!r} is no event here"
        raise RejectedInput(msg)
    return path_of(resource.replace("/", "%2F"), base=""), time_name


def _changed(
    data: bytes, draft: EventDraft, time_name: str, *, now: dt.datetime, zone: dt.tzinfo
) -> bytes:
    """Write what *draft* says into a resource.

    Raises:
        LookupError: it has no such time.
        RejectedInput: it would be all times of what is repeated.
        ValueError: it cannot be read.
    """
    if time_name:
        return Series(data, zone=zone).change(time_name, draft, now=now)
    if is_series(read_components(data)):
        msg = "all times of what is repeated are changed in the calendar itself, not from here"
        raise RejectedInput(msg)
    return change_event(data, draft, now=now)


def _too_late() -> EditConflict:
    msg = "the event has been changed since that version, or taken out"
    return EditConflict(msg)
