"""Every error is one answer, every request has an id, over real HTTP."""

import asyncio
import contextlib
import functools
import logging
import re
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from aiohttp import ClientConnectionError, ClientPayloadError, web
from aiohttp.test_utils import make_mocked_request
from aiohttp.typedefs import Handler
from pytest_aiohttp.plugin import AiohttpClient
from sqlalchemy import exc, pool, text
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from clientflow_core.errors import (
    ClientFlowError,
    Conflict,
    DatabaseUnfit,
    Overloaded,
    ProviderRefused,
)
from clientflow_host.middleware.problems import answer_problems, problems_middleware
from clientflow_host.openapi import REQUEST_ID
from tests.host.openapi.toy import Client, serving

NEW_ID = re.compile(r"[0-9a-f]{32}")


def wait_for_the_pool() -> None:
    """Ask a pool of one connection for a second one."""
    connect: Any = functools.partial(sqlite3.connect, ":memory:")
    connections = pool.QueuePool(connect, pool_size=1, max_overflow=0, timeout=0.01)
    first = connections.connect()
    try:
        connections.connect()
    finally:
        first.close()
        connections.dispose()


async def reach_no_database() -> None:
    engine = create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    finally:
        await engine.dispose()


async def fail(request: web.Request) -> web.StreamResponse:
    kind = request.match_info["kind"]
    if kind == "pool":
        wait_for_the_pool()
    if kind == "connect":
        await reach_no_database()
    raise make_error(kind)


def make_error(kind: str) -> Exception:
    return HTTP_ERRORS[kind]() if kind in HTTP_ERRORS else ERRORS[kind]


ERRORS: dict[str, Exception] = {
    "bug": ZeroDivisionError("a secret"),
    "timeout": TimeoutError("a secret"),
    "base": ClientFlowError("a secret"),
    "conflict": Conflict("it is so already"),
    "overloaded": Overloaded("too much", retry_after_seconds=3),
    "database": DatabaseUnfit("a secret"),
    "provider": ProviderRefused("no"),
    "interface": exc.InterfaceError("SELECT 1", {}, Exception("a secret\nmore")),
    # As when a transaction in which nothing happened was ended.
    "ended": exc.InternalError("SELECT 1", {}, Exception("a secret"), connection_invalidated=True),
    "internal": exc.InternalError("SELECT 1", {}, Exception("a secret")),
    "integrity": exc.IntegrityError("SELECT 1", {}, Exception("a secret")),
    "connection": ConnectionResetError("of a provider, not of the caller"),
}
# These are responses, each of which is sent once.
HTTP_ERRORS: dict[str, Callable[[], Exception]] = {
    "redirect": lambda: web.HTTPFound("/elsewhere"),
    "gone": lambda: web.HTTPGone(text="it was here"),
    "full": lambda: web.HTTPServiceUnavailable(headers={"Retry-After": "4"}),
}


async def good(request: web.Request) -> web.StreamResponse:
    context = structlog.contextvars.get_contextvars()
    return web.json_response({"id": request[REQUEST_ID], "context": context})


async def cut_short(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    if "late" in request.query:
        await response.write(b"the first half")
    raise make_error(request.match_info["kind"])


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 1024)
        await asyncio.sleep(0)


@web.middleware
async def refuse_some(request: web.Request, handler: Handler) -> web.StreamResponse:
    if "refuse" in request.query:
        raise ERRORS["conflict"]
    return await handler(request)


def make_app() -> web.Application:
    app = web.Application(middlewares=[refuse_some])
    answer_problems(app)
    app.router.add_get("/good", good)
    app.router.add_post("/good", good)
    app.router.add_get("/fail/{kind}", fail)
    app.router.add_get("/cut/{kind}", cut_short)
    app.router.add_get("/endless", endless)
    return app


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(make_app())


async def fetch(client: Client, path: str) -> bytes:
    response = await client.get(path, allow_redirects=False)
    return await response.read()


@pytest.mark.parametrize("given", ["a", "A-b_c.1", "x" * 64])
async def test_valid_request_id_is_taken_over(client: Client, given: str) -> None:
    for path in ("/good", "/fail/bug", "/nowhere"):
        response = await client.get(path, headers={"X-Request-Id": given})
        assert response.headers.getall("X-Request-Id") == [given]


@pytest.mark.parametrize("given", [None, "", "x" * 65, "a b", "a/b", "é", "<script>"])
async def test_request_without_a_valid_id_gets_a_new_one(client: Client, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    seen = [(await client.get("/good", headers=headers)).headers["X-Request-Id"] for _ in range(3)]
    assert all(NEW_ID.fullmatch(request_id) for request_id in seen)
    assert len(set(seen)) == 3


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/good", 200),
        ("HEAD", "/good", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/good", 405),
        ("GET", "/fail/redirect", 302),
        ("GET", "/fail/conflict", 409),
        ("GET", "/fail/bug", 500),
        ("GET", "/good?refuse", 409),
    ],
)
async def test_every_response_has_the_id(
    client: Client, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path, allow_redirects=False)
    assert response.status == status
    assert NEW_ID.fullmatch(response.headers["X-Request-Id"])


