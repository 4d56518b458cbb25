"""The server: one account with its calendars, the token endpoint, and the notices that it sends."""

import datetime as dt
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from aiohttp import web
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.sandbox import CalendarSheets, ProviderSandbox, SandboxEvent, SignedRequest
from clientflow_core.sandbox.control import Handler
from clientflow_plugins.google_calendar.sandbox.accounts import OWNER, new_account, new_client
from clientflow_plugins.google_calendar.sandbox.asking import (
    Asked,
    Method,
    check_changed,
    check_new,
    read_moment,
)
from clientflow_plugins.google_calendar.sandbox.changes import list_changes
from clientflow_plugins.google_calendar.sandbox.channels import Channels
from clientflow_plugins.google_calendar.sandbox.codes import NoToken
from clientflow_plugins.google_calendar.sandbox.consent_pages import ConsentPages
from clientflow_plugins.google_calendar.sandbox.diary import Diary, Entry, Sheet, check_version
from clientflow_plugins.google_calendar.sandbox.happenings import Happenings
from clientflow_plugins.google_calendar.sandbox.panel import show_sheets
from clientflow_plugins.google_calendar.sandbox.refusals import bad_request, busy_answer
from clientflow_plugins.google_calendar.sandbox.tokens import TokenDesk

_ID: Final = re.compile(r"[a-v0-9]{5,1024}")
_TELLS: Final = frozenset({"sendUpdates"})
_LISTED: Final = frozenset({"singleEvents", "maxResults", "timeMin", "syncToken", "pageToken"})
_OPENING: Final = "Opening of the salon"
_HOLIDAYS: Final = "en.usa#holiday@group.v.calendar.google.com"
_TEAM: Final = "c_salon@group.calendar.google.com"
Answer = dict[str, Any] | None


