"""What everybody may see: the home page, the legal pages, what search engines ask for."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from clientflow_host.pages.assets import STATIC, static_url
from clientflow_host.pages.site import SITE
from tests.host.conftest import Host
from tests.host.pages.conftest import Browser

NAME: Final = "Harbour & *Sons* [Dublin] <Ltd>"


@pytest.fixture
def values(values: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a host that the world reaches by a name."""
    public = {"CLIENTFLOW_PUBLIC_URL": "https://clientflow.example"}
    return values | public | getattr(request, "param", {})


@pytest.fixture
async def stranger(host: Host) -> AsyncIterator[Browser]:
    """A browser that reaches the host past the proxy in front of it."""
    url = f"http://127.0.0.1:{host.assembly.settings.port}"
    async with aiohttp.ClientSession(url) as http:
        yield Browser(host, http)


async def headers(browser: Browser, path: str, **more: str) -> dict[str, str]:
    """Give the headers of a page."""
    async with browser.http.get(path, headers={"Accept": "text/html", **more}) as answer:
        return dict(answer.headers)


def found(pattern: str, text: str) -> str:
    """Give what *pattern* finds, which must be there."""
    match = re.search(pattern, text)
    assert match, pattern
    return unescape(match[1])


@pytest.mark.proves("WS1", "WS2")
async def test_every_public_page_says_what_it_is(stranger: Browser) -> None:
    described = set()
    for path in stranger.host.app[SITE].published:
        status, page = await stranger.open(path)
        assert status == 200
        url = f"https://clientflow.example{path}"
        assert found(r'<link rel="canonical" href="([^"]*)">', page) == url
        assert found(r'<meta property="og:url" content="([^"]*)">', page) == url
        description = found(r'<meta name="description" content="([^"]*)">', page)
        assert 50 < len(description) < 170
        assert found(r'<meta property="og:description" content="([^"]*)">', page) == description
        title = found(r"<title>([^<]*) · ClientFlow</title>", page)
        assert found(r'<meta property="og:title" content="([^"]*)">', page) == title
        image = found(r'<meta property="og:image" content="([^"]*)">', page)
        assert image == f"https://clientflow.example{static_url('card.png')}"
        described.add(description)
    assert len(described) == len(stranger.host.app[SITE].published)
    assert (await headers(stranger, static_url("card.png")))["Content-Type"] == "image/png"
    assert (STATIC / "card.png").read_bytes()[16:24] == bytes.fromhex("000004b000000276")


@pytest.mark.proves("WS3", "WS4")
async def test_search_engines_find_the_public_pages_and_no_others(stranger: Browser) -> None:
    published = stranger.host.app[SITE].published
    _, sitemap = await stranger.open("/sitemap.xml")
    assert re.findall("<loc>(.*)</loc>", sitemap) == [
        f"https://clientflow.example{path}" for path in published
    ]
    _, robots = await stranger.open("/robots.txt")
    allowed = [f"Allow: {path}$" for path in published]
    assert robots.splitlines() == [
        "User-agent: *",
        *allowed,
        "Allow: /static/",
        "Disallow: /",
        "",
        "Sitemap: https://clientflow.example/sitemap.xml",
    ]
    for path in published:
        assert "X-Robots-Tag" not in await headers(stranger, path)
    for path in ("/sign-in", "/nothing", "/problems/nothing", "/legal/terms.md"):
        assert (await headers(stranger, path))["X-Robots-Tag"] == "noindex"


@pytest.mark.parametrize(
    "values", [{"CLIENTFLOW_PUBLIC_URL": "http://127.0.0.1:1"}], indirect=True, ids=["local"]
)
@pytest.mark.proves("WS4")
async def test_search_engines_find_nothing_of_a_service_on_this_machine(stranger: Browser) -> None:
    assert await stranger.open("/robots.txt") == (200, "User-agent: *\nDisallow: /\n")
    assert "<loc>" not in (await stranger.open("/sitemap.xml"))[1]
    assert (await headers(stranger, "/"))["X-Robots-Tag"] == "noindex"
    assert "canonical" not in (await stranger.open("/"))[1]


@pytest.mark.proves("WL1", "WL2", "WL3")
async def test_every_page_leads_to_the_legal_ones(stranger: Browser) -> None:
    for path in (*stranger.host.app[SITE].published, "/sign-in", "/nothing"):
        _, page = await stranger.open(path)
        footer = page[page.index('<footer class="foot">') :]
        for slug in ("terms", "privacy", "dpa", "cookies"):
            assert f'href="/legal/{slug}"' in footer, path
    form = (await stranger.open("/sign-in"))[1].partition("<footer")[0]
    assert 'href="/legal/terms"' in form
    assert 'href="/legal/privacy"' in form


@pytest.mark.proves("WL1", "WL2", "WL3")
async def test_what_is_not_filled_in_is_marked(stranger: Browser) -> None:
    for slug in ("terms", "privacy", "dpa", "cookies"):
        _, page = await stranger.open(f"/legal/{slug}")
        assert "<mark>[COMPANY NAME]</mark>" in page
        assert "not in force" in page


