"""What was given up, in a real browser: read on a telephone, repeated by one button."""

import uuid

import pytest
from playwright.async_api import expect

from tests.host.conftest import Host
from tests.host.pages.conftest import EMAIL, PASSWORD, Browser
from tests.host.pages.test_jobs import PATH, add_job, add_unknown_message, as_operator
from tests.scenarios.browsers import DESK, PHONE, open_chromium, serious_problems


@as_operator
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_operator_repeats_a_job_with_one_button(
    host: Host, stranger: Browser, scheme: str
) -> None:
    add_unknown_message(host)
    job_id = add_job(host, calendar_id=str(uuid.uuid4()))
    async with open_chromium() as chromium:
        context = await chromium.new_context(
            viewport=PHONE,
            base_url=host.assembly.settings.url,
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = await context.new_page()
        await page.goto("/sign-in")
        await page.get_by_label("E-mail").fill(EMAIL)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.goto(PATH)
        await page.get_by_text("Discard …").first.click()
        for size in (DESK, PHONE):
            await page.set_viewport_size(size)
            assert not await serious_problems(page)
            assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        await page.get_by_role("button", name="Repeat sync_calendar").press("Enter")
        await expect(page.get_by_role("status")).to_have_text("It is done again now.")
    assert host.rows("SELECT id FROM jobs WHERE dead_at IS NULL") == [(job_id,)]
