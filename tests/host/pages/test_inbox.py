"""The inbox, as HTML."""

import pytest

from clientflow_core.domain.roles import Role
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.conftest import Host
from tests.host.pages.conftest import EMAIL, Browser
from tests.host.threads import add_conversations, to_uuid
from tests.texts import text


async def test_an_empty_inbox_says_how_it_fills(browser: Browser) -> None:
    status, page = await browser.open("/inbox")
    assert status == 200
    assert "No conversation yet" in page
    assert "A business" in page


async def test_a_text_is_shown_and_answered(
    browser: Browser, host: Host, worker: None, sandbox: TwilioSandbox
) -> None:
    conversation = await host.conversation("Is <b>Thursday</b> free?")
    path = f"/inbox/{conversation['id']}"
    _, page = await browser.open("/inbox")
    assert f'href="{path}"' in page
    _, page = await browser.open(path)
    assert "Is &lt;b&gt;Thursday&lt;/b&gt; free?" in page
    assert "<b>Thursday" not in page

    assert await browser.send(path, body="Yes,\r\nat three.") == (303, path)
    (sent, _) = (await host.get(f"/conversations/{conversation['id']}/messages"))["data"]
    assert sent["body"] == "Yes,\nat three."
    await host.message_in("delivered", sent["id"])
    _, page = await browser.open(path)
    assert "delivered" in page


@pytest.mark.parametrize(
    ("body", "words"),
    [(" \n ", "Write something first."), ("x" * 1601, "This is 1 characters too long")],
)
async def test_what_cannot_be_sent_stays_in_the_box(
    browser: Browser, host: Host, worker: None, body: str, words: str
) -> None:
    conversation = await host.conversation()
    status, page = await browser.send(f"/inbox/{conversation['id']}", body=body)
    assert status == 422
    assert words in page
    assert f">{body.strip()}</textarea>" in page
    assert host.rows("SELECT count(*) FROM messages WHERE direction = 'out'") == [(0,)]


async def test_who_may_only_read_sees_no_box(browser: Browser, host: Host, worker: None) -> None:
    conversation = await host.conversation()
    host.rows("UPDATE memberships SET role = %s", Role.VIEWER.value)
    path = f"/inbox/{conversation['id']}"
    _, page = await browser.open(path)
    assert "but not answer" in page
    assert "<textarea" not in page
    status, page = await browser.send(path, body="Hello")
    assert status == 403
    assert "You may not do this" in page


@pytest.mark.parametrize("path", ["/inbox/cnv_0", "/inbox/cnv_" + "0" * 32, "/nothing", "/inbox/x"])
async def test_what_is_not_there_is_told_on_a_page(browser: Browser, path: str) -> None:
    status, page = await browser.open(path)
    assert status == 404
    assert "There is nothing here" in page
    assert EMAIL in page or path == "/nothing"


async def test_another_organizations_conversation_is_not_there(
    browser: Browser, host: Host, worker: None
) -> None:
    theirs = host.add_organization()
    number = host.rows("SELECT address FROM channels WHERE organization_id = %s", theirs.id)[0][0]
    assert (await host.webhook(text("For them", To=number))).status == 200
    await host.quiet()
    listed = await host.get("/conversations", by=theirs)
    status, page = await browser.open(f"/inbox/{listed['data'][0]['id']}")
    assert status == 404
    assert "For them" not in page


async def test_a_long_thread_is_read_in_pages(browser: Browser, host: Host, worker: None) -> None:
    conversation = await host.conversation("the first")
    host.rows(
        "INSERT INTO messages (organization_id, id, conversation_id, channel_id, direction, body,"
        " status) SELECT organization_id, gen_random_uuid(), conversation_id, channel_id, 'in',"
        " 'text ' || n, 'received' FROM messages, generate_series(1, 60) n"
    )
    path = f"/inbox/{conversation['id']}"
    _, page = await browser.open(path)
    assert page.count('<li class="message') == 50
    before = page.partition(f'href="{path}?before=')[2].partition('"')[0]
    _, page = await browser.open(f"{path}?before={before}")
    assert page.count('<li class="message') == 11
    assert "Newest messages" in page
    assert "changed from:#live" not in page.partition('id="messages"')[2]


async def test_older_conversations_are_a_page_away(browser: Browser) -> None:
    add_conversations(browser.host, browser.host.ours, 60)
    _, page = await browser.open("/inbox")
    assert page.count('class="row"') == 50
    link = page.partition('href="/inbox?starting_after=')[2].partition('"')[0]
    # Whoever writes meanwhile does not bring the first page back.
    browser.host.rows(
        "UPDATE conversations SET last_message_at = clock_timestamp() WHERE id = %s",
        to_uuid(link.partition("-")[0]),
    )
    _, older = await browser.open(f"/inbox?starting_after={link}")
    assert older.count('class="row"') == 10
    assert "Older conversations" not in older


async def test_a_browser_that_asks_wrongly_gets_a_page(browser: Browser) -> None:
    status, page = await browser.open("/inbox?starting_after=x")
    assert status == 422
    assert "<!doctype html>" in page


async def test_pages_hold_the_policy_and_are_not_kept(browser: Browser) -> None:
    async with browser.http.get("/inbox") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_the_components_are_shown_in_every_state(browser: Browser) -> None:
    status, page = await browser.open("/design")
    assert status == 200
    for word in ("not sent", "delivered", "waiting", "nobody knows"):
        assert word in page
