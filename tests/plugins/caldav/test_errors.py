"""What an answer of a CalDAV server's means: every row of the table."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.errors import (
    AuthFailed,
    CursorExpired,
    EditConflict,
    OutcomeUnknown,
    PluginError,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.settings import load_settings
from clientflow_plugins.caldav import client
from clientflow_plugins.caldav.errors import Refusal, map_error
from clientflow_plugins.caldav.provider import CaldavCalendars
from clientflow_plugins.caldav.settings import CaldavSettings
from clientflow_plugins.caldav.spec import CALDAV
from tests.plugins.caldav.conftest import draft

BOTH = (True, False)


@pytest.mark.parametrize(
    ("status", "condition", "kind"),
    [
        (301, None, ProviderRefused),
        (400, None, RejectedInput),
        (401, None, AuthFailed),
        (403, None, AuthFailed),
        (403, "need-privileges", AuthFailed),
        (403, "valid-sync-token", CursorExpired),
        (403, "valid-calendar-data", RejectedInput),
        (403, "no-uid-conflict", RejectedInput),
        (404, None, RejectedInput),
        (405, None, ProviderRefused),
        (409, None, RejectedInput),
        (409, "valid-sync-token", CursorExpired),
        (410, None, RejectedInput),
        (412, None, EditConflict),
        (413, None, RejectedInput),
        (415, "supported-calendar-data", RejectedInput),
        (422, None, RejectedInput),
        (423, None, ProviderUnavailable),
        (429, None, RateLimited),
        (507, None, ProviderUnavailable),
        (599, None, None),
        (408, None, None),
        (500, None, None),
        (502, None, None),
        (503, None, None),
    ],
)
@pytest.mark.parametrize("is_change", BOTH)
def test_a_status_means(
    status: int, condition: str | None, kind: type[ProviderError] | None, is_change: bool
) -> None:
    unclear = OutcomeUnknown if is_change else ProviderUnavailable
    error = map_error(Refusal(status=status, condition=condition), is_change=is_change)
    assert type(error) is (kind or unclear)
    assert error.provider_code == condition
    assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("999999", 3600.0), (None, None), ("soon", None), ("Wed, 21 Oct", None)],
)
@pytest.mark.parametrize("status", [423, 429, 503])
def test_how_long_to_wait_is_told(status: int, text: str | None, seconds: float | None) -> None:
    error = map_error(Refusal(status=status, retry_after=text), is_change=False)
    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize("is_change", BOTH)
def test_no_answer_means(is_change: bool) -> None:
    unclear = OutcomeUnknown if is_change else ProviderUnavailable
    never_sent = aiohttp.InvalidURL("x")
    assert type(map_error(never_sent, is_change=is_change)) is ProviderUnavailable
    broken = (aiohttp.ServerDisconnectedError(), TimeoutError(), OSError(), ValueError("?"))
    for error in broken:
        assert type(map_error(error, is_change=is_change)) is unclear


@attrs.define
class Server:
    """A server that answers as a test tells it.

    Attributes:
        answer: makes each answer.
        asked: the methods of the calls.
    """

    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    asked: list[str] = attrs.field(factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.method)
        assert self.answer
        return await self.answer(request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made, app = Server(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with TestServer(app) as running:
        made.url = str(running.make_url("/dav/"))
        yield made


@pytest.fixture
async def asking(server: Server, http: aiohttp.ClientSession) -> AsyncIterator[CaldavCalendars]:
    values = {"CALDAV_URL": server.url, "CALDAV_USERNAME": "ada", "CALDAV_PASSWORD": "secret"}
    settings = load_settings(CaldavSettings, values)
    async with CALDAV.open(ProviderContext(http=http), settings) as opened:
        yield opened


def say(
    text: str, *, status: int = 207, **headers: str
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status, headers=headers)

    return answer


PRINCIPAL = (
    '<D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/</D:href><D:propstat><D:prop>'
    "<D:current-user-principal>{}</D:current-user-principal></D:prop>"
    "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>not closed",
        '<D:multistatus xmlns:D="DAV:"><D:response/></D:multistatus>',
        '<D:error xmlns:D="DAV:"/>',
        '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + PRINCIPAL.format("<D:href>&a;</D:href>"),
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + PRINCIPAL.format("<D:href>/</D:href>"),
        "<a>" * 100 + "</a>" * 100,
        PRINCIPAL.format("<D:href>/x/</D:href>").replace("HTTP/1.1 200 OK", "fine"),
    ],
)
async def test_what_cannot_be_read_or_should_not_be_is_no_answer(
    server: Server, asking: CaldavCalendars, text: str
) -> None:
    server.answer = say(text)
    with pytest.raises(ProviderUnavailable):
        await asking.verify()


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ("<D:unauthenticated/>", "current-user-principal"),
        ("<D:href></D:href>", "current-user-principal"),
        ("<D:href>https://elsewhere.example/me/</D:href>", "at another address"),
    ],
)
async def test_a_server_that_does_not_know_us_or_leads_elsewhere_is_told_of(
    server: Server, asking: CaldavCalendars, inner: str, words: str
) -> None:
    server.answer = say(PRINCIPAL.format(inner))
    with pytest.raises(AuthFailed, match=words):
        await asking.verify()


async def test_nobody_else_is_sent_the_password(server: Server, asking: CaldavCalendars) -> None:
    server.answer = say("", status=301, Location="http://localhost:1/")
    with pytest.raises(AuthFailed, match="set CALDAV_URL to where that is"):
        await asking.verify()
    assert server.asked == ["PROPFIND"]


async def test_an_answer_without_an_end_is_not_read_to_it(
    server: Server, asking: CaldavCalendars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LONGEST_ANSWER_BYTES", 10_000)
    server.answer = say(PRINCIPAL.format("<D:href>/x/</D:href>" + " " * 20_000))
    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        await asking.verify()


async def test_a_change_is_sent_once_though_a_kept_connection_breaks(
    server: Server, asking: CaldavCalendars
) -> None:
    server.answer = say(PRINCIPAL.format("<D:href>/x/</D:href>"))
    assert await asking.verify() == "ada"

    async def break_off(request: web.Request) -> web.Response:
        assert request.transport
        await request.read()
        request.transport.abort()
        return web.Response()

    server.answer = break_off
    with pytest.raises(OutcomeUnknown):
        await asking.put_event("/dav/shop/", draft())
    assert server.asked == ["PROPFIND", "PUT"]


@pytest.mark.parametrize("answer", [say("", status=503), say("", status=404), say("nonsense")])
async def test_what_was_put_and_cannot_be_read_may_have_been_done(
    server: Server,
    asking: CaldavCalendars,
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> None:
    async def put_alone(request: web.Request) -> web.StreamResponse:
        return web.Response(status=201) if request.method == "PUT" else await answer(request)

    server.answer = put_alone
    with pytest.raises(OutcomeUnknown, match="was put"):
        await asking.put_event("/dav/shop/", draft())


async def test_an_event_that_cannot_be_read_is_not_changed(
    server: Server, asking: CaldavCalendars
) -> None:
    server.answer = say("nonsense", status=200, ETag='"1"')
    with pytest.raises(ProviderUnavailable):
        await asking.put_event("/dav/shop/", draft(), etag='"1"')
    assert server.asked == ["GET"]


async def test_without_icalendar_the_extra_is_named(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "clientflow_plugins.caldav.provider", None)
    values = {"CALDAV_URL": "http://x/", "CALDAV_USERNAME": "a", "CALDAV_PASSWORD": "b"}
    opened = CALDAV.open(ProviderContext(http=http), load_settings(CaldavSettings, values))
    with pytest.raises(PluginError, match=r"clientflow\[caldav\]"):
        await opened.__aenter__()


async def test_a_server_that_says_nothing_is_given_up(
    server: Server, asking: CaldavCalendars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_TIMEOUT", aiohttp.ClientTimeout(total=0.05))
    over = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    server.answer = wait
    with pytest.raises(ProviderUnavailable, match="TimeoutError"):
        await asking.verify()
    over.set()
