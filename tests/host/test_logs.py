"""The lines of the log."""

import asyncio
import contextlib
import errno
import io
import json
import logging
from collections.abc import Iterator

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from typing_extensions import override

from clientflow_host.logs import configure_logs


class Terminal(io.StringIO):
    """What a person looks at."""

    @override
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def say(level: str | None, stream: io.StringIO) -> list[str]:
    """Let our code and a library say something at every level; give the lines."""
    with contextlib.redirect_stderr(stream):
        configure_logs(level)
        log = structlog.get_logger("ours")
        for name in ("debug", "info", "warning", "error"):
            getattr(log, name)(f"our_{name}", client="c")
            getattr(logging.getLogger("library"), name)(f"their {name} of %s", "x")
        try:
            # Put together, so that the line itself does not hold it.
            _fail(body="Is Thurs" + "day free?")
        except ValueError:
            log.exception("our_failure")
    return stream.getvalue().splitlines()


def _fail(*, body: str) -> None:
    if body:
        raise ValueError("failed")


class FullDisk(io.StringIO):
    """What cannot be written to at the moment, unless it is mended."""

    is_full = True

    @override
    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_line_that_cannot_be_written_is_in_nobodys_way() -> None:
    stream = FullDisk()
    assert say("info", stream) == []
    stream.is_full = False
    structlog.get_logger("ours").info("written_again")
    assert "written_again" in stream.getvalue()


def test_every_line_is_one_json_object_that_begins_alike() -> None:
    lines = say("info", io.StringIO())
    for line in lines:
        assert list(json.loads(line))[:3] == ["timestamp", "level", "event"]
    first = json.loads(lines[0])
    assert (first["event"], first["level"], first["client"]) == ("our_info", "info", "c")
    assert first["timestamp"].endswith("Z")
    failure = json.loads(lines[-1])
    assert failure["event"] == "our_failure"
    assert 'raise ValueError("failed")' in failure["exception"]
    assert "Thursday" not in lines[-1], "the values of variables are nobody's business"


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["our_debug", "our_info", "our_warning", "our_error"]),
        ("info", ["our_info", "our_warning", "our_error"]),
        ("warning", ["our_warning", "our_error"]),
        ("error", ["our_error"]),
        ("loud", ["our_info", "our_warning", "our_error"]),
        (None, ["our_info", "our_warning", "our_error"]),
    ],
)
def test_level_holds_for_our_lines_and_libraries_speak_from_warning_on(
    level: str | None, events: list[str]
) -> None:
    said = [json.loads(line) for line in say(level, io.StringIO())]
    assert [line["event"] for line in said if line["event"].startswith("our_")] == [
        *events,
        "our_failure",
    ]
    theirs = [line for line in said if line["event"].startswith("their")]
    assert [line["event"] for line in theirs] == ["their warning of x", "their error of x"]
    assert {line["logger"] for line in theirs} == {"library"}


def test_person_at_a_terminal_gets_readable_lines_without_the_values_of_variables() -> None:
    lines = say("info", Terminal())
    assert "our_info" in lines[0]
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(lines[0])
    told = "\n".join(lines)
    assert 'raise ValueError("failed")' in told
    assert "Thursday" not in told


@pytest.mark.parametrize("stream_class", [io.StringIO, Terminal])
def test_row_that_the_database_quotes_in_an_error_is_left_out(
    stream_class: type[io.StringIO],
) -> None:
    with contextlib.redirect_stderr(stream_class()) as stream:
        configure_logs("info")
        try:
            _refuse("".join(["+1415", "5550123"]))
        except ValueError:
            structlog.get_logger("ours").exception("our_failure")
    assert "duplicate key" in stream.getvalue()
    assert "+14155550123" not in stream.getvalue()


def _refuse(value: str) -> None:
    detail = f"DETAIL:  Key (value)=({value}) already exists."
    raise ValueError(f"duplicate key value violates unique constraint\n{detail}")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer cf_live_secret\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Key: cf_live_secret" + b"x" * 9000 + b"\r\n\r\n",
        b"\x16\x03\x01 cf_live_secret\r\n\r\n",
    ],
)
async def test_request_that_is_no_http_is_logged_without_what_was_in_it(head: bytes) -> None:
    stream = io.StringIO()
    async with TestServer(web.Application()) as server:
        with contextlib.redirect_stderr(stream):
            configure_logs("info")
            for _ in range(2):
                reader, writer = await asyncio.open_connection(server.host, server.port)
                writer.write(head)
                assert b" 400 " in await reader.readline()
                writer.close()
    lines = stream.getvalue().splitlines()
    assert "secret" not in stream.getvalue()
    assert {json.loads(line)["event"] for line in lines} <= {"request_unreadable"}


async def test_error_of_a_handler_is_logged_by_the_server_as_ever() -> None:
    async def fail(request: web.Request) -> web.Response:
        raise ValueError("of ours")

    app = web.Application()
    app.router.add_get("/", fail)
    stream = io.StringIO()
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        with contextlib.redirect_stderr(stream):
            configure_logs("info")
            assert (await http.get(server.make_url("/"))).status == 500
    assert "raise ValueError" in stream.getvalue()
    assert "ValueError (its words are left out)" in stream.getvalue()
