"""A stranger, a browser and no manual: the client's telephone and the inbox, side by side."""

from typing import Final

import pytest
from playwright.async_api import Browser, FrameLocator, Page, expect

from tests.scenarios.browsers import DESK, PHONE, serious_problems
from tests.scenarios.conftest import PASSWORD, Service

# What a page may say that is no complaint of the policy, nor an error of ours.
_HARMLESS: Final = ("Blocked autofocusing", "htmx:sse:error", "Failed to fetch")


async def sign_in(page: Page) -> FrameLocator:
    """Sign in to the inbox that is shown beside the telephones."""
    inbox = page.frame_locator("iframe")
    await inbox.get_by_label("E-mail").fill("owner@example.com")
    await inbox.get_by_label("Password").fill(PASSWORD)
    await inbox.get_by_role("button", name="Sign in").click()
    return inbox


async def answer(inbox: FrameLocator, body: str) -> None:
    await inbox.get_by_label("Your answer").fill(body)
    await inbox.get_by_role("button", name="Send").click()


@pytest.mark.timeout(120)
async def test_a_stranger_plays_both_sides(running: Service, chromium: Browser) -> None:
    page = await chromium.new_page(viewport=DESK)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(running.sandbox_url)

    await page.get_by_label("Write as Ada").fill("Is Thursday free?")
    await page.keyboard.press("Enter")
    ada = page.get_by_role("log", name="Texts on the telephone of Ada")
    await expect(ada).to_contain_text("Is Thursday free?")
    await expect(page.get_by_label("Write as Ada")).to_have_value("")
    await expect(page.get_by_label("Write as Ada")).to_be_focused()

    inbox = await sign_in(page)
    await inbox.get_by_role("link", name="+14155550123").click()
    await expect(inbox.get_by_role("log")).to_contain_text("Is Thursday free?")
    await page.get_by_label("Write as Ada").fill("A draft that must stay")
    await answer(inbox, "Yes, at three.")
    await expect(ada).to_contain_text("Yes, at three.")
    await expect(ada.locator(".message.in .ticks")).to_contain_text("delivered")
    await expect(inbox.locator(".message.out")).to_contain_text("delivered")
    await expect(page.get_by_label("Write as Ada")).to_have_value("A draft that must stay")
    assert [one for one in complaints if not any(word in one for word in _HARMLESS)] == []


@pytest.mark.timeout(120)
async def test_a_line_that_is_cut_brings_exactly_one_text(
    running: Service, chromium: Browser
) -> None:
    page = await chromium.new_page(viewport=DESK)
    await page.goto(running.sandbox_url)
    await page.get_by_role("button", name="Ben").click()
    await page.get_by_label("Write as Ben").fill("Hello?")
    await page.keyboard.press("Enter")
    inbox = await sign_in(page)
    await inbox.get_by_role("link", name="+14155550124").click()

    switch = page.get_by_role("switch", name="The line is cut after the text was taken")
    await switch.click()
    await expect(switch).to_be_checked()
    await expect(page.locator(".clients")).to_contain_text("for the next call")
    await answer(inbox, "Still there?")
    ben = page.get_by_role("log", name="Texts on the telephone of Ben")
    await expect(ben.locator(".message.in")).to_contain_text("Still there?")
    await expect(ben.locator(".message.in")).to_contain_text("delivered")
    await expect(page.locator(".log")).to_contain_text("taken, then cut")
    await expect(switch).not_to_be_checked()
    await expect(inbox.locator(".message.out")).to_contain_text("delivered", timeout=15_000)
    await running.quiet()
    assert await running.texts_to("+14155550124") == ["Still there?"]


@pytest.mark.timeout(120)
async def test_what_is_refused_stays_in_the_box_and_is_told(
    service: Service, chromium: Browser
) -> None:
    page = await chromium.new_page(viewport=DESK)
    await page.goto(service.sandbox_url)
    await page.get_by_label("By number").fill("415")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("no number in international form")
    await expect(page.get_by_label("By number")).to_have_value("415")
    await page.get_by_label("By number").fill("+1 415 555 0177")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Write as +14155550177")).to_be_visible()
    await expect(page.get_by_label("By number")).to_have_value("")


@pytest.mark.timeout(120)
async def test_console_says_when_the_sandbox_is_gone_and_when_it_is_back(
    service: Service, chromium: Browser
) -> None:
    page = await chromium.new_page(viewport=DESK)
    await page.goto(service.sandbox_url)
    away = page.get_by_text("The sandbox does not answer any more")
    await expect(away).to_be_hidden()
    service.sandbox.kill()
    await expect(away).to_be_visible()
    service.sandbox.start()
    await expect(away).to_be_hidden(timeout=30_000)


@pytest.mark.timeout(120)
async def test_inbox_that_is_not_there_yet_comes_by_itself(
    service: Service, chromium: Browser
) -> None:
    page = await chromium.new_page(viewport=DESK)
    await page.goto(service.sandbox_url)
    await expect(page.get_by_text("The business is not there")).to_be_visible()
    service.serve.start()
    inbox = page.frame_locator("iframe")
    await expect(inbox.get_by_label("Password")).to_be_visible(timeout=40_000)


@pytest.mark.timeout(120)
async def test_both_sides_are_played_without_a_script(running: Service, chromium: Browser) -> None:
    context = await chromium.new_context(java_script_enabled=False, viewport=PHONE)
    page = await context.new_page()
    await page.goto(running.sandbox_url)
    await page.get_by_label("Write as Ada").fill("Is Thursday free?")
    ada = page.get_by_role("article", name="Ada")
    await ada.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("log").first).to_contain_text("Is Thursday free?")
    await running.conversation("+14155550123")
    inbox = await sign_in(page)
    await inbox.get_by_role("link", name="+14155550123").click()
    await answer(inbox, "Yes, at three.")
    await expect(inbox.get_by_role("log")).to_contain_text("Yes, at three.")
    await running.quiet()
    await page.get_by_role("link", name="Refresh").click()
    await expect(page.get_by_role("log").first).to_contain_text("Yes, at three.")
    await expect(page.get_by_role("log").first).to_contain_text("delivered")
    await page.get_by_role("switch", name="Too many calls (429)").click()
    await expect(page.get_by_role("switch", name="Too many calls (429)")).to_be_checked()
    await page.get_by_role("button", name="All faults off").first.click()
    await expect(page.get_by_role("switch", name="Too many calls (429)")).not_to_be_checked()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_console_can_be_used_by_everybody(
    running: Service, chromium: Browser, scheme: str
) -> None:
    await running.text_in("+14155550123", "A text that is longer than one line of a telephone")
    conversation = await running.conversation("+14155550123")
    await running.answer(conversation["id"], "An answer that is longer than a line as well")
    await running.text_in("+15005550010", "Hello?")
    unreachable = await running.conversation("+15005550010")
    lost = await running.answer(unreachable["id"], "Lost")
    await running.message_in_state(lost["id"], "undelivered")
    await running.control("faults", {"calls": 9, "answer": "503", "webhooks": {"times": 2}})
    problems = []
    for viewport in (PHONE, DESK):
        context = await chromium.new_context(
            viewport=viewport, color_scheme="dark" if scheme == "dark" else "light"
        )
        page = await context.new_page()
        await page.goto(running.sandbox_url)
        await expect(page.frame_locator("iframe").get_by_label("Password")).to_be_visible()
        await expect(page.get_by_text("All faults off").first).to_be_visible()
        problems += await serious_problems(page)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], "it scrolls sideways"
        await context.close()
    assert problems == []
