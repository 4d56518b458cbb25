"""The server: one account with two calendars, in memory."""

import base64
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from aiohttp import web
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.sandbox import CalendarSheets, ProviderSandbox, SandboxEvent
from clientflow_core.sandbox.control import Handler
from clientflow_plugins.caldav.sandbox.checking import check_resource
from clientflow_plugins.caldav.sandbox.collections import (
    ZONE,
    Collection,
    Refused,
    new_collections,
)
from clientflow_plugins.caldav.sandbox.happenings import Happenings
from clientflow_plugins.caldav.sandbox.multistatus import answer_of, multistatus, refusal
from clientflow_plugins.caldav.sandbox.panel import show_sheets
from clientflow_plugins.caldav.sandbox.reports import DAV, Report, props
from clientflow_plugins.caldav.xml_reading import BadXml, read_xml

_USER: Final = "bookings"
_MAIN: Final = "appointments"
_ICS: Final = "text/calendar"
_PREPARED: Final = ("If-Match", "If-None-Match")


class CaldavSandbox(ProviderSandbox):
    """One account of a CalDAV server; see :class:`ProviderSandbox` for the rest."""

    name: ClassVar[str] = "caldav"
    title: ClassVar[str] = "CalDAV"
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
        self.clear()

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make an account."""
        return {"CALDAV_USERNAME": _USER, "CALDAV_PASSWORD": secrets.token_hex(16)}

    @override
    def settings(self) -> dict[str, str]:
        """Give the credentials, and where the server begins."""
        return self.credentials | {"CALDAV_URL": f"{self.base_url}/"}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give what of CalDAV the plugin uses."""
        calendar = "/calendars/{user}/{calendar}/"
        event = calendar + "{name}"
        return (
            web.route("PROPFIND", "/", self._answering(self._find_principal)),
            web.route("PROPFIND", "/principals/{user}/", self._answering(self._find_home)),
            web.route("PROPFIND", "/calendars/{user}/", self._answering(self._find_calendars)),
            web.route("PROPFIND", calendar, self._answering(self._find_calendar)),
            web.route("REPORT", calendar, self._answering(self._report)),
            web.route("GET", event, self._answering(self._get)),
            web.route("PUT", event, self._answering(self._put)),
            web.route("DELETE", event, self._answering(self._delete)),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give the server's words for *status*."""
        return refusal(Refused(status))

    @override
    def state(self) -> dict[str, Any]:
        """Give what is in the calendars."""
        return {"calendars": {name: one.state() for name, one in self._collections.items()}}

    @override
    def clear(self) -> None:
        """Begin anew, with two empty calendars, and with other tokens."""
        self._collections = new_collections()
        self._generation = secrets.token_hex(4)

    @override
    def events(self) -> Sequence[SandboxEvent]:
        """Give what others do to the calendar."""
        main = self._collections[_MAIN]
        return Happenings(main, clock=self.clock, forget_tokens=self._forget_tokens).all()

    @override
    def panel(self) -> CalendarSheets:
        """Give the calendars, with what stands in them."""
        return show_sheets(self._collections.values())

    def _forget_tokens(self) -> None:
        self._generation = secrets.token_hex(4)

    def _answering(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                if request.query:
                    raise Refused(HTTPStatus.BAD_REQUEST)
                return await handler(request)
            except Refused as refused:
                response = refusal(refused)
                if refused.status == HTTPStatus.UNAUTHORIZED:
                    response.headers["WWW-Authenticate"] = 'Basic realm="calendars"'
                return response

        return answer

    def _authenticate(self, request: web.Request) -> None:
        pair = ":".join(self.credentials[one] for one in ("CALDAV_USERNAME", "CALDAV_PASSWORD"))
        expected = f"Basic {base64.b64encode(pair.encode()).decode()}"
        # The server reads what is no UTF-8 in a header with surrogateescape.
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected.encode()):
            raise Refused(HTTPStatus.UNAUTHORIZED)
        if request.match_info.get("user", self._user) != self._user:
            raise Refused(HTTPStatus.FORBIDDEN, "D:need-privileges")

    @property
    def _user(self) -> str:
        return self.credentials["CALDAV_USERNAME"]

    @property
    def _path(self) -> str:
        return urlsplit(self.base_url).path

    def _home(self) -> str:
        return f"{self._path}/calendars/{self._user}/"

    async def _find_principal(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request, depth="0")
        principal = f"<D:href>{self._path}/principals/{self._user}/</D:href>"
        return multistatus(
            [answer_of(request.path, asked, {"D:current-user-principal": principal})]
        )

    async def _find_home(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request, depth="0")
        home = f"<D:href>{self._home()}</D:href>"
        return multistatus([answer_of(request.path, asked, {"C:calendar-home-set": home})])

    async def _find_calendars(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request, depth="1")
        answers = [answer_of(self._home(), asked, {"D:resourcetype": "<D:collection/>"})]
        for name, one in self._collections.items():
            answers.append(answer_of(f"{self._home()}{name}/", asked, _properties(one)))
        return multistatus(answers)

    async def _find_calendar(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request, depth="0")
        found = self._collection(request)
        return multistatus([answer_of(request.path, asked, _properties(found))])

    async def _report(self, request: web.Request) -> web.StreamResponse:
        report = Report(
            path=request.path,
            depth=request.headers.get("Depth"),
            root=await _read_root(request),
            generation=self._generation,
        )
        return report.answer(self._collection(request))

    async def _get(self, request: web.Request) -> web.StreamResponse:
        found = self._collection(request).find(request.match_info["name"])
        return web.Response(
            body=found.data, content_type=_ICS, charset="utf-8", headers={"ETag": found.etag}
        )

    async def _put(self, request: web.Request) -> web.StreamResponse:
        collection = self._writable(request, missing=HTTPStatus.CONFLICT)
        name = request.match_info["name"]
        there = collection.there().get(name)
        match, none_match = (request.headers.get(one) for one in _PREPARED)
        if (match is None) == (none_match is None):
            # A server may let it pass. Here it is refused, since somebody's change is lost by it.
            raise Refused(HTTPStatus.PRECONDITION_REQUIRED)
        is_stale = match is not None and (there is None or there.etag != match)
        if is_stale or (none_match is not None and (none_match != "*" or there is not None)):
            raise Refused(HTTPStatus.PRECONDITION_FAILED)
        if request.content_type != _ICS or request.charset != "utf-8":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "C:supported-calendar-data")
        data = await request.read()
        collection.put(name, data, uid=check_resource(data))
        # No ETag, which says that what is kept is what was sent: RFC 4791, 5.3.4.
        return web.Response(status=HTTPStatus.NO_CONTENT if there else HTTPStatus.CREATED)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        collection = self._writable(request, missing=HTTPStatus.NOT_FOUND)
        name = request.match_info["name"]
        there = collection.find(name)
        if request.headers.get("If-Match", there.etag) != there.etag:
            raise Refused(HTTPStatus.PRECONDITION_FAILED)
        collection.remove(name)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _collection(self, request: web.Request) -> Collection:
        found = self._collections.get(request.match_info["calendar"])
        if found is None:
            raise Refused(HTTPStatus.NOT_FOUND)
        return found

    def _writable(self, request: web.Request, *, missing: HTTPStatus) -> Collection:
        found = self._collections.get(request.match_info["calendar"])
        if found is None:
            raise Refused(missing)
        if not found.is_writable:
            raise Refused(HTTPStatus.FORBIDDEN, "D:need-privileges")
        return found


def _properties(collection: Collection) -> Mapping[str, str]:
    granted = ["read", "write"] if collection.is_writable else ["read"]
    zone = f"BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:{ZONE}\r\nEND:VTIMEZONE\r\nEND:VCALENDAR"
    return {
        "D:resourcetype": "<D:collection/><C:calendar/>",
        "D:displayname": escape(collection.title),
        "D:current-user-privilege-set": "".join(
            f"<D:privilege><D:{one}/></D:privilege>" for one in granted
        ),
        "C:calendar-timezone": zone,
        "C:supported-calendar-component-set": '<C:comp name="VEVENT"/>',
    }


async def _read_root(request: web.Request) -> Element:
    if request.content_type != "application/xml":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        return read_xml(await request.read())
    except BadXml as error:
        raise Refused(HTTPStatus.BAD_REQUEST) from error


async def _asked(request: web.Request, *, depth: str) -> Sequence[str]:
    root = await _read_root(request)
    if root.tag != f"{DAV}propfind" or request.headers.get("Depth") != depth:
        raise Refused(HTTPStatus.BAD_REQUEST)
    return props(root)