async def test_handler_and_its_log_know_the_id(client: Client) -> None:
    response = await client.get("/good", headers={"X-Request-Id": "mine"})
    assert await response.json() == {
        "id": "mine",
        "context": {"request_id": "mine", "organization_id": None},
    }
    await client.get("/fail/bug", headers={"X-Request-Id": "other"})
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry_after"),
    [
        ("conflict", 409, "conflict", None),
        ("overloaded", 503, "overloaded", "3"),
        ("database", 503, "database", "30"),
        ("provider", 502, "provider_refused", None),
        ("pool", 503, "overloaded", "1"),
        ("connect", 503, "database", "30"),
        ("interface", 503, "database", "30"),
        ("ended", 503, "database", "30"),
        ("internal", 500, "internal", None),
        ("integrity", 500, "internal", None),
        ("bug", 500, "internal", None),
        ("timeout", 500, "internal", None),
        ("base", 500, "internal", None),
        ("connection", 500, "internal", None),
        ("gone", 410, "gone", None),
        ("full", 503, "service_unavailable", "4"),
    ],
)
async def test_error_is_answered_with_a_problem(
    client: Client, kind: str, status: int, code: str, retry_after: str | None
) -> None:
    with capture_logs():
        response = await client.get(f"/fail/{kind}", headers={"X-Request-Id": "mine"})
    found = await response.json()
    assert response.content_type == "application/problem+json"
    assert (response.status, found["status"]) == (status, status)
    assert (found["code"], found["request_id"]) == (code, "mine")
    assert response.headers.get("Retry-After") == retry_after
    assert "secret" not in await response.text()


async def test_wrong_method_is_told_the_right_ones(client: Client) -> None:
    response = await client.put("/good")
    assert response.headers["Allow"] == "GET,HEAD,POST"
    assert (await response.json())["code"] == "method_not_allowed"


async def test_redirect_is_no_problem(client: Client) -> None:
    response = await client.get("/fail/redirect", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/elsewhere")
    assert response.content_type == "text/plain"


@pytest.mark.parametrize("kind", ["bug", "timeout", "base", "integrity", "connection"])
async def test_failure_of_ours_is_logged_with_its_cause(client: Client, kind: str) -> None:
    with capture_logs() as logs:
        await client.get(f"/fail/{kind}?private=1", headers={"X-Request-Id": "mine"})
    assert logs == [
        {
            "event": "request_failed",
            "log_level": "error",
            "exc_info": ERRORS[kind],
            "method": "GET",
            "route": "/fail/{kind}",
            "request_id": "mine",
        }
    ]


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("database", "database", "a secret"),
        ("interface", "database", "a secret"),
        ("overloaded", "overloaded", "too much"),
        ("provider", "provider_refused", "no"),
    ],
)
async def test_what_cannot_be_served_is_logged_with_its_reason(
    client: Client, kind: str, code: str, reason: str
) -> None:
    with capture_logs() as logs:
        await client.get(f"/fail/{kind}")
    assert [(log["event"], log["log_level"]) for log in logs] == [("request_not_served", "warning")]
    assert (logs[0]["code"], logs[0]["reason"]) == (code, reason)


@pytest.mark.parametrize("path", ["/fail/conflict", "/fail/gone", "/nowhere", "/good"])
async def test_what_is_the_callers_own_doing_is_not_logged(client: Client, path: str) -> None:
    with capture_logs() as logs:
        await client.get(path)
    assert logs == []


async def test_cancellation_is_not_swallowed() -> None:
    async def cancelled(request: web.Request) -> web.StreamResponse:
        raise asyncio.CancelledError

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await problems_middleware(make_mocked_request("GET", "/", app=make_app()), cancelled)
    assert logs == []


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        ("bug", ["request_failed"]),
        ("connection", ["request_failed"]),
        ("overloaded", ["request_not_served"]),
        ("conflict", []),
        ("gone", ["request_failed"]),
        ("redirect", ["request_failed"]),
    ],
)
@pytest.mark.parametrize("moment", ["early", "late"])
async def test_stream_that_fails_is_cut_off_and_never_looks_whole(
    client: Client, kind: str, events: list[str], moment: str
) -> None:
    with capture_logs() as logs, pytest.raises((ClientPayloadError, ClientConnectionError)):
        await fetch(client, f"/cut/{kind}?{moment}")
    assert [log["event"] for log in logs] == events


async def test_caller_who_leaves_a_stream_is_no_failure_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = asyncio.Event()

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            done.set()

    app = make_app()
    app.middlewares.append(watch)
    with capture_logs() as logs, caplog.at_level(logging.INFO):
        async with serving(app) as port, asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"X-Request-Id" in await reader.read(500)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            await done.wait()
    assert logs == []
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_it_comes_before_every_other_middleware() -> None:
    first: Any = make_app().middlewares[0]
    assert first is problems_middleware
