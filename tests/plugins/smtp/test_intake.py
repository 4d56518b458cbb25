"""Mail that comes in by SMTP is kept before it is acknowledged, or it is not acknowledged."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import aiosmtplib
import attrs
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from clientflow_core.clock import SystemClock
from clientflow_core.domain.messages import MessageReceived
from clientflow_core.errors import ClientFlowError
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_plugins.smtp.intake import MailIntake
from clientflow_plugins.smtp.webhooks import LARGEST_MAIL_BYTES, parse_inbound, verify_inbound
from tests.plugins.smtp.servers import SALON, settings_for

MAIL = b"From: Ada <ada@example.org>\r\nMessage-ID: <1@example.org>\r\nSubject: Hi\r\n\r\nHello\r\n"
Verdict = Callable[[WebhookRequest], int]


@attrs.define(eq=False)
class Place:
    """An intake, and what has come to the webhook behind it."""

    intake: MailIntake
    arrived: list[WebhookRequest]

    async def hand_over(self, mail: bytes = MAIL, *recipients: str) -> str:
        """Hand in a mail as any mail server does; give the answer to it."""
        async with aiosmtplib.SMTP(
            hostname="127.0.0.1", port=self.intake.port, start_tls=False, timeout=5
        ) as client:
            await client.mail("ada@example.org")
            for recipient in recipients or (SALON,):
                await client.rcpt(recipient)
            return str(await client.data(mail))


@contextlib.asynccontextmanager
async def taking_mail(verdict: Verdict | None = None) -> AsyncIterator[Place]:
    """Run an intake; the webhook verifies as the host does, unless a test says otherwise."""
    arrived: list[WebhookRequest] = []
    app = web.Application(client_max_size=LARGEST_MAIL_BYTES)

    async def take(request: web.Request) -> web.Response:
        taken = WebhookRequest(
            method="POST",
            url=str(request.url),
            headers=dict(request.headers),
            body=await request.read(),
        )
        status = (verdict or judge)(taken)
        if status == 200:
            arrived.append(taken)
        return web.Response(status=status)

    def judge(request: WebhookRequest) -> int:
        try:
            verify_inbound(request, settings)
        except ClientFlowError:
            return 403
        return 200

    app.add_routes([web.post("/webhooks/smtp-inbound", take)])
    async with TestServer(app) as server:
        settings = settings_for(
            25,
            SMTP_INTAKE_PORT=str(unused_port()),
            SMTP_INTAKE_KEY="the key of the tests",
            SMTP_INTAKE_URL=f"http://127.0.0.1:{server.port}",
        )
        intake = MailIntake(settings, log=structlog.get_logger(), clock=SystemClock())
        await intake.start()
        try:
            yield Place(intake, arrived)
        finally:
            await intake.close()


async def test_a_mail_is_kept_and_then_acknowledged() -> None:
    async with taking_mail() as place:
        assert "It is kept" in await place.hand_over()
        (request,) = place.arrived
    (event,) = parse_inbound(request)
    assert isinstance(event, MessageReceived)
    assert (event.sender, event.recipient, event.body) == ("ada@example.org", SALON, "Hello")
    assert event.provider_message_id == "<1@example.org>"
    assert request.body == MAIL


async def test_each_recipient_has_its_own() -> None:
    async with taking_mail() as place:
        await place.hand_over(MAIL, SALON, "front+desk@example.com")
    events = [event for one in place.arrived for event in parse_inbound(one)]
    received = [one for one in events if isinstance(one, MessageReceived)]
    assert [(one.recipient, one.group) for one in received] == [
        (SALON, SALON),
        ("front+desk@example.com", "front@example.com"),
    ]
    settings = settings_for(25, SMTP_INTAKE_KEY="the key of the tests")
    ids = {verify_inbound(one, settings).external_id for one in place.arrived}
    assert len(ids) == 2


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_what_was_not_kept_comes_again(status: int) -> None:
    async with taking_mail(lambda _: status) as place:
        with pytest.raises(aiosmtplib.SMTPDataError) as caught:
            await place.hand_over()
    assert caught.value.code == 451


async def test_what_one_recipient_misses_comes_again_for_all() -> None:
    def only_salon(request: WebhookRequest) -> int:
        return 200 if request.headers["smtp-envelope-to"] == SALON else 503

    async with taking_mail(only_salon) as place:
        with pytest.raises(aiosmtplib.SMTPDataError) as caught:
            await place.hand_over(MAIL, SALON, "front@example.com")
    assert caught.value.code == 451


async def test_nobody_at_the_webhook_means_later() -> None:
    settings = settings_for(
        25,
        SMTP_INTAKE_PORT=str(unused_port()),
        SMTP_INTAKE_KEY="key",
        SMTP_INTAKE_URL=f"http://127.0.0.1:{unused_port()}",
    )
    intake = MailIntake(settings, log=structlog.get_logger(), clock=SystemClock())
    await intake.start()
    try:
        with pytest.raises(aiosmtplib.SMTPDataError) as caught:
            await Place(intake, []).hand_over()
    finally:
        await intake.close()
    assert caught.value.code == 451


async def test_a_mail_too_large_for_the_host_is_refused_for_good() -> None:
    async with taking_mail(lambda _: 413) as place:
        with pytest.raises(aiosmtplib.SMTPDataError) as caught:
            await place.hand_over()
    assert caught.value.code == 552


@pytest.mark.parametrize("recipient", ["eve@example.net", "nobody@elsewhere.example.com"])
async def test_nothing_is_relayed(recipient: str) -> None:
    async with taking_mail() as place:
        with pytest.raises(aiosmtplib.SMTPRecipientRefused) as caught:
            await place.hand_over(MAIL, recipient)
    assert caught.value.code == 550
    assert not place.arrived


async def test_many_recipients_come_in_several_times() -> None:
    async with taking_mail() as place:
        with pytest.raises(aiosmtplib.SMTPRecipientRefused) as caught:
            await place.hand_over(MAIL, *[f"desk{number}@example.com" for number in range(21)])
    assert caught.value.code == 452


async def test_a_conversation_that_is_cut_leaves_nothing_acknowledged() -> None:
    async with taking_mail() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.intake.port)
        await reader.readline()
        writer.write(b"EHLO x\r\nMAIL FROM:<ada@example.org>\r\n")
        await writer.drain()
        await place.intake.close()
        rest = b""
        with contextlib.suppress(ConnectionError):
            rest = await reader.read()
        writer.close()
    assert b"It is kept" not in rest
    assert not place.arrived
