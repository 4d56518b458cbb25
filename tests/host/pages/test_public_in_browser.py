"""What the public sees, in a real browser: on a telephone, on a slow line, with consent and not."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, CDPSession, Page, Route, expect

from clientflow_host.pages.assets import read_asset
from clientflow_host.pages.site import SITE
from tests.host.conftest import Host
from tests.host.pages.conftest import EMAIL, PASSWORD, Browser
from tests.scenarios.browsers import PHONE, open_chromium, serious_problems

POSTHOG: Final = "https://eu.i.posthog.com"
# What a page and all that it loads may weigh as it is sent; the inbox brings htmx.
BUDGET_BYTES: Final = 100_000
SLOWEST_SECONDS: Final = 3.0
# Chromium's own "Slow 4G": https://github.com/ChromeDevTools/devtools-frontend/blob/main/front_end/core/sdk/NetworkManager.ts
_SLOW: Final = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8 * 0.9,
    "uploadThroughput": 750_000 / 8 * 0.9,
}
_NARROW_TARGETS: Final = """() =>
  [...document.querySelectorAll("a, button, input, select, summary, textarea")]
  .filter((one) => {
    const box = one.getBoundingClientRect();
    // A link within a sentence is as high as its line, and what is not shown is not touched.
    const isInText = one.tagName === "A" && getComputedStyle(one).display === "inline";
    const isShown = one.checkVisibility() && box.right > 0 && one.type !== "hidden";
    return isShown && !isInText && (box.height < 24 || box.width < 24);
  }).map((one) => one.outerHTML)"""


@pytest.fixture
def values(values: dict[str, str]) -> dict[str, str]:
    """The settings of an operator who would like to count visits."""
    return values | {
        "NEXT_PUBLIC_POSTHOG_KEY": "phc_abc",
        "CLIENTFLOW_SUPPORT_EMAIL": "help@harbour.example",
    }


@pytest.fixture
async def chromium() -> AsyncIterator[Chromium]:
    """The system's Chromium."""
    async with open_chromium() as browser:
        yield browser


async def watched(context: BrowserContext, host: Host) -> tuple[Page, list[str]]:
    """Give a page, and the addresses elsewhere that are asked for; nothing is let out."""
    page, elsewhere = await context.new_page(), list[str]()

    async def keep_in(route: Route) -> None:
        if route.request.url.startswith(host.assembly.settings.url):
            await route.continue_()
            return
        elsewhere.append(f"{route.request.method} {route.request.url} {route.request.post_data}")
        await route.fulfill(status=200, headers={"Access-Control-Allow-Origin": "*"}, body="{}")

    await page.route("**/*", keep_in)
    return page, elsewhere


@pytest.mark.proves("WL4", "WS5")
async def test_nothing_is_counted_without_consent(
    host: Host, stranger: Browser, chromium: Chromium
) -> None:
    context = await chromium.new_context(base_url=host.assembly.settings.url)
    page, elsewhere = await watched(context, host)
    for path in host.app[SITE].published:
        await page.goto(path)
    # By the keyboard alone: past the link to the content, the brand and the sign-in.
    await page.goto("/")
    banner = page.get_by_role("region", name="Cookies")
    refuse, agree = await banner.get_by_role("button").all()
    assert await refuse.evaluate(_LOOK) == await agree.evaluate(_LOOK)
    for _ in range(5):
        await page.keyboard.press("Tab")
    await expect(refuse).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(banner).to_have_count(0)
    await page.goto("/sign-in")
    assert {cookie["name"] for cookie in await context.cookies()} == {"cookie_choice"}
    assert elsewhere == []

    await page.get_by_role("contentinfo").get_by_role("link", name="Cookies").click()
    async with page.expect_request(f"{POSTHOG}/i/v0/e/") as counted:
        await page.get_by_role("button", name="Also count my visits").click()
    sent: Any = (await counted.value).post_data_json
    assert sent["api_key"] == "phc_abc"
    assert sent["properties"]["$pathname"] == "/legal/cookies"
    async with page.expect_request(f"{POSTHOG}/i/v0/e/") as counted:
        await page.goto("/problems/not_found?secret=1")
    sent = (await counted.value).post_data_json
    assert sent["properties"]["$pathname"] == "/problems/{code}"
    assert "secret" not in str(sent)

    await page.goto("/legal/cookies")
    await page.get_by_role("button", name="Only necessary ones").click()
    await expect(page.get_by_text("Only necessary cookies are used.")).to_be_visible()
    elsewhere.clear()
    await page.goto("/")
    assert elsewhere == []
    assert {cookie["name"] for cookie in await context.cookies()} == {"cookie_choice"}

    # And without a script.
    context = await chromium.new_context(
        base_url=host.assembly.settings.url, java_script_enabled=False
    )
    page = await context.new_page()
    await page.goto("/legal/terms")
    await page.get_by_role("button", name="Also count my visits").click()
    await expect(page.get_by_role("heading", name="Terms of service")).to_be_visible()
    assert {one["name"] for one in await context.cookies()} == {"cookie_choice", "visitor"}
    await expect(page.get_by_role("region", name="Cookies")).to_have_count(0)


