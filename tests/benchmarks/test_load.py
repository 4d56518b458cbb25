"""A load counts only if every request was a new one and was answered well."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from benchmarks.load import Load, post_texts
from benchmarks.report import BenchRefused
from benchmarks.texts import PATH, PUBLIC_URL, TOKEN, write_texts
from clientflow_plugins.twilio.webhooks import FORM_TYPE
from tests.requirements import demand

GOOD = Load(
    answers=10, seconds=1.0, bad_answers=0, broken=0, p50_ms=1.0, p99_ms=2.0, is_exhausted=False
)


@attrs.define
class Server:
    """Takes texts, and gives the answer that it is told to."""

    url: str = ""
    received: list[tuple[str, str]] = attrs.field(factory=list)
    status: Callable[[int], int] = attrs.field(default=lambda _: 200)

    async def receive(self, request: web.Request) -> web.Response:
        assert request.headers["Content-Type"].startswith(FORM_TYPE)
        fields = {name: str(value) for name, value in (await request.post()).items()}
        signature = request.headers["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(PUBLIC_URL + PATH, fields, signature)
        self.received.append((fields["MessageSid"], signature))
        return web.Response(status=self.status(len(self.received)))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    demand(shutil.which("wrk"), "wrk is not installed: apt-get install wrk")
    server = Server()
    app = web.Application()
    app.router.add_post(PATH, server.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{site.port}"
    yield server
    await runner.cleanup()


async def load(server: Server, folder: Path, *, texts: int) -> Load:
    file = folder / "texts"
    write_texts(file, count=texts)
    return await asyncio.to_thread(post_texts, server.url, texts=file, connections=4, seconds=1)


@pytest.mark.bench
async def test_each_text_is_posted_once_and_well_signed(server: Server, tmp_path: Path) -> None:
    found = await load(server, tmp_path, texts=20_000)
    sids = [sid for sid, _ in server.received]
    assert len(set(sids)) == len(sids)
    assert found.answers <= len(sids) <= found.answers + 4
    assert 0.9 < found.seconds < 2
    assert 0 < found.p50_ms <= found.p99_ms


@pytest.mark.bench
async def test_one_bad_answer_spoils_the_load(server: Server, tmp_path: Path) -> None:
    server.status = lambda number: 503 if number == 10 else 200
    with pytest.raises(BenchRefused, match="1 were not 2xx"):
        await load(server, tmp_path, texts=20_000)


@pytest.mark.bench
async def test_no_text_is_posted_again_when_they_are_used_up(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(BenchRefused, match="used up"):
        await load(server, tmp_path, texts=50)


@pytest.mark.bench
async def test_server_that_is_away_is_no_result(server: Server, tmp_path: Path) -> None:
    server.url = "http://127.0.0.1:1"
    with pytest.raises(BenchRefused):
        await load(server, tmp_path, texts=10)


@pytest.mark.parametrize(
    "bad", [{"bad_answers": 1}, {"broken": 1}, {"answers": 0}, {"is_exhausted": True}]
)
def test_load_with_a_fault_is_refused(bad: dict[str, Any]) -> None:
    GOOD.check()
    with pytest.raises(BenchRefused):
        attrs.evolve(GOOD, **bad).check()


def test_missing_wrk_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchRefused, match="apt-get install wrk"):
        post_texts("http://127.0.0.1:1", texts=tmp_path, connections=1, seconds=1)
