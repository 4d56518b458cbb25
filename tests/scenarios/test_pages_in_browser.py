"""The story as a person plays it: in a browser, without a manual."""

from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from tests.scenarios.browsers import DESK, PHONE, serious_problems
from tests.scenarios.conftest import PASSWORD, Service

CLIENT: Final = "+14155550123"


async def sign_in(page: Page, service: Service) -> None:
    await page.goto(f"{service.url}/sign-in")
    await page.get_by_label("E-mail").fill("owner@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


@pytest.mark.timeout(120)
async def test_the_story_is_played_without_a_reload(running: Service, chromium: Browser) -> None:
    page = await chromium.new_page(viewport=DESK)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await sign_in(page, running)
    await expect(page.get_by_text("No conversation yet")).to_be_visible()

    assert await running.text_in(CLIENT, "Is Thursday free?") == [200]
    await page.get_by_role("link", name=CLIENT).click()
    await expect(page.get_by_role("log")).to_contain_text("Is Thursday free?")
    await page.get_by_label("Your answer").fill("Yes, at three.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".message.out")).to_contain_text("delivered")
    assert await running.texts_to(CLIENT) == ["Yes, at three."]

    await page.get_by_label("Your answer").fill("A draft that must stay")
    assert await running.text_in(CLIENT, "Great, thank you!") == [200]
    await expect(page.get_by_role("log")).to_contain_text("Great, thank you!")
    assert await page.get_by_label("Your answer").input_value() == "A draft that must stay"
    assert complaints == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_can_be_used_by_everybody(
    running: Service, chromium: Browser, scheme: str
) -> None:
    await running.text_in(
        CLIENT, "A text that is longer than one line of a small telephone is wide"
    )
    conversation = await running.conversation(CLIENT)
    context = await chromium.new_context(
        viewport=PHONE, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = await context.new_page()
    await page.goto(f"{running.url}/sign-in")
    problems = await serious_problems(page)
    await sign_in(page, running)
    paths = (
        "/inbox",
        f"/inbox/{conversation['id']}",
        "/contacts",
        "/contacts?q=nobody",
        f"/contacts/{conversation['contact_id']}",
        "/design",
        "/problems",
        "/problems/signature_refused",
        f"/problems/{'nonsense' * 12}",
        "/nothing",
    )
    for path in paths:
        await page.goto(running.url + path)
        problems += await serious_problems(page)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{path} scrolls sideways"
    assert problems == []


@pytest.mark.timeout(120)
async def test_pages_are_read_and_answered_without_a_script(
    running: Service, chromium: Browser
) -> None:
    await running.text_in(CLIENT, "Is Thursday free?")
    await running.conversation(CLIENT)
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page, running)
    await page.get_by_role("link", name=CLIENT).click()
    await page.get_by_label("Your answer").fill("Yes, at three.")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("log")).to_contain_text("Yes, at three.")


@pytest.mark.timeout(120)
async def test_the_api_is_read_in_the_browser(running: Service, chromium: Browser) -> None:
    page = await chromium.new_page(viewport=DESK)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    elsewhere: list[str] = []
    page.on("request", lambda r: None if r.url.startswith(running.url) else elsewhere.append(r.url))
    await page.goto(f"{running.url}/api/docs")
    await expect(page.get_by_text("/api/v1/contacts", exact=True).first).to_be_visible()
    assert complaints == []
    assert [url for url in elsewhere if not url.startswith("data:")] == []