_LOOK: Final = """(one) => {
  const { color, backgroundColor, font, border } = getComputedStyle(one);
  return [color, backgroundColor, font, border, one.offsetHeight];
}"""


async def sign_in(page: Page) -> None:
    await page.goto("/sign-in")
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


@pytest.mark.proves("TP5")
async def test_every_page_fits_a_telephone_and_a_thumb(
    host: Host, stranger: Browser, chromium: Chromium
) -> None:
    context = await chromium.new_context(base_url=host.assembly.settings.url, viewport=PHONE)
    page, problems = await context.new_page(), list[str]()
    public = [path for path in host.app[SITE].published if path != "/api/docs"]
    for path in (*public, "/sign-in", "/nothing"):
        problems += await _looked_at(page, path)
    await sign_in(page)
    for path in ("/inbox", "/contacts", "/calendar", "/billing", "/settings/providers", "/design"):
        problems += await _looked_at(page, path)
    assert problems == []


async def _looked_at(page: Page, path: str) -> list[str]:
    await page.goto(path, wait_until="domcontentloaded")
    width = await page.evaluate("document.documentElement.scrollWidth")
    sideways = [f"{path} scrolls sideways"] if width > PHONE["width"] else []
    narrow = [f"{path}: {one}" for one in await page.evaluate(_NARROW_TARGETS)]
    return [*sideways, *narrow, *await serious_problems(page)]


@pytest.mark.proves("TP4", "DW6")
async def test_pages_are_there_soon_over_a_slow_line(
    host: Host, stranger: Browser, chromium: Chromium
) -> None:
    context = await chromium.new_context(base_url=host.assembly.settings.url, viewport=PHONE)
    page = await context.new_page()
    await sign_in(page)
    devtools = await context.new_cdp_session(page)
    await devtools.send("Network.enable")
    await devtools.send("Network.emulateNetworkConditions", _SLOW)
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    for path in ("/inbox", "/legal/privacy", "/contacts"):
        tries = [await _loaded(page, path, devtools)]
        # More than once only where this machine had something else to do.
        while tries[-1][0] >= SLOWEST_SECONDS and len(tries) < 3:
            tries.append(await _loaded(page, path, devtools))
        seconds, weight = tries[-1]
        assert 5_000 < weight <= BUDGET_BYTES, path
        assert seconds < SLOWEST_SECONDS, path


async def _loaded(page: Page, path: str, devtools: CDPSession) -> tuple[float, int]:
    """Open a page with nothing kept, and give how long it took and what it weighs."""
    await devtools.send("Network.clearBrowserCache")
    await page.goto(path, wait_until="load")
    found = await page.evaluate(
        """() => {
          const [own] = performance.getEntriesByType("navigation");
          const all = [own, ...performance.getEntriesByType("resource")];
          const weight = all.reduce((sum, one) => sum + one.transferSize, 0);
          return [own.loadEventStart / 1000, weight];
        }"""
    )
    return float(found[0]), int(found[1])


@pytest.mark.proves("DW6")
def test_what_scripts_and_styles_weigh_is_known() -> None:
    packed = {name: len(read_asset(name, "gzip").body) for name in ("clientflow.css", "pages.js")}
    assert packed["clientflow.css"] < 8_000
    assert packed["pages.js"] < 2_000
    assert len(read_asset("card.png").body) < 40_000
