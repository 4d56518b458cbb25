"""The real plugin and SDK, and its sandbox; all over HTTP."""

import asyncio
import contextlib
import datetime as dt
import functools
import uuid
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from clientflow_core.domain.calendars import EventDraft, Timed
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.settings import load_settings
from clientflow_plugins.google_calendar.provider import GoogleCalendars
from clientflow_plugins.google_calendar.sandbox import GoogleCalendarSandbox
from clientflow_plugins.google_calendar.sandbox.accounts import new_account
from clientflow_plugins.google_calendar.settings import GoogleCalendarSettings

HOST: Final = "http://127.0.0.1:9"
NINE: Final = dt.datetime(2027, 3, 1, 9, tzinfo=dt.UTC)
HOUR: Final = dt.timedelta(hours=1)
CONSENT: Final = {
    "GOOGLE_CLIENT_ID": "1234567890-abc.apps.googleusercontent.com",
    "GOOGLE_CLIENT_SECRET": "GOCSPX-not-a-real-one",
    "GOOGLE_CALENDAR_REFRESH_TOKEN": "1//not-a-real-one",
}


@functools.cache
def account() -> dict[str, str]:
    """Give the one account of all tests: to make a key takes time."""
    return new_account()


def consent() -> dict[str, str]:
    """Give the credentials of a user who has consented."""
    secret = account()["GOOGLE_CALENDAR_WEBHOOK_SECRET"]
    return {**CONSENT, "GOOGLE_CALENDAR_WEBHOOK_SECRET": secret}


def draft(**values: Any) -> EventDraft:
    """Give an event of an hour that nobody has heard of."""
    time = Timed(starts_at=NINE, ends_at=NINE + HOUR, time_zone="Europe/Berlin")
    return EventDraft(**{"id": uuid.uuid4(), "title": "Haircut", "time": time, **values})


@attrs.define
class Api:
    """The sandbox's API, asked directly with a token that counts."""

    http: aiohttp.ClientSession
    sandbox: GoogleCalendarSandbox
    headers: dict[str, str]

    async def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Any]:
        """Give the status and what was answered."""
        url = f"{self.sandbox.base_url}/calendar/v3/{path}"
        given = {**self.headers, **headers}
        async with self.http.request(method, url, json=body, headers=given) as answer:
            return answer.status, await answer.json() if answer.content_length else None


@pytest.fixture
def credentials() -> dict[str, str]:
    return dict(account())


@pytest.fixture
async def sandbox(credentials: dict[str, str]) -> AsyncIterator[GoogleCalendarSandbox]:
    made = GoogleCalendarSandbox(base_url="http://x", host_url=HOST, credentials=credentials)
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/google_calendar"))
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def settings(sandbox: GoogleCalendarSandbox) -> GoogleCalendarSettings:
    return load_settings(GoogleCalendarSettings, sandbox.settings())


@pytest.fixture
def calendars(http: aiohttp.ClientSession, settings: GoogleCalendarSettings) -> GoogleCalendars:
    return GoogleCalendars(ProviderContext(http=http), settings)


@pytest.fixture
def api(http: aiohttp.ClientSession, sandbox: GoogleCalendarSandbox) -> Api:
    token = sandbox.tokens.issue(acts_for_user=True)["access_token"]
    return Api(http, sandbox, {"Authorization": f"Bearer {token}"})


@attrs.define
class Answering:
    """A server that answers every call alike, and remembers what it was asked."""

    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = attrs.field(factory=dict)
    asked: list[web.Request] = attrs.field(factory=list)
    bodies: list[tuple[str, URL, bytes]] = attrs.field(factory=list)
    token: bytes = b'{"access_token": "t", "expires_in": 3599}'
    drips: bool = False
    breaks: bool = False

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.path == "/token":
            return web.Response(body=self.token, content_type="application/json")
        self.asked.append(request)
        self.bodies.append((request.method, request.url, body))
        if self.breaks and request.transport is not None:
            request.transport.abort()
        if self.drips:
            return await self._drip(request)
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    async def _drip(self, request: web.Request) -> web.Response:
        """Answer letter by letter, for as long as anybody listens."""
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b" ")
                await asyncio.sleep(0.01)
        return web.Response()


@pytest.fixture
async def answering() -> AsyncIterator[Answering]:
    made = Answering()
    app = web.Application()
    app.add_routes([web.route("*", "/{path:.*}", made.handle)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture
def answered(http: aiohttp.ClientSession, answering: Answering) -> GoogleCalendars:
    """The plugin, whose every call is answered by *answering*."""
    values = {**consent(), "GOOGLE_CALENDAR_API_BASE_URL": answering.url}
    loaded = load_settings(GoogleCalendarSettings, values)
    return GoogleCalendars(ProviderContext(http=http), loaded)
