"""The calendars themselves, on Google's SDK.

The API: https://developers.google.com/workspace/calendar/api/v3/reference.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from google.auth.aio.transport.sessions import AsyncAuthorizedSession
from typing_extensions import override

from clientflow_core.domain.calendars import (
    BusyTime,
    Calendar,
    CalendarEvent,
    EventDraft,
    SyncPage,
    Watch,
    WatchRequest,
)
from clientflow_core.errors import (
    AuthFailed,
    CursorExpired,
    EditConflict,
    ProviderRefused,
    ProviderUnavailable,
    RejectedInput,
)
from clientflow_core.providers.calendar import CalendarProvider, SupportsPush
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.google_calendar.answers import (
    busy_error,
    is_gone,
    read_busy_times,
    read_calendar,
    read_cursor,
    read_event,
    read_page,
    read_watch,
    series_of,
    write_change,
    write_draft,
    write_moment,
)
from clientflow_plugins.google_calendar.credentials import AUDIENCE, make_credentials
from clientflow_plugins.google_calendar.errors import (
    DELETED,
    DUPLICATE,
    NOT_FOUND,
    map_error,
    unclear,
)
from clientflow_plugins.google_calendar.settings import GoogleCalendarSettings
from clientflow_plugins.google_calendar.transport import (
    CalendarRequest,
    SharedSession,
    build_api,
)
from clientflow_plugins.google_calendar.webhooks import make_token

# A change takes two calls; both are done within ProviderSpec.deadline_seconds.
TOTAL_SECONDS: Final = 9.0
_API_URL: Final = "https://www.googleapis.com"
_API_PATH: Final = "/calendar/v3/"
_PRIMARY: Final = "primary"
_MOST_CALENDARS: Final = 250
# The most that freeBusy takes at once, by the discovery document.
_MOST_BUSY_CALENDARS: Final = 50
# Without a beginning, every time of a series that has ever been would come.
_HISTORY: Final = dt.timedelta(days=366)
_GONE_REASONS: Final = frozenset({NOT_FOUND, DELETED})
_NOTHING: Final = ("", b"")
# Who gets Google's e-mail about a change: everybody who is asked to come.
_TO_ALL: Final = "all"


class GoogleCalendars(CalendarProvider, SupportsPush):
    """Keeps the calendars that one service account, or one user, can reach.

    Args:
        context: lends the HTTP session, which is never closed here.
        settings: the account.
        total_seconds: the deadline of one call.
    """

    def __init__(
        self,
        context: ProviderContext,
        settings: GoogleCalendarSettings,
        *,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        base = settings.api_base_url.rstrip("/") if settings.api_base_url else None
        credentials = make_credentials(
            settings, url=f"{base}/token" if base else AUDIENCE, clock=context.clock
        )
        self._session = AsyncAuthorizedSession(
            credentials, auth_request=SharedSession(session=context.http)
        )
        self._api = build_api((base or _API_URL) + _API_PATH)
        self._clock = context.clock
        self._webhook_secret = settings.webhook_secret
        self._total_seconds = total_seconds

    @override
    async def verify(self) -> str:
        """Read the entry of the account's own calendar and give its name.

        Raises:
            AuthFailed: the credentials do not fit, or reach no calendar.
            ProviderUnavailable: Google did not answer.
        """
        try:
            found = await self._ask(self._api.calendar_list.get, calendarId=_PRIMARY)
        except ProviderRefused as error:
            raise AuthFailed(str(error), provider_code=error.provider_code) from error
        with _reading():
            return read_calendar(found).provider_calendar_id

    @override
    async def list_calendars(self) -> Sequence[Calendar]:
        """Give the calendars in the account's list, in Google's order.

        A service account has none but those that were put into its list, or its user's.
        """
        calendars: list[Calendar] = []
        query: dict[str, Any] = {"maxResults": _MOST_CALENDARS}
        while True:
            page = await self._ask(self._api.calendar_list.list, **query)
            with _reading():
                calendars += [read_calendar(one) for one in page.get("items", ())]
            if not page.get("nextPageToken"):
                return calendars
            query["pageToken"] = page["nextPageToken"]

    @override
    async def sync(self, provider_calendar_id: str, *, cursor: str | None) -> SyncPage:
        """Ask what has changed; the beginning is a year ago.

        Each time of a series is an event of its own, named by Google.

        Raises:
            CursorExpired: Google takes the token of the cursor no more.
        """
        asked = self._from_the_beginning() if cursor is None else read_cursor(cursor)
        if not asked:
            msg = "the cursor is none of ours"
            raise CursorExpired(msg)
        query: dict[str, Any] = {"singleEvents": True, **asked}
        try:
            page = await self._ask(self._api.events.list, calendarId=provider_calendar_id, **query)
        except RejectedInput as error:
            # A token that Google cannot read at all is a 400.
            if cursor is None or error.provider_code == NOT_FOUND:
                raise
            raise CursorExpired(str(error), provider_code=error.provider_code) from error
        gone = await self._gone_series(provider_calendar_id, page)
        with _reading():
            return read_page(page, asked=asked, gone_series=gone)

    @override
    async def put_event(
        self, provider_calendar_id: str, draft: EventDraft, *, etag: str | None = None
    ) -> CalendarEvent:
        """Make an event under our own id, so that it is made once; or change a version of one.

        Google tells those who are asked to come.

        Raises:
            EditConflict: it was changed since that version, or was taken out.
        """
        if etag is None:
            fields = await self._insert(provider_calendar_id, draft)
        else:
            fields = await self._change(provider_calendar_id, draft, etag=etag)
        with _reading(is_change=True):
            return read_event(fields)

    @override
    async def delete_event(
        self, provider_calendar_id: str, provider_event_id: str, *, etag: str | None = None
    ) -> None:
        """Take an event out; if it is gone already, that is as well."""
        try:
            await self._ask(
                self._api.events.delete,
                is_change=True,
                etag=etag,
                calendarId=provider_calendar_id,
                eventId=provider_event_id,
                sendUpdates=_TO_ALL,
            )
        except RejectedInput as error:
            if error.provider_code not in _GONE_REASONS:
                raise

    @override
    async def list_busy_times(
        self,
        provider_calendar_ids: Sequence[str],
        *,
        starts_at: dt.datetime,
        ends_at: dt.datetime,
    ) -> Sequence[BusyTime]:
        """Ask when the calendars are taken, as many at once as Google answers for."""
        window = {"timeMin": write_moment(starts_at), "timeMax": write_moment(ends_at)}
        times: list[BusyTime] = []
        for first in range(0, len(provider_calendar_ids), _MOST_BUSY_CALENDARS):
            several = provider_calendar_ids[first : first + _MOST_BUSY_CALENDARS]
            times += await self._busy_times_of(several, window)
        return times

    @override
    async def watch(self, request: WatchRequest) -> Watch:
        """Have changes told to us, with a token that proves who tells, for as long as Google likes.

        Asked again with the same id it is refused, with the code ``channelIdNotUnique``: ask with
        another one, and pass over the notices of the first.
        """
        body = {
            "id": str(request.id),
            "type": "web_hook",
            "address": request.address,
            "token": make_token(request.id, self._webhook_secret),
        }
        calendar = request.provider_calendar_id
        fields = await self._ask(
            self._api.events.watch, is_change=True, calendarId=calendar, body=body
        )
        with _reading(is_change=True):
            return read_watch(fields, watch_id=request.id)

    @override
    async def end_watch(self, watch: Watch) -> None:
        """Have no more told; if it has ended by itself, that is as well."""
        body = {"id": str(watch.id), "resourceId": watch.provider_watch_id}
        try:
            await self._ask(self._api.channels.stop, is_change=True, body=body)
        except RejectedInput as error:
            if error.provider_code != NOT_FOUND:
                raise

    async def _insert(self, calendar: str, draft: EventDraft) -> Any:
        # An id has the letters of base32hex, of which hexadecimal ones are some.
        body = {**write_draft(draft), "id": draft.id.hex}
        try:
            return await self._ask(
                self._api.events.insert,
                is_change=True,
                calendarId=calendar,
                body=body,
                sendUpdates=_TO_ALL,
            )
        except ProviderRefused as error:
            if error.provider_code != DUPLICATE:
                raise
        return await self._current(calendar, draft.id.hex)

    async def _change(self, calendar: str, draft: EventDraft, *, etag: str) -> Any:
        name = draft.provider_event_id or draft.id.hex
        current = await self._current(calendar, name)
        if current.get("etag") != etag:
            msg = f"the event {name} was changed since it was read"
            raise EditConflict(msg)
        with _reading():
            body = write_change(draft, current)
        return await self._ask(
            self._api.events.update,
            is_change=True,
            etag=etag,
            calendarId=calendar,
            eventId=name,
            body=body,
            sendUpdates=_TO_ALL,
        )

    async def _current(self, calendar: str, name: str) -> Mapping[str, Any]:
        """Give an event as it is now.

        Raises:
            EditConflict: it was taken out.
        """
        msg = f"the event {name} was taken out"
        try:
            current = await self._ask(self._api.events.get, calendarId=calendar, eventId=name)
        except RejectedInput as error:
            if error.provider_code not in _GONE_REASONS:
                raise
            raise EditConflict(msg, provider_code=error.provider_code) from error
        if is_gone(current):
            raise EditConflict(msg)
        return current

    async def _busy_times_of(
        self, calendars: Sequence[str], window: Mapping[str, str]
    ) -> Sequence[BusyTime]:
        body = {**window, "items": [{"id": one} for one in calendars]}
        answer = await self._ask(self._api.freebusy.query, body=body)
        with _reading():
            reasons = {name: busy_error(answer, calendar=name) for name in calendars}
        for name, reason in reasons.items():
            if reason is not None:
                kind = RejectedInput if reason == NOT_FOUND else ProviderUnavailable
                msg = f"Google does not say when the calendar {name} is taken: {reason}"
                raise kind(msg, provider_code=reason)
        with _reading():
            return list(read_busy_times(answer, calendars=calendars))

    async def _gone_series(self, calendar: str, page: Mapping[str, Any]) -> Sequence[str]:
        """Name the series of *page* that were taken out as a whole.

        Of such a one Google tells the times of the next half year alone:
        https://github.com/googleapis/google-api-ruby-client/issues/860.
        """
        with _reading():
            named = {series_of(one) for one in page["items"] if is_gone(one)}
        series = sorted(name for name in named if name)
        asked = (self._is_gone(calendar, name) for name in series)
        # All are waited for, so that none goes on alone.
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for one in answers:
            if isinstance(one, BaseException):
                raise one
        return [name for name, is_out in zip(series, answers, strict=True) if is_out]

    async def _is_gone(self, calendar: str, name: str) -> bool:
        try:
            await self._current(calendar, name)
        except EditConflict:
            return True
        return False

    def _from_the_beginning(self) -> dict[str, str]:
        today = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return {"timeMin": write_moment(today - _HISTORY)}

    async def _ask(
        self,
        method: Callable[..., CalendarRequest],
        *,
        is_change: bool = False,
        etag: str | None = None,
        **arguments: Any,
    ) -> Mapping[str, Any]:
        """Call a *method* of the API once, and give the answer as the SDK reads it.

        Args:
            method: of the SDK, which makes a request of *arguments*.
            is_change: whether it changes something.
            etag: the version that it is about.
            arguments: in Google's words.
        """
        try:
            request = method(**arguments)
        except TypeError as error:
            # The SDK knows from the discovery document what the API takes.
            raise RejectedInput(str(error)) from error
        if etag is not None:
            request.headers["If-Match"] = etag
        try:
            answer = await request.send(self._session, seconds=self._total_seconds)
        except Exception as error:
            raise map_error(error, is_change=is_change) from error
        with _reading(is_change=is_change):
            return _as_object(answer)


@contextlib.contextmanager
def _reading(*, is_change: bool = False) -> Iterator[None]:
    """While it lasts, what an answer lacks leaves open what was done."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        detail = f"Google's answer lacks something ({type(error).__name__})"
        raise unclear(detail, is_change=is_change) from error


def _as_object(answer: Any) -> Mapping[str, Any]:
    """Give *answer*; the SDK gives one without a body as what it has read, which is nothing."""
    if answer in _NOTHING:
        return {}
    if not isinstance(answer, dict):
        msg = "the answer is no object"
        raise TypeError(msg)
    return answer
