"""What observers are told of requests."""

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from clientflow_core.errors import NotFound, Overloaded, PluginError
from clientflow_core.providers.observers import Observers
from clientflow_host.middleware.problems import answer_problems
from tests.notebook import Notebook

ERRORS = {
    "bug": KeyError("x"),
    "plugin": PluginError("x"),
    "missing": NotFound("x"),
    "busy": Overloaded("x"),
}


async def handle(request: web.Request) -> web.StreamResponse:
    kind = request.match_info["kind"]
    if kind in ERRORS:
        raise ERRORS[kind]
    return web.Response()


async def fetch(aiohttp_client: AiohttpClient, path: str) -> tuple[int, Notebook]:
    book = Notebook()
    app = web.Application()
    answer_problems(app, observers=Observers([book]))
    app.router.add_get("/x/{kind}", handle)
    app.router.add_get("/{kind}", handle)
    client = await aiohttp_client(app)
    answer = await client.get(path, headers={"X-Request-Id": "r1"})
    return answer.status, book


@pytest.mark.parametrize(
    ("kind", "told", "ended"),
    [
        ("bug", ["KeyError"], "ServerError"),
        ("plugin", ["PluginError"], "ServerError"),
        ("missing", [], None),
        ("busy", [], "ServerError"),
        ("good", [], None),
    ],
)
async def test_request_is_timed_and_its_unexpected_error_told(
    aiohttp_client: AiohttpClient, kind: str, told: list[str], ended: str | None
) -> None:
    status, book = await fetch(aiohttp_client, f"/x/{kind}?email=ada@example.com")
    about = {"method": "GET", "route": "/x/{kind}", "request_id": "r1"}
    assert [(type(e).__name__, about) for e, about in book.errors] == [(n, about) for n in told]
    assert book.spans == [("GET /x/{kind}", ended, about)]
    assert (status >= 500) is (ended is not None)


async def test_path_that_nobody_serves_is_not_told(aiohttp_client: AiohttpClient) -> None:
    status, book = await fetch(aiohttp_client, "/y/ada/example")
    assert (status, [name for name, _, _ in book.spans]) == (404, ["GET none"])


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/stream"])
async def test_what_comes_all_the_time_is_not_timed(
    aiohttp_client: AiohttpClient, path: str
) -> None:
    assert (await fetch(aiohttp_client, path))[1].spans == []
