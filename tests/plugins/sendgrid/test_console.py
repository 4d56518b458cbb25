"""The console for people: it shows the mailbox, and lets somebody write a mail."""

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp.test_utils import TestClient, TestServer

from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.messages import MessageReceived, OutboundMessage
from clientflow_core.sandbox import build_sandbox_app
from clientflow_host.sandbox_console.console import add_console
from clientflow_plugins.sendgrid.provider import SendgridChannel
from clientflow_plugins.sendgrid.sandbox import SendgridSandbox
from tests.plugins.sendgrid.conftest import Host

Client = TestClient[Any, Any]


@pytest.fixture
async def sandbox(host: Host, credentials: dict[str, str]) -> SendgridSandbox:
    return SendgridSandbox(base_url="http://not-yet", host_url=host.url, credentials=credentials)


@pytest.fixture(autouse=True)
async def console(sandbox: SendgridSandbox, host: Host) -> AsyncIterator[Client]:
    app = build_sandbox_app([sandbox])
    add_console(app, [sandbox], host_url=host.url)
    async with TestClient(TestServer(app)) as client:
        sandbox.base_url = str(client.make_url("/sendgrid"))
        yield client


async def test_mail_of_the_business_is_shown_as_text(
    console: Client, channel: SendgridChannel, message: OutboundMessage
) -> None:
    file = Attachment(name="offer.pdf", content_type="application/pdf", content=b"%PDF")
    email = EmailParts(subject="<script>alert(1)</script>", attachments=(file,))
    await channel.send(attrs.evolve(message, email=email))
    page = await (await console.get("/")).text()
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "&lt;b&gt;&amp;amp;&lt;/b&gt;" in page
    assert "offer.pdf" in page


async def test_somebody_writes_a_mail(
    console: Client, host: Host, settings: object, sandbox: SendgridSandbox
) -> None:
    del settings
    page = await (await console.get("/")).text()
    assert 'name="set-subject"' in page
    form = {"event": "email.received", "set-subject": "Größe", "set-body": "Is Thursday free?"}
    answer = await console.post("/_console/sendgrid/events", data=form)
    assert answer.status == 200
    (received,) = host.events
    assert isinstance(received, MessageReceived)
    assert received.email
    assert (received.email.subject, received.body) == ("Größe", "Is Thursday free?")
    assert len(sandbox.panel().letters) == 1


async def test_nonsense_is_told_to_whoever_has_written_it(console: Client) -> None:
    form = {"event": "email.received", "set-from": "nobody"}
    answer = await console.post("/_console/sendgrid/events", data=form)
    assert answer.status == 422
    assert "must be an address" in await answer.text()
