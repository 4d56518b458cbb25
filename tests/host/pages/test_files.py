"""The pages' own files, and the API's documentation."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import brotli  # type: ignore[import-untyped]
import pytest

from clientflow_host.pages import templating
from clientflow_host.pages.assets import STATIC, static_url
from tests.host.pages.conftest import Browser

UNPACK: Final[dict[str | None, Callable[[bytes], bytes]]] = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    None: bytes,
}
TEMPLATES = Path(templating.__file__).parent / "templates"


@pytest.mark.proves("DW6")
async def test_a_file_is_kept_for_ever_at_the_address_of_its_digest(stranger: Browser) -> None:
    for file in STATIC.iterdir():
        async with stranger.http.get(static_url(file.name)) as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert await answer.read() == file.read_bytes()


@pytest.mark.proves("DW6")
async def test_a_file_is_packed_for_who_can_unpack_it(stranger: Browser) -> None:
    url, whole = static_url("clientflow.css"), (STATIC / "clientflow.css").read_bytes()
    for offered, coding in [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, GZIP;q=0.5", "gzip"),
        ("gzip;q=0.000, br; q=0", None),
        ("zstd", None),
        ("", None),
    ]:
        asks = {"Accept-Encoding": offered}
        async with stranger.http.get(url, headers=asks, auto_decompress=False) as answer:
            body = await answer.read()
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert answer.headers.get("Content-Encoding") == coding
            assert UNPACK[coding](body) == whole
            assert len(body) < len(whole) / 3 or coding is None
    async with stranger.http.get(url) as answer:
        tag = answer.headers["ETag"]
    async with stranger.http.get(url, headers={"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")


@pytest.mark.parametrize("name", ["card.png", "swagger-ui.NOTICE.txt"])
async def test_what_is_no_shorter_then_is_not_packed(stranger: Browser, name: str) -> None:
    asks = {"Accept-Encoding": "br"}
    async with stranger.http.get(static_url(name), headers=asks) as answer:
        assert "Content-Encoding" not in answer.headers


@pytest.mark.proves("DW5")
def test_every_template_compiles_and_every_file_that_one_names_is_there() -> None:
    named = set()
    for template in TEMPLATES.iterdir():
        templating._environment().get_template(template.name)
        named |= set(re.findall(r"static_url\('([^']+)'\)", template.read_text("utf-8")))
    there = {file.name for file in STATIC.iterdir() if file.suffix != ".txt"}
    assert named == there


@pytest.mark.parametrize(
    "path",
    [
        "/static/000000000000/clientflow.css",
        "/static/000000000000/nothing.css",
        "/static/x/..%2Frendering.py",
        "/static/x/%2E%2E",
    ],
)
async def test_nothing_else_is_there(stranger: Browser, path: str) -> None:
    assert (await stranger.open(path))[0] == 404


async def test_no_page_names_an_address_elsewhere(browser: Browser) -> None:
    for path in ("/inbox", "/contacts", "/design", "/api/docs", "/legal/privacy"):
        status, page = await browser.open(path)
        assert status == 200
        assert not re.search(r'(src|href)="(https?:)?//(?!example\.com)', page)


async def test_the_api_can_be_read_and_tried(stranger: Browser) -> None:
    async with stranger.http.get("/api/docs") as answer:
        assert answer.status == 200
        assert "data:" in answer.headers["Content-Security-Policy"]
        assert static_url("api-docs.js") in await answer.text()
