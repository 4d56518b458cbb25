"""The page on which a calendar gets a secret address, at which others may read it."""

import html
import re

import pytest

from clientflow_core.domain.roles import Role
from tests.host.calendars import add_calendar, add_event
from tests.host.conftest import Host
from tests.host.pages.conftest import Browser

ADDRESS = re.compile(r'<input id="url" value="([^"]+)" readonly>')


@pytest.fixture
def calendar(host: Host) -> str:
    """One with an event."""
    made = add_calendar(host, host.ours)
    add_event(host, host.ours, made)
    return made


async def make(browser: Browser, calendar: str, **form: str) -> str:
    """Press the button; give the path of the address."""
    status, page = await browser.send(f"/calendar/{calendar}/feed", **form)
    found = ADDRESS.search(page)
    assert (status, bool(found)) == (200, True), page
    assert found
    return html.unescape(found[1]).removeprefix(browser.host.assembly.settings.url)


async def test_an_address_is_made_by_a_button_and_shown_once(
    browser: Browser, host: Host, calendar: str
) -> None:
    where = f"/calendar/{calendar}/feed"
    _, page = await browser.open("/calendar")
    assert f'action="{where}"' in page
    _, page = await browser.open(where)
    assert "Feed of Work" in page
    assert "Withdraw" not in page
    shared = await host.bare("GET", await make(browser, calendar, shows="all"))
    assert "Haircut" in shared.body
    _, page = await browser.open(where)
    assert "everything but who takes part</dd>" in page
    assert not ADDRESS.search(page)


async def test_who_does_not_say_how_much_shows_the_least(
    browser: Browser, host: Host, calendar: str
) -> None:
    shared = await host.bare("GET", await make(browser, calendar))
    assert "SUMMARY:Busy" in shared.body


async def test_an_address_is_withdrawn_by_a_button(
    browser: Browser, host: Host, calendar: str
) -> None:
    path = await make(browser, calendar, shows="busy")
    where = f"/calendar/{calendar}/feed"
    assert await browser.send(f"{where}/end") == (303, where)
    assert (await host.bare("GET", path)).status == 404


async def test_only_an_admin_sees_the_button_and_may_press_it(
    browser: Browser, host: Host, calendar: str
) -> None:
    where = f"/calendar/{calendar}/feed"
    host.rows("UPDATE memberships SET role = %s", Role.MEMBER.value)
    _, page = await browser.open("/calendar")
    assert where not in page
    assert (await browser.open(where))[0] == 403
    assert (await browser.send(where, shows="all"))[0] == 403
    assert host.count("calendar_feeds") == 0


async def test_the_calendar_of_another_organization_is_not_there(
    browser: Browser, host: Host
) -> None:
    theirs = add_calendar(host, host.add_organization())
    assert (await browser.open(f"/calendar/{theirs}/feed"))[0] == 404
    assert (await browser.send(f"/calendar/{theirs}/feed", shows="all"))[0] == 404
    assert host.count("calendar_feeds") == 0
