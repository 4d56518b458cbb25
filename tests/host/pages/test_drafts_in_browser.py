"""A draft that comes while the page is open, in a real browser on a telephone."""

import pytest
from playwright.async_api import expect

from clientflow_host.worker import working
from tests.host.conftest import Host
from tests.host.pages.conftest import EMAIL, PASSWORD, Browser
from tests.scenarios.browsers import PHONE, open_chromium, serious_problems


@pytest.mark.proves("TP5")
@pytest.mark.parametrize(
    "values", [{"LOCAL_ASSISTANT_BUSINESS": "Salon Ada"}], indirect=True, ids=["local"]
)
async def test_a_draft_comes_into_the_box_by_itself(host: Host, stranger: Browser) -> None:
    async with working(host.assembly):
        conversation = await host.conversation("Is Thursday free?")
    url = host.assembly.settings.url
    async with open_chromium() as chromium:
        page = await chromium.new_page(viewport=PHONE, base_url=url)
        await page.goto("/sign-in")
        await page.get_by_label("E-mail").fill(EMAIL)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.goto(f"/inbox/{conversation['id']}")
        # By the keyboard, while no worker is there yet.
        await page.get_by_role("button", name="Draft an answer").press("Enter")
        await expect(page.get_by_text("Local assistant drafts an answer.")).to_be_visible()
        box = page.get_by_label("Your answer")
        await expect(box).to_have_value("")
        async with working(host.assembly):
            await expect(page.get_by_text("Drafted by Local assistant")).to_be_visible()
        assert "“Is Thursday free?”" in await box.input_value()
        assert not await serious_problems(page)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]

        await box.fill("Yes, at three.")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_role("log").get_by_text("Yes, at three.")).to_be_visible()
        await expect(box).to_have_value("")
    assert host.rows("SELECT state FROM assistant_drafts") == [("used",)]
