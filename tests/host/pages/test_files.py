"""The pages' own files, and the API's documentation."""

import re

import pytest

from clientflow_host.pages.templating import STATIC, static_url
from tests.host.pages.conftest import Browser


@pytest.mark.parametrize("name", sorted(file.name for file in STATIC.iterdir()))
async def test_a_file_is_kept_for_ever_at_the_address_of_its_digest(
    stranger: Browser, name: str
) -> None:
    async with stranger.http.get(static_url(name)) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert await answer.read() == (STATIC / name).read_bytes()


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
    for path in ("/inbox", "/contacts", "/design", "/api/docs"):
        status, page = await browser.open(path)
        assert status == 200
        assert not re.search(r'(src|href)="(https?:)?//(?!example\.com)', page)


async def test_the_api_can_be_read_and_tried(stranger: Browser) -> None:
    async with stranger.http.get("/api/docs") as answer:
        assert answer.status == 200
        assert "data:" in answer.headers["Content-Security-Policy"]
        assert static_url("api-docs.js") in await answer.text()
