"""Drafts in the inbox, as HTML and without a script."""

import re

import pytest

from clientflow_core.domain.roles import Role
from tests.host.conftest import Host
from tests.host.pages.conftest import Browser
from tests.texts import text

pytestmark = pytest.mark.parametrize(
    "values", [{"LOCAL_ASSISTANT_BUSINESS": "Salon Ada"}], indirect=True, ids=["local"]
)
BUTTON = "Draft an answer</button>"


def typed(page: str) -> str:
    """Give what stands in the box."""
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found
    return found[1]


def taken(page: str) -> str:
    """Give the draft that the box was filled from."""
    found = re.search(r'id="draft-id" name="draft" value="([^"]*)"', page)
    assert found
    return found[1]


async def drafted(browser: Browser, host: Host, body: str = "Is <Thursday> free?") -> str:
    """Let a client write, and an answer be drafted; give the path of the conversation."""
    conversation = await host.conversation(body)
    path = f"/inbox/{conversation['id']}"
    assert await browser.send(f"{path}/draft") == (303, path)
    await host.quiet()
    return path


async def test_a_draft_goes_into_the_box_and_is_sent_by_a_person(
    browser: Browser, host: Host, worker: None
) -> None:
    conversation = await host.conversation("Is <Thursday> free?")
    path = f"/inbox/{conversation['id']}"
    _, page = await browser.open(path)
    assert BUTTON in page
    assert (typed(page), taken(page)) == ("", "")

    assert await browser.send(f"{path}/draft") == (303, path)
    await host.quiet()
    _, page = await browser.open(path)
    assert "“Is &lt;Thursday&gt; free?”" in typed(page)
    assert "Drafted by Local assistant" in page
    assert BUTTON not in page
    assert host.rows("SELECT count(*) FROM messages WHERE direction = 'out'") == [(0,)]

    assert await browser.send(path, body="Yes, at three.", draft=taken(page)) == (303, path)
    assert host.rows("SELECT state FROM assistant_drafts") == [("used",)]
    _, page = await browser.open(path)
    assert (typed(page), taken(page)) == ("", "")


async def test_a_draft_is_discarded_and_asked_for_again(
    browser: Browser, host: Host, worker: None
) -> None:
    path = await drafted(browser, host)
    _, page = await browser.open(path)
    discard = re.search(r'action="([^"]*/discard)"', page)
    assert discard
    assert await browser.send(discard[1]) == (303, path)
    _, page = await browser.open(path)
    assert typed(page) == ""
    assert BUTTON in page
    assert await browser.send(f"{path}/draft") == (303, path)
    await host.quiet()
    assert typed((await browser.open(path))[1])


async def test_a_draft_is_being_written(browser: Browser, host: Host, worker: None) -> None:
    path = await drafted(browser, host)
    host.rows("UPDATE assistant_drafts SET state = 'asked', text = NULL")
    _, page = await browser.open(path)
    assert "Local assistant drafts an answer" in page
    assert BUTTON not in page


async def test_why_there_is_no_draft_is_told(browser: Browser, host: Host, worker: None) -> None:
    path = await drafted(browser, host, "My lawyer will sue you")
    _, page = await browser.open(path)
    assert "No draft: the local assistant leaves this message to a person" in page
    assert BUTTON in page


async def test_an_outdated_draft_is_not_put_into_the_box(
    browser: Browser, host: Host, worker: None
) -> None:
    path = await drafted(browser, host)
    assert (await host.webhook(text("Or Friday?"))).status == 200
    await host.quiet()
    _, page = await browser.open(path)
    assert typed(page) == ""
    assert BUTTON in page


async def test_what_cannot_be_sent_keeps_the_draft(
    browser: Browser, host: Host, worker: None
) -> None:
    path = await drafted(browser, host)
    id_ = taken((await browser.open(path))[1])
    status, page = await browser.send(path, body="x" * 1601, draft=id_)
    assert (status, taken(page), typed(page)) == (422, id_, "x" * 1601)


async def test_an_answer_is_sent_whatever_it_says_of_a_draft(
    browser: Browser, host: Host, worker: None
) -> None:
    path = await drafted(browser, host)
    for draft in ("", "drf_0", "drf_" + "0" * 32):
        assert await browser.send(path, body="Yes.", draft=draft) == (303, path)
    assert host.rows("SELECT state FROM assistant_drafts") == [("drafted",)]
    assert host.rows("SELECT count(*) FROM messages WHERE direction = 'out'") == [(3,)]


async def test_who_may_only_read_asks_for_no_draft(
    browser: Browser, host: Host, worker: None
) -> None:
    path = await drafted(browser, host)
    host.rows("UPDATE memberships SET role = %s", Role.VIEWER.value)
    _, page = await browser.open(path)
    assert 'id="draft"' not in page
    assert (await browser.send(f"{path}/draft"))[0] == 403


async def test_without_an_assistant_there_is_no_button(
    browser: Browser, host: Host, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = await host.conversation()
    monkeypatch.setattr(host.assembly.registry, "providers", {})
    path = f"/inbox/{conversation['id']}"
    assert BUTTON not in (await browser.open(path))[1]
    assert await browser.send(f"{path}/draft") == (303, path)
