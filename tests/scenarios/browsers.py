"""The system's Chromium, and how it looks at our pages."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from typing import Final

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from tests.requirements import demand

# Nothing but our pages is asked for, and as root there is no sandbox for it to run in.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
DESK: Final[ViewportSize] = {"width": 1200, "height": 800}


# A busy machine takes its time; who waits for something that does come waits no longer for it.
expect.set_options(timeout=30_000)


@contextlib.asynccontextmanager
async def open_chromium() -> AsyncIterator[Browser]:
    """Give the system's Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    demand(program, "chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        await browser.close()


async def serious_problems(page: Page) -> list[str]:
    """Let axe look at the page; give what it finds serious or critical."""
    found = await Axe().run(page)
    return [
        f"{page.url}: {one['id']} {one['nodes'][0]['html']}"
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