class GoogleCalendarSandbox(ProviderSandbox):
    """One account with three calendars; see :class:`ProviderSandbox` for the rest.

    Credentials may hold ``GOOGLE_CLIENT_ID``, ``GOOGLE_CLIENT_SECRET`` and
    ``GOOGLE_CALENDAR_REFRESH_TOKEN`` instead of a service account. One without a subject can invite
    nobody.
    """

    name: ClassVar[str] = "google_calendar"
    title: ClassVar[str] = "Google Calendar"
    thing: ClassVar[str] = "change"

    def __init__(
        self,
        *,
        base_url: str,
        host_url: str,
        credentials: Mapping[str, str],
        clock: Clock | None = None,
    ) -> None:
        super().__init__(base_url=base_url, host_url=host_url, credentials=credentials, clock=clock)
        self._born = self.clock.now().replace(microsecond=0)
        # They outlive a reset, as the credentials do that they are made of.
        self.tokens = TokenDesk(self.credentials, self.clock)
        self.clear()

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make a service account that acts for the owner of a salon, and an OAuth client."""
        return new_account() | new_client()

    @override
    def settings(self) -> dict[str, str]:
        """Give the credentials, and where the API is."""
        return self.credentials | {"GOOGLE_CALENDAR_API_BASE_URL": self.base_url}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give the token endpoints, the page of consent, and the methods that the plugin uses."""
        yield web.post("/token", self._posting(self._give_token))
        yield web.post("/revoke", self._posting(self._take_back))
        yield from ConsentPages(self.tokens, host_url=lambda: self.host_url).routes()
        for one in self._methods():
            yield one.route(self.tokens)

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give Google's JSON for *status*."""
        return busy_answer(status).as_response()

    @override
    def state(self) -> dict[str, Any]:
        """Give what is in the calendars, and who watches which."""
        return {
            "calendars": {
                sheet.id: [self._diary.resource(sheet, one) for one in sheet.entries.values()]
                for sheet in self._diary.sheets.values()
            },
            "channels": [
                {"id": one.id, "calendar": one.sheet, "address": one.address, "told": one.told}
                for one in self._channels.watching()
            ],
            "invitations": self._sent,
        }

    @override
    def clear(self) -> None:
        """Begin anew: an owner's calendar with one event, one of the team, and the holidays."""
        self._channels = Channels(clock=self.clock)
        self._sent: list[dict[str, Any]] = []
        self._diary = Diary(owner=OWNER, clock=self.clock)
        for sheet in (
            Sheet(id=OWNER, title=OWNER, zone="Europe/Berlin", role="owner", is_primary=True),
            Sheet(id=_TEAM, title="The team", zone="Europe/Berlin", role="writer"),
            Sheet(id=_HOLIDAYS, title="Holidays", zone="America/New_York", role="reader"),
        ):
            self._diary.sheets[sheet.id] = sheet
        starts = (self._born + dt.timedelta(days=1)).replace(hour=9, minute=0, second=0)
        ends = starts + dt.timedelta(hours=1)
        body = {"summary": _OPENING, "start": _at(starts), "end": _at(ends)}
        opening = self._diary.put(self._diary.sheet(OWNER), body, name="opening0salon")
        opening.created = opening.updated = self._born

    @override
    def panel(self) -> CalendarSheets:
        """Give the calendars as people see them."""
        return show_sheets(self._diary)

    @override
    def events(self) -> Sequence[SandboxEvent]:
        """Give what others do to the owner's calendar, and what Google forgets."""
        return Happenings(
            self._diary,
            self._diary.sheet(OWNER),
            tell=self._notices,
            expire_channels=self._channels.expire,
        ).all()

    def _methods(self) -> Iterator[Method]:
        channel, resource = {"id", "type", "address", "token"}, {"id", "resourceId"}
        pages, window = {"maxResults", "pageToken"}, {"timeMin", "timeMax", "items"}
        yield Method(name="calendarList.list", answer=self._list_calendars, query=pages)
        yield Method(name="calendarList.get", answer=self._get_calendar)
        yield Method(name="events.list", answer=self._list_events, query=_LISTED)
        yield Method(name="events.get", answer=self._get_event)
        yield Method(name="events.insert", answer=self._insert_event, query=_TELLS)
        yield Method(name="events.update", answer=self._update_event, query=_TELLS)
        yield Method(name="events.delete", answer=self._delete_event, query=_TELLS)
        yield Method(name="events.watch", answer=self._watch_events, body=channel)
        yield Method(name="freebusy.query", answer=self._query_busy, body=window)
        yield Method(name="channels.stop", answer=self._stop_channel, body=resource)

    def _give_token(self, form: Mapping[str, str]) -> dict[str, Any]:
        return self.tokens.give(form)

    def _take_back(self, form: Mapping[str, str]) -> dict[str, Any]:
        self.tokens.take_back(form)
        return {}

    def _posting(self, answer: Callable[[Mapping[str, str]], dict[str, Any]]) -> Handler:
        """Make the handler of a form of the token endpoints."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                form = await request.post()
                fields = {name: str(form[name]) for name in form}
                if len(form) != len(fields):
                    return NoToken("invalid_request", "A parameter is there twice").as_response()
                return web.json_response(answer(fields))
            except (ValueError, LookupError):
                return NoToken("invalid_request", "The body is no form").as_response()
            except NoToken as refusal:
                return refusal.as_response()

        return handle

    def _list_calendars(self, asked: Asked) -> Answer:
        # A page of one, so that whoever forgets the next ones is seen to.
        sheets, page = list(self._diary.sheets.values()), asked.query.get("pageToken", "0")
        if not page.isdecimal() or int(page) > max(len(sheets) - 1, 0):
            raise bad_request("invalid", "Invalid page token value.")
        after = int(page) + 1
        items = [_list_entry(one) for one in sheets[int(page) : after]]
        rest = {"nextPageToken": str(after)} if after < len(sheets) else {"nextSyncToken": "s"}
        return {"kind": "calendar#calendarList", "etag": '"p3200"', "items": items} | rest

    def _get_calendar(self, asked: Asked) -> Answer:
        return _list_entry(self._diary.sheet(asked.path["calendarId"]))

    def _list_events(self, asked: Asked) -> Answer:
        sheet = self._diary.sheet(asked.path["calendarId"])
        if asked.query.get("singleEvents") is not True:
            raise bad_request("invalid", "the sandbox lists the times of a series alone")
        # Nor with others, by the discovery document, which the sandbox does not know.
        if {"syncToken", "timeMin"} <= asked.query.keys():
            message = "Sync token cannot be used with any of the filters."
            raise bad_request("invalid", message)
        return {
            "kind": "calendar#events",
            "etag": f'"p{self._diary.revision}"',
            "summary": sheet.title,
            "updated": self.clock.now().isoformat(timespec="milliseconds"),
            "timeZone": sheet.zone,
            "accessRole": sheet.role,
            "defaultReminders": [],
        } | list_changes(self._diary, sheet, asked.query)

    def _get_event(self, asked: Asked) -> Answer:
        sheet = self._diary.sheet(asked.path["calendarId"])
        return self._diary.resource(sheet, self._diary.entry(sheet, asked.path["eventId"]))

    def _insert_event(self, asked: Asked) -> Answer:
        check_new(asked)
        sheet = self._diary.sheet(asked.path["calendarId"], is_written=True)
        name = asked.body.get("id", secrets.token_hex(13))
        if not _ID.fullmatch(name):
            raise bad_request("invalid", "Invalid resource id value.")
        entry = self._diary.put(sheet, asked.body, name=name)
        self._invite(asked, entry, "invited")
        self._tell(sheet)
        return self._diary.resource(sheet, entry)

    def _update_event(self, asked: Asked) -> Answer:
        sheet = self._diary.sheet(asked.path["calendarId"], is_written=True)
        entry = self._diary.entry(sheet, asked.path["eventId"])
        if entry.id in sheet.series:
            raise bad_request("invalid", "the sandbox changes one time of a series alone")
        check_version(entry, asked.etag)
        check_changed(asked, self._diary.resource(sheet, entry))
        self._diary.change(entry, asked.body)
        self._invite(asked, entry, "told of a change")
        self._tell(sheet)
        return self._diary.resource(sheet, entry)

    def _delete_event(self, asked: Asked) -> Answer:
        sheet = self._diary.sheet(asked.path["calendarId"], is_written=True)
        name = asked.path["eventId"]
        entry = self._diary.entry(sheet, name)
        self._diary.remove(entry, etag=asked.etag)
        self._invite(asked, entry, "called off")
        if name in sheet.series:
            self._diary.remove_times(sheet, name)
        self._tell(sheet)
        return None

    def _invite(self, asked: Asked, entry: Entry, news: str) -> None:
        """Send the e-mails that Google would; they are only written down."""
        people = [one["email"] for one in entry.fields["attendees"]]
        if people and asked.query.get("sendUpdates") == "all":
            self._sent.append({"event": entry.id, "news": news, "to": people})

    def _watch_events(self, asked: Asked) -> Answer:
        sheet = self._diary.sheet(asked.path["calendarId"])
        channel = self._channels.open(sheet.id, asked.body, host_url=self.host_url)
        self.run_in_background(self._deliver(channel.notice("sync")))
        return channel.as_json()

    def _stop_channel(self, asked: Asked) -> Answer:
        self._channels.stop(asked.body.get("id", ""), resource_id=asked.body.get("resourceId", ""))
        return None

    def _query_busy(self, asked: Asked) -> Answer:
        starts, ends = (read_moment(asked.body, one) for one in ("timeMin", "timeMax"))
        if starts >= ends:
            raise bad_request("timeRangeEmpty", "The specified time range is empty.")
        names = [one.get("id", "") for one in asked.body.get("items", ())]
        return {
            "kind": "calendar#freeBusy",
            "timeMin": starts.isoformat(),
            "timeMax": ends.isoformat(),
            "calendars": {name: self._busy(name, starts, ends) for name in names},
        }

    def _busy(self, name: str, starts: dt.datetime, ends: dt.datetime) -> dict[str, Any]:
        if name not in self._diary.sheets:
            return {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
        times = self._diary.busy(self._diary.sheet(name), starts, ends)
        return {
            "busy": [{"start": one.isoformat(), "end": other.isoformat()} for one, other in times]
        }

    def _tell(self, sheet: Sheet) -> None:
        for request in self._notices(sheet.id):
            # Not awaited: a host that is slow, or a switch, must not hold up the answer.
            self.run_in_background(self._deliver(request))

    def _notices(self, sheet: str) -> Sequence[SignedRequest]:
        return [one.notice("exists") for one in self._channels.watching(sheet)]

    async def _deliver(self, request: SignedRequest) -> None:
        await self.sender.deliver(request)


def _at(when: dt.datetime) -> dict[str, str]:
    return {"dateTime": when.isoformat(), "timeZone": "UTC"}


def _list_entry(sheet: Sheet) -> dict[str, Any]:
    entry = {
        "kind": "calendar#calendarListEntry",
        "etag": '"1600000000000000"',
        "id": sheet.id,
        "summary": sheet.title,
        "timeZone": sheet.zone,
        "selected": True,
        "accessRole": sheet.role,
        "defaultReminders": [],
    }
    return entry | ({"primary": True} if sheet.is_primary else {})
