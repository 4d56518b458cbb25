"""The console over HTTP, beside one provider's sandbox and a business that takes webhooks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.sandbox import build_sandbox_app
from clientflow_host.pages.templating import page_headers
from clientflow_host.sandbox_console.console import add_console
from clientflow_plugins.twilio.sandbox import TwilioSandbox

CLIENT: Final = "+14155550123"
OURS: Final = "+14155550100"


@attrs.define
class BusinessHost:
    """Takes webhooks, and has a sign-in page that may be framed."""

    url: str = ""
    bodies: list[str] = attrs.field(factory=list)
    status: int = 200
    frame_ancestors: str = "'none'"

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(dict(await request.post()).get("Body", ""))  # type: ignore[arg-type]
        return web.Response(status=self.status)

    async def show(self, _: web.Request) -> web.Response:
        headers = page_headers(frame_ancestors=self.frame_ancestors)
        return web.Response(text="sign in", content_type="text/html", headers=headers)


@attrs.define(eq=False)
class Console:
    """The console as a browser without a script sees it, or with one."""

    http: aiohttp.ClientSession
    box: TwilioSandbox

    async def open(self, path: str = "/", **headers: str) -> tuple[int, str]:
        """Open a page; give its status and its text."""
        async with self.http.get(path, headers=headers) as answer:
            return answer.status, await answer.text()

    async def send(self, path: str, **form: str) -> tuple[int, str]:
        """Send a form; give the status, and where it leads or what is shown."""
        async with self.http.post(f"/_console/{path}", data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def send_part(self, path: str, **form: str) -> tuple[int, str]:
        """Send a form as htmx does."""
        headers = {"HX-Request": "true"}
        async with self.http.post(f"/_console/{path}", data=form, headers=headers) as answer:
            return answer.status, await answer.text()

    async def write(self, body: str, *, client: str = CLIENT) -> tuple[int, str]:
        """Write as a client."""
        return await self.send("twilio/texts", **{"from": client, "to": OURS, "body": body})


@pytest.fixture
async def business() -> AsyncIterator[BusinessHost]:
    made = BusinessHost()
    app = web.Application()
    app.add_routes([web.get("/sign-in", made.show), web.post("/webhooks/{name}", made.take)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture
async def console(business: BusinessHost) -> AsyncIterator[Console]:
    credentials = TwilioSandbox.new_credentials() | {"TWILIO_PHONE_NUMBER": OURS}
    box = TwilioSandbox(base_url="http://x", host_url=business.url, credentials=credentials)
    app = build_sandbox_app([box])
    add_console(app, [box], host_url=business.url)
    async with TestServer(app) as server:
        box.base_url = str(server.make_url("/twilio"))
        async with aiohttp.ClientSession(server.make_url("")) as http:
            business.frame_ancestors = str(server.make_url("")).rstrip("/")
            yield Console(http, box)


async def call(console: Console) -> Any:
    """Call the API of the sandbox, with credentials that it does not know."""
    async with console.http.get("/twilio/2010-04-01/Accounts/AC/Messages.json") as answer:
        assert answer.status in set(HTTPStatus)
        return answer.status


async def until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*, 10 s at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)