@pytest.mark.parametrize(
    "values",
    [
        {
            "CLIENTFLOW_COMPANY_NAME": NAME,
            "CLIENTFLOW_COMPANY_ADDRESS": "1 Quay Street",
            "CLIENTFLOW_COMPANY_LAW": "Irish law",
            "CLIENTFLOW_PRIVACY_EMAIL": "privacy@harbour.example",
            "CLIENTFLOW_SUPPORT_EMAIL": "help@harbour.example",
            "CLIENTFLOW_LEGAL_DATE": "2026-12-01",
            "LOCAL_ASSISTANT_BUSINESS": "Harbour",
        }
    ],
    indirect=True,
    ids=["filled_in"],
)
class TestFilledIn:
    async def test_the_legal_pages_name_who_runs_the_service(self, stranger: Browser) -> None:
        for slug in ("terms", "privacy", "dpa", "cookies"):
            _, page = await stranger.open(f"/legal/{slug}")
            assert "<mark>" not in page
            assert "not in force" not in page
            assert NAME in unescape(page)
            assert "<Ltd>" not in page

    @pytest.mark.proves("WL3")
    async def test_sub_processors_are_the_outside_providers(self, stranger: Browser) -> None:
        _, page = await stranger.open("/legal/dpa")
        assert "<td>Twilio SMS</td>" in page
        assert "Local assistant" not in page
        loaded = await headers(stranger, "/legal/dpa.md")
        assert 'filename="data-processing-agreement.md"' in loaded["Content-Disposition"]
        assert "| Twilio SMS |" in (await stranger.open("/legal/dpa.md"))[1]

    async def test_help_is_named_where_it_is_sought(self, stranger: Browser) -> None:
        for path in ("/", "/nothing"):
            assert "mailto:help@harbour.example" in (await stranger.open(path))[1]
        async with stranger.http.get("/nothing", headers={"Accept": "text/html"}) as answer:
            assert answer.headers["X-Request-Id"] in await answer.text()
        _, told = await stranger.open("/.well-known/security.txt")
        assert "Contact: mailto:help@harbour.example\n" in told
        assert re.search(r"^Expires: \d{4}-\d\d-\d\dT00:00:00Z$", told, re.MULTILINE)


async def test_without_an_address_for_help_nobody_is_named(stranger: Browser) -> None:
    assert (await stranger.open("/.well-known/security.txt"))[0] == 404
    assert "mailto:" not in (await stranger.open("/nothing"))[1]


class TestWithTextsOfTheirOwn:
    @pytest.fixture
    def values(self, values: dict[str, str], tmp_path: Path) -> dict[str, str]:
        """The settings of an operator with terms of their own, and none of the others."""
        text = "Ours, [COMPANY NAME].\n\n<script>alert(1)</script> [x](javascript:alert)"
        (tmp_path / "terms.md").write_text(text)
        return values | {
            "CLIENTFLOW_LEGAL_DIR": str(tmp_path),
            "CLIENTFLOW_COMPANY_NAME": "Harbour",
        }

    async def test_they_stand_in_place_of_ours(self, stranger: Browser) -> None:
        _, page = await stranger.open("/legal/terms")
        assert "<p>Ours, Harbour.</p>" in page
        assert "<script>alert" not in page
        assert 'href="javascript' not in page
        assert "<mark>[EFFECTIVE DATE]</mark>" in (await stranger.open("/legal/privacy"))[1]


@pytest.mark.parametrize(
    "values",
    [
        {
            "NEXT_PUBLIC_API_BASE_URL": "https://api.example/x",
            "NEXT_PUBLIC_POSTHOG_KEY": "phc_x",
            "CLIENTFLOW_GOOGLE_SITE_VERIFICATION": "abc_-1",
        }
    ],
    indirect=True,
    ids=["public"],
)
async def test_public_settings_are_shown_and_allowed(stranger: Browser) -> None:
    _, page = await stranger.open("/sign-in")
    shown = found(r'<script type="application/json" id="public-settings">(.*)</script>', page)
    assert shown == (
        '{"NEXT_PUBLIC_API_BASE_URL": "https://api.example/x", "NEXT_PUBLIC_POSTHOG_KEY": "phc_x"}'
    )
    assert '<meta name="google-site-verification" content="abc_-1">' in page
    policy = (await headers(stranger, "/sign-in"))["Content-Security-Policy"]
    assert "connect-src 'self' https://api.example;" in policy


async def test_what_is_chosen_of_cookies_is_kept_here_and_only_from_here(
    stranger: Browser,
) -> None:
    assert await stranger.send("/cookies", choice="all", next="/problems?x=1") == (
        303,
        "/problems?x=1",
    )
    assert await stranger.send("/cookies", choice="all", next="//evil.example") == (303, "/")
    assert (await stranger.send("/cookies", choice="everything"))[0] == 422
    async with stranger.http.post(
        "/cookies", data={"choice": "all"}, headers={"Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403
    async with stranger.http.post(
        "/cookies", data={"choice": "essential"}, allow_redirects=False
    ) as answer:
        kept, forgotten = answer.headers.getall("Set-Cookie")
    assert kept.startswith("cookie_choice=essential; HttpOnly; Max-Age=15552000; Path=/;")
    assert "Secure" in kept
    assert forgotten.startswith('visitor=""')
