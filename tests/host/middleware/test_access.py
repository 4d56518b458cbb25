"""Each request has one line of the log, with its id and whose it is, and is timed."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_host.logs import configure_logs
from clientflow_host.metrics import RECENT_REQUESTS
from clientflow_host.middleware.access import log_requests
from clientflow_host.middleware.problems import answer_problems
from tests.host.conftest import Host, until

Said = Callable[[], list[dict[str, Any]]]


@contextmanager
def saying(level: str = "info") -> Iterator[Said]:
    """Let the log of the process be written as a program reads it; gives what it said so far."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    stream = io.StringIO()
    with redirect_stderr(stream):
        configure_logs(level)
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, before


def requests(said: Said) -> list[dict[str, Any]]:
    """Give the lines of requests, without what differs each time."""
    lines = [line for line in said() if line["event"] == "request"]
    for line in lines:
        assert line.pop("milliseconds") >= 0
        del line["timestamp"], line["level"], line["event"]
    return lines


@pytest.mark.proves("ML1")
async def test_request_has_one_line_with_its_id_and_whose_it_is(host: Host) -> None:
    path = "/api/v1/contacts/con_00000000000000000000000000000000?note=private"
    with saying() as said:
        answer = await host.call("GET", path, headers={"X-Request-Id": "of.the-caller_1"})
    assert requests(said) == [
        {
            "request_id": "of.the-caller_1",
            "organization_id": str(host.ours.id),
            "method": "GET",
            "route": "/api/v1/contacts/{contact_id}",
            "status": answer.status,
        }
    ]
    assert "private" not in str(said())
    assert answer.headers["X-Request-Id"] == answer.body["request_id"] == "of.the-caller_1"


@pytest.mark.proves("ML1")
async def test_next_request_of_a_connection_is_not_taken_for_the_same_organizations(
    host: Host,
) -> None:
    with saying() as said:
        await host.get("/contacts")
        await host.bare("GET", "/api/v1/contacts")
        await host.bare("GET", "/nowhere/+14155550123")
    first, second, third = requests(said)
    assert first["organization_id"] == str(host.ours.id)
    assert (second["organization_id"], second["status"]) == (None, 401)
    assert (third["organization_id"], third["route"]) == (None, "none")
    assert len({first["request_id"], second["request_id"], third["request_id"]}) == 3


@pytest.mark.proves("ML1")
async def test_every_line_of_a_request_says_which_it_is_and_whose(host: Host) -> None:
    host.rows("ALTER TABLE contacts RENAME TO away")
    try:
        with saying() as said:
            answer = await host.call("GET", "/api/v1/contacts")
    finally:
        host.rows("ALTER TABLE away RENAME TO contacts")
    assert answer.status == 500
    lines = said()
    assert {line["event"] for line in lines} >= {"request_failed", "request"}
    for line in lines:
        assert line["request_id"] == answer.headers["X-Request-Id"]
        assert line["organization_id"] == str(host.ours.id)


async def test_probes_are_told_only_to_whoever_wants_to_know_everything(host: Host) -> None:
    for level, count in (("info", 0), ("debug", 2)):
        with saying(level) as said:
            await host.bare("GET", "/health")
            await host.bare("GET", "/ready")
        assert len(requests(said)) == count


@pytest.mark.proves("ML1")
async def test_job_says_which_request_has_asked_for_it(host: Host, worker: None) -> None:
    conversation = await host.conversation()
    # So the job fails, which is told.
    host.rows("ALTER TABLE message_attempts RENAME TO away")
    with saying() as said:
        answer = await host.post(f"/conversations/{conversation['id']}/messages", {"body": "Yes."})
        asked_by = answer.headers["X-Request-Id"]

        async def look() -> bool:
            return any(line["event"] == "job_failed" for line in said())

        await until(look)
    host.rows("ALTER TABLE away RENAME TO message_attempts")
    [line, *_] = [line for line in said() if line["event"] == "job_failed"]
    assert line["request_id"] == asked_by
    assert line["organization_id"] == str(host.ours.id)
    assert host.rows("SELECT request_id FROM jobs WHERE kind = 'deliver_message'") == [(asked_by,)]


async def _leave(_: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/elsewhere")


async def _fail(_: web.Request) -> web.Response:
    raise asyncio.CancelledError


async def _close(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("handler", "status"), [(_leave, 303), (_fail, 500), (_close, 499)], ids=["led", "cut", "gone"]
)
async def test_request_that_is_not_answered_as_others_has_a_line_too(
    handler: Any, status: int
) -> None:
    app = web.Application()
    answer_problems(app)
    log_requests(app)
    app.router.add_get("/", handler)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        with saying() as said:
            try:
                async with http.get(server.make_url("/"), allow_redirects=False):
                    pass
            except aiohttp.ClientError:
                pass
        # A client of aiohttp asks once more where the connection was cut.
        assert {line["status"] for line in requests(said)} == {status}


async def test_requests_are_timed_by_route_and_class_of_answer(host: Host) -> None:
    before = RECENT_REQUESTS.totals()[0]
    await host.get("/contacts")
    await host.bare("PROPFIND", "/api/v1/contacts")
    text = (await host.bare("GET", "/metrics")).body
    timed = 'clientflow_http_request_seconds_count{method="%s",route="%s",status="%s"}'
    assert timed % ("GET", "/api/v1/contacts", "2xx") in text
    assert timed % ("other", "none", "4xx") in text
    assert "PROPFIND" not in text
    assert RECENT_REQUESTS.totals()[0] >= before + 2
