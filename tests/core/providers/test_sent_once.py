"""A change is sent once, though a connection that was kept breaks under it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.providers.sent_once import sent_once


@attrs.define
class Breaking:
    """Answers the first request, and breaks off at every other."""

    url: str = ""
    asked: list[tuple[str, bytes]] = attrs.field(factory=list)
    headers: list[dict[str, str]] = attrs.field(factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, await request.read()))
        self.headers.append(dict(request.headers))
        if len(self.asked) > 1 and request.transport:
            request.transport.abort()
        return web.Response()


@pytest.fixture
async def server() -> AsyncIterator[Breaking]:
    made = Breaking()
    app = web.Application()
    app.add_routes([web.route("*", "/", made.handle)])
    async with TestServer(app) as running:
        made.url = str(running.make_url("/"))
        yield made


async def ask(server: Breaking, method: str, **more: Any) -> None:
    async with aiohttp.ClientSession() as http:
        await (await http.get(server.url)).read()
        async with http.request(method, server.url, **more) as answer:
            await answer.read()


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_aiohttp_would_send_it_twice(server: Breaking, method: str) -> None:
    """Once it does no more, the module can go."""
    with pytest.raises(aiohttp.ClientError):
        await ask(server, method, data=b"x")
    assert server.asked[1:] == [(method, b"x")] * 2


@pytest.mark.parametrize(
    ("method", "data", "sent"),
    [
        ("PUT", b"body", b"body"),
        ("put", "wörter", "wörter".encode()),
        ("DELETE", None, b""),
        ("DELETE", b"body", b"body"),
    ],
)
async def test_change_is_sent_once(
    server: Breaking, method: str, data: bytes | str | None, sent: bytes
) -> None:
    headers = {"If-Match": '"1"'}
    with pytest.raises(aiohttp.ClientError):
        await ask(server, method, **sent_once(method, data, headers=headers))
    assert server.asked[1:] == [(method.upper(), sent)]
    told = server.headers[1]
    assert (told["If-Match"], told["Content-Length"]) == ('"1"', str(len(sent)))
    assert not {"Transfer-Encoding", "Content-Type"} & told.keys()


async def test_what_reads_is_as_ever(server: Breaking) -> None:
    with pytest.raises(aiohttp.ClientError):
        await ask(server, "GET", **sent_once("GET", None, headers={}))
    assert len(server.asked) == 3
