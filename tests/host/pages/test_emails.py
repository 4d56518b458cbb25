"""E-mails in the inbox: subject, files, and HTML of strangers."""

import uuid
from typing import Any

import pytest

from clientflow_core.clock import SystemClock
from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.messages import MessageReceived
from clientflow_core.ids import new_id
from clientflow_core.services.receive_message import receive_message
from tests.host.conftest import Host
from tests.host.pages.conftest import Browser

HOSTILE = '<p>Look</p><img src="https://eve.example/seen.gif"><script>steal()</script>'


async def take(host: Host, **parts: Any) -> str:
    """Take an e-mail in; give its conversation."""
    organization_id, channel_id = host.ours.id, uuid.uuid4()
    host.rows(
        "INSERT INTO channels (organization_id, id, provider, address, name, medium)"
        " VALUES (%s, %s, 'smtp', 'salon@example.com', 'Front desk', 'email')",
        organization_id,
        channel_id,
    )
    received = MessageReceived(
        provider_message_id="<1@example.org>",
        sender="ada@example.org",
        recipient="salon@example.com",
        body="Is <b>three</b> free?\n\nOn 29 Nov 2026, x@example.com wrote:\n> Thursday?",
        email=EmailParts(subject="Re: <i>Thursday</i>", message_id="<1@example.org>", **parts),
    )
    async with host.assembly.database.organization(organization_id) as transaction:
        await receive_message(
            transaction,
            received,
            channel_id=channel_id,
            received_at=SystemClock().now(),
        )
    [(conversation_id,)] = host.rows("SELECT id FROM conversations")
    return f"cnv_{conversation_id.hex}"


async def test_an_email_is_shown_with_its_subject_and_without_its_quote(
    browser: Browser, host: Host
) -> None:
    conversation = await take(host)
    _, page = await browser.open(f"/inbox/{conversation}")
    assert "&lt;i&gt;Thursday&lt;/i&gt;" in page
    assert "Is &lt;b&gt;three&lt;/b&gt; free?" in page
    assert "<summary>Quoted</summary>" in page
    assert 'maxlength="100000"' in page


async def test_html_is_shown_cleaned_on_a_page_of_nobody(browser: Browser, host: Host) -> None:
    conversation = await take(host, html=HOSTILE)
    _, page = await browser.open(f"/inbox/{conversation}")
    assert "eve.example" not in page
    [(message_id,)] = host.rows("SELECT id FROM messages")
    path = f"/emails/msg_{message_id.hex}"
    assert f'href="{path}"' in page
    async with browser.http.get(path) as answer:
        text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert "<p>Look</p>" in text
    for word in ("eve.example", "steal", "<img", "<script"):
        assert word not in text
    assert policy.startswith("default-src 'none'; sandbox")
    (message,) = (await host.get(f"/conversations/{conversation}/messages"))["data"]
    assert message["email"]["html"] == "<p>Look</p>"


async def test_a_message_without_html_has_no_such_page(browser: Browser, host: Host) -> None:
    await take(host)
    [(message_id,)] = host.rows("SELECT id FROM messages")
    for name in (message_id, new_id()):
        status, _ = await browser.open(f"/emails/msg_{name.hex}")
        assert status == 404


async def test_a_file_is_downloaded_and_never_opened(browser: Browser, host: Host) -> None:
    file = Attachment(name='plän "1".html', content_type="text/html", content=b"<script>")
    conversation = await take(host, attachments=(file,))
    _, page = await browser.open(f"/inbox/{conversation}")
    [(attachment_id,)] = host.rows("SELECT id FROM attachments")
    path = f"/attachments/att_{attachment_id.hex}"
    assert f'href="{path}"' in page
    for asked, headers in ((path, {}), (f"/api/v1{path}", host.ours.headers)):
        async with browser.http.get(asked, headers=headers) as answer:
            assert answer.status == 200
            assert await answer.read() == b"<script>"
            assert answer.content_type == "application/octet-stream"
            named = answer.headers["Content-Disposition"]
            assert named == "attachment; filename*=UTF-8''pl%C3%A4n%20%221%22.html"
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/attachments/att_{0}", "/emails/msg_{0}"])
async def test_nobody_else_sees_any_of_it(stranger: Browser, host: Host, path: str) -> None:
    await take(host, attachments=(Attachment(name="a", content_type="a/b", content=b"x"),))
    [(attachment_id,)] = host.rows("SELECT id FROM attachments")
    status, where = await stranger.open(path.format(attachment_id.hex))
    assert (status, where.startswith("/sign-in")) == (303, True)
    other = host.add_organization()
    answer = await host.call("GET", f"/api/v1/attachments/att_{attachment_id.hex}", by=other)
    assert (answer.status, answer.code) == (404, "not_found")
