"""Whether a client wants to hear from us, as the inbox and the contact show it."""

import re

from playwright.async_api import expect

from clientflow_core.domain.roles import Role
from clientflow_host.worker import working
from tests.host.conftest import Host
from tests.host.pages.conftest import EMAIL, PASSWORD, Browser
from tests.scenarios.browsers import PHONE, open_chromium, serious_problems
from tests.texts import text

BADGE = re.compile(r'<p class="badge">has opted out of texts since\s*<time datetime="20')


async def test_inbox_says_who_has_opted_out_and_sends_nothing(
    browser: Browser, host: Host, worker: None
) -> None:
    conversation = await host.conversation("STOP")
    path = f"/inbox/{conversation['id']}"
    _, page = await browser.open(path)
    assert BADGE.search(page)
    assert " disabled></textarea>" in page
    assert "<button disabled>Send" in page
    assert 'id="refused">Nothing can be sent: the client' in page
    status, page = await browser.send(path, body="Sorry.")
    assert status == 422
    assert ">Sorry.</textarea>" in page
    assert host.rows("SELECT count(*) FROM messages WHERE direction = 'out'") == [(0,)]


async def test_contact_is_opted_out_and_an_admin_opts_back_in(browser: Browser, host: Host) -> None:
    contact_id = (await host.post("/contacts", {"phone": "+14155550111"})).body["id"]
    path = f"/contacts/{contact_id}"
    _, page = await browser.open(path)
    assert "Opt out" in page
    form = {"medium": "text", "reason": "Asked by <b>telephone</b>"}
    assert await browser.send(f"{path}/consent", wish="opt_out", **form) == (303, path)
    _, page = await browser.open(path)
    assert "was opted out of texts by one of us" in page
    assert "Asked by &lt;b&gt;telephone" in page
    host.rows("UPDATE memberships SET role = %s", Role.MEMBER.value)
    _, page = await browser.open(path)
    assert "Opt back in" not in page
    status, _ = await browser.send(f"{path}/consent", wish="opt_in", **form)
    assert status == 403
    host.rows("UPDATE memberships SET role = %s", Role.ADMIN.value)
    assert await browser.send(f"{path}/consent", wish="opt_in", **form) == (303, path)
    _, page = await browser.open(path)
    assert "May be sent." in page


async def test_form_that_says_nothing_of_use_is_refused(browser: Browser, host: Host) -> None:
    contact_id = (await host.post("/contacts", {"phone": "+14155550111"})).body["id"]
    for form in ({"medium": "text", "reason": " "}, {"medium": "pigeon", "reason": "x"}):
        status, _ = await browser.send(f"/contacts/{contact_id}/consent", **form)
        assert status == 422
    assert host.count("consents") == 0


async def test_who_opts_out_while_the_page_is_open_is_not_written_to(
    host: Host, stranger: Browser
) -> None:
    async with working(host.assembly), open_chromium() as chromium:
        conversation = await host.conversation("Hello?")
        page = await chromium.new_page(viewport=PHONE, base_url=host.assembly.settings.url)
        await page.goto("/sign-in")
        await page.get_by_label("E-mail").fill(EMAIL)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.goto(f"/inbox/{conversation['id']}")
        box = page.get_by_label("Your answer")
        await box.fill("Half a sent")
        assert (await host.webhook(text("STOP"))).status == 200
        await expect(page.get_by_role("status").get_by_text("has opted out")).to_be_visible()
        await expect(box).to_be_disabled()
        await expect(box).to_have_value("Half a sent")
        await expect(page.get_by_role("button", name="Send")).to_be_disabled()
        assert not await serious_problems(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        # By the keyboard to who has said so, and back in with a reason.
        await page.get_by_role("link", name="Their contact").press("Enter")
        await page.get_by_text("What was said").press("Enter")
        await expect(page.get_by_text("opted out by the client: STOP")).to_be_visible()
        assert not await serious_problems(page)
        await page.get_by_label("Why").fill("Has asked for it by telephone")
        await page.get_by_label("Why").press("Enter")
        await expect(page.get_by_text("May be sent.")).to_be_visible()
        await page.goto(f"/inbox/{conversation['id']}")
        await expect(page.get_by_label("Your answer")).to_be_enabled()
