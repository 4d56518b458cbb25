"""Who may show our pages in a frame: nobody, or the console of the sandbox that runs beside."""

from collections.abc import Mapping
from typing import Final

import pytest
from multidict import CIMultiDict

from tests.host.pages.conftest import Browser

PAGES: Final = ("/sign-in", "/inbox", "/contacts", "/design", "/nothing")


async def ancestors(browser: Browser, path: str, **headers: str) -> tuple[str, str | None]:
    """Give who may frame a page, by its policy and by the older header."""
    wanted = CIMultiDict({"Accept": "text/html", **headers})
    async with browser.http.get(path, headers=wanted, allow_redirects=False) as answer:
        directives: Mapping[str, str] = dict(
            part.strip().split(" ", 1)
            for part in answer.headers["Content-Security-Policy"].split(";")
        )
        return directives["frame-ancestors"], answer.headers.get("X-Frame-Options")


@pytest.mark.parametrize("path", [*PAGES, "/api/docs"])
async def test_nobody_may_frame_a_page(browser: Browser, path: str) -> None:
    if path == "/sign-in":
        await browser.send("/sign-out")
    assert await ancestors(browser, path) == ("'none'", "DENY")


class TestBesideASandbox:
    @pytest.fixture
    def values(self, values: dict[str, str]) -> dict[str, str]:
        """The settings as `up` makes them."""
        return values | {"CLIENTFLOW_SANDBOX_URL": "http://127.0.0.1:8090"}

    @pytest.mark.parametrize("path", PAGES)
    async def test_its_console_may_frame_a_page_and_nobody_else(
        self, browser: Browser, path: str
    ) -> None:
        if path == "/sign-in":
            await browser.send("/sign-out")
        assert await ancestors(browser, path) == ("http://127.0.0.1:8090", None)

    async def test_the_documentation_of_the_api_stays_out_of_frames(self, browser: Browser) -> None:
        assert await ancestors(browser, "/api/docs") == ("'none'", "DENY")

    @pytest.mark.parametrize(
        ("name", "allowed"),
        [
            ("localhost:8080", "http://localhost:8090"),
            ("laptop.example:8080", "http://laptop.example:8090"),
            ("[::1]:8080", "'none'"),
            ("x;script-src *", "'none'"),
            ("x y", "'none'"),
        ],
    )
    async def test_it_is_named_as_the_browser_names_this_machine(
        self, browser: Browser, name: str, allowed: str
    ) -> None:
        await browser.send("/sign-out")
        assert (await ancestors(browser, "/sign-in", Host=name))[0] == allowed

    async def test_an_empty_inbox_leads_there(self, browser: Browser) -> None:
        _, page = await browser.open("/inbox")
        assert '<a href="http://127.0.0.1:8090/" target="_top">' in page


class TestBesideASandboxElsewhere:
    @pytest.fixture
    def values(self, values: dict[str, str]) -> dict[str, str]:
        """The settings of somebody who runs the two on different machines."""
        return values | {"CLIENTFLOW_SANDBOX_URL": "https://box.example/x"}

    async def test_it_is_named_as_it_is_set(self, browser: Browser) -> None:
        assert await ancestors(browser, "/inbox") == ("https://box.example", None)
