"""What is sent, by whom, and what each kind of answer means."""

import asyncio
import base64
import json
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.test_utils import TestServer
from sendgrid.helpers.mail import Mail  # type: ignore[import-untyped]

from clientflow_core.domain.consent import ConsentReported, ConsentSource, Wish
from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.messages import DeliveryReported, MessageStatus, OutboundMessage
from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    PluginError,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.ids import new_id
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.sendgrid.errors import map_error, read_error_answer
from clientflow_plugins.sendgrid.mail import build_mail
from clientflow_plugins.sendgrid.provider import SendgridChannel
from clientflow_plugins.sendgrid.sandbox import (
    BOUNCING_ADDRESS,
    UNSUBSCRIBED_ADDRESS,
    SendgridSandbox,
)
from clientflow_plugins.sendgrid.settings import SendgridSettings
from clientflow_plugins.sendgrid.spec import SENDGRID
from tests.plugins.sendgrid.conftest import CLIENT, Host, settings_with, until

pytestmark = pytest.mark.proves("TI3")

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], Awaitable[SendgridChannel]]
THREADED = EmailParts(
    subject="Re: Größe 42\r\nBcc: everybody@example.com",
    in_reply_to="<2@mail.example.com>",
    references=("<1@mail.example.com>", "<2@mail.example.com>"),
    sender_name="Acme\r\n Shoes",
    html="<p>See you</p>",
    attachments=(
        Attachment(name="Angebot ä.pdf", content_type="application/pdf", content=b"%PDF-1"),
    ),
)


def with_email(message: OutboundMessage, email: EmailParts) -> OutboundMessage:
    return attrs.evolve(message, email=email)


class TestSending:
    async def test_mail_arrives_and_its_way_is_reported(
        self,
        channel: SendgridChannel,
        sandbox: SendgridSandbox,
        message: OutboundMessage,
        host: Host,
    ) -> None:
        receipt = await channel.send(message)
        assert receipt.status is MessageStatus.SENT
        await until(lambda: host.reported() == ["processed", "delivered"])
        assert not host.refused
        reports = [one for one in host.events if isinstance(one, DeliveryReported)]
        assert {one.provider_message_id for one in reports} == {receipt.provider_message_id}
        assert {one.attempt_id for one in reports} == {message.attempt_id}
        (mail,) = sandbox.state()["mails"]
        assert (mail["client"], mail["text"]) == (CLIENT, message.body)
        assert mail["state"] == "delivered"

    async def test_mail_that_comes_back_is_undelivered_and_then_suppressed(
        self, channel: SendgridChannel, message: OutboundMessage, host: Host
    ) -> None:
        to_nobody = attrs.evolve(message, recipient=BOUNCING_ADDRESS)
        assert await channel.find_suppression(BOUNCING_ADDRESS) is None
        await channel.send(to_nobody)
        await until(lambda: host.reported() == ["processed", "bounce"])
        assert await channel.find_suppression(BOUNCING_ADDRESS) == "bounced"
        await channel.send(to_nobody)
        await until(lambda: host.reported()[2:] == ["dropped"])

    async def test_who_has_unsubscribed_is_dropped(
        self, channel: SendgridChannel, message: OutboundMessage, host: Host
    ) -> None:
        assert await channel.find_suppression(UNSUBSCRIBED_ADDRESS) == "unsubscribed"
        assert await channel.find_suppression(CLIENT) is None
        await channel.send(attrs.evolve(message, recipient=UNSUBSCRIBED_ADDRESS))
        await until(lambda: host.reported() == ["dropped"])
        report, wish = host.events
        assert isinstance(report, DeliveryReported)
        assert (report.status, report.error_code) == (MessageStatus.FAILED, "unsubscribed_address")
        assert isinstance(wish, ConsentReported)
        assert (wish.wish, wish.source) == (Wish.OPT_OUT, ConsentSource.PROVIDER)

    async def test_sandbox_mode_delivers_nothing(
        self,
        context: ProviderContext,
        settings: SendgridSettings,
        sandbox: SendgridSandbox,
        message: OutboundMessage,
    ) -> None:
        trying = SendgridChannel(context, attrs.evolve(settings, is_sandbox_mode=True))
        receipt = await trying.send(message)
        assert receipt.provider_message_id == str(message.attempt_id)
        assert sandbox.state()["mails"] == []

    async def test_address_of_a_stranger_is_rejected_and_the_key_is_still_good(
        self, channel: SendgridChannel, message: OutboundMessage
    ) -> None:
        with pytest.raises(RejectedInput, match="verified Sender"):
            await channel.send(attrs.evolve(message, sender="hello@stranger.example.com"))
        await channel.send(message)

    async def test_missing_sdk_is_told_when_the_channel_is_opened(
        self,
        context: ProviderContext,
        settings: SendgridSettings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setitem(sys.modules, "clientflow_plugins.sendgrid.provider", None)
        with pytest.raises(PluginError, match=r"clientflow\[sendgrid\]"):
            async with SENDGRID.open(context, settings):
                pytest.fail("it was opened")

    async def test_wrong_key_is_told(
        self, context: ProviderContext, settings: SendgridSettings
    ) -> None:
        wrong = attrs.evolve(settings, api_key=settings_with().api_key)
        with pytest.raises(AuthFailed):
            await SendgridChannel(context, wrong).verify()

    async def test_account_is_named_by_its_address(
        self, channel: SendgridChannel, settings: SendgridSettings
    ) -> None:
        assert await channel.verify() == settings.from_email

    async def test_sdk_sends_nothing_and_says_nothing(
        self, channel: SendgridChannel, message: OutboundMessage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            pytest.fail("urllib was used")

        monkeypatch.setattr("urllib.request.OpenerDirector.open", refuse)
        await channel.send(message)
        logger = logging.getLogger("python_http_client.client")
        assert not logger.isEnabledFor(logging.DEBUG)


class TestBody:
    def body(self, message: OutboundMessage, **changed: str) -> dict[str, Any]:
        return dict(build_mail(message, settings_with(**changed)))

    @pytest.fixture
    def message(self) -> OutboundMessage:
        return OutboundMessage(
            attempt_id=new_id(), sender="hello@acme.example.com", recipient=CLIENT, body="Hi <b>"
        )

    def test_everything_is_there(self, message: OutboundMessage) -> None:
        body = self.body(with_email(message, THREADED))
        assert body["from"] == {"email": "hello@acme.example.com", "name": "Acme Shoes"}
        assert body["personalizations"] == [
            {"to": [{"email": CLIENT}], "custom_args": {"attempt_id": str(message.attempt_id)}}
        ]
        assert body["subject"] == "Re: Größe 42 Bcc: everybody@example.com"
        assert body["content"] == [
            {"type": "text/plain", "value": "Hi <b>"},
            {"type": "text/html", "value": "<p>See you</p>"},
        ]
        assert body["headers"] == {
            "Message-ID": f"<{message.attempt_id.hex}@acme.example.com>",
            "In-Reply-To": "<2@mail.example.com>",
            "References": "<1@mail.example.com> <2@mail.example.com>",
        }
        (file,) = body["attachments"]
        assert base64.b64decode(file["content"]) == b"%PDF-1"
        assert file["filename"] == "Angebot ä.pdf"
        assert body["categories"] == ["clientflow"]
        # Links stay as they were written.
        assert body["tracking_settings"]["click_tracking"] == {
            "enable": False,
            "enable_text": False,
        }
        assert "reply_to" not in body
        assert "mail_settings" not in body

    def test_an_invitation_is_another_form_of_the_text(self, message: OutboundMessage) -> None:
        kind = "text/calendar; charset=utf-8; method=REQUEST"
        invitation = Attachment(name="invite.ics", content_type=kind, content="é".encode())
        plain = Attachment(name="a.ics", content_type="text/calendar", content=b"b")
        email = EmailParts(subject="Invitation", attachments=(invitation, plain))
        body = self.body(with_email(message, email))
        assert body["content"] == [
            {"type": "text/plain", "value": "Hi <b>"},
            {"type": kind, "value": "é"},
        ]
        assert [one["filename"] for one in body["attachments"]] == ["a.ics"]

    def test_our_own_message_id_is_kept(self, message: OutboundMessage) -> None:
        email = EmailParts(message_id="<ours@acme.example.com>")
        assert self.body(with_email(message, email))["headers"] == {
            "Message-ID": "<ours@acme.example.com>"
        }

    def test_ids_that_would_let_it_be_refused_are_left_out(self, message: OutboundMessage) -> None:
        email = EmailParts(in_reply_to="<ü@x>", references=("<a@x>\r\nBcc: y", "<b@x>", "<ü@x>"))
        headers = self.body(with_email(message, email))["headers"]
        assert headers.keys() == {"Message-ID", "References"}
        assert headers["References"] == "<b@x>"

    def test_text_without_a_subject_has_one(self, message: OutboundMessage) -> None:
        assert self.body(message)["subject"] == "(no subject)"

    def test_answers_go_where_they_are_taken_in(self, message: OutboundMessage) -> None:
        reply = {"SENDGRID_REPLY_EMAIL": "Hello@parse.acme.example.com"}
        ours = attrs.evolve(message, sender="hello@parse.acme.example.com")
        body = self.body(ours, **reply)
        assert body["from"] == {"email": "hello@acme.example.com"}
        assert body["reply_to"] == {"email": "hello@parse.acme.example.com"}
        other = attrs.evolve(message, sender="team@acme.example.com")
        assert self.body(other, **reply)["from"] == {"email": "team@acme.example.com"}

    def test_reply_to_of_the_message_counts_most(self, message: OutboundMessage) -> None:
        email = EmailParts(reply_to="team@acme.example.com")
        assert self.body(with_email(message, email))["reply_to"] == {
            "email": "team@acme.example.com"
        }

    @pytest.mark.parametrize("address", ['"a,b"@example.com', "a b@example.com", "<x>@y.example"])
    def test_address_is_never_taken_apart(self, message: OutboundMessage, address: str) -> None:
        body = self.body(attrs.evolve(message, recipient=address))
        assert body["personalizations"][0]["to"] == [{"email": address}]

    def test_host_is_written_as_the_dns_has_it(self, message: OutboundMessage) -> None:
        body = self.body(attrs.evolve(message, recipient="jörg@bücher.example"))
        to = [{"email": "jörg@xn--bcher-kva.example"}]
        assert body["personalizations"][0]["to"] == to
        no_host = f"jörg@{'ü' * 70}.example"
        body = self.body(attrs.evolve(message, recipient=no_host))
        assert body["personalizations"][0]["to"] == [{"email": no_host}]

    def test_text_that_begins_with_a_key_is_rejected_and_not_repeated(
        self, message: OutboundMessage
    ) -> None:
        secret = "SG.abcdefghijklmnop.qrstuvwxyz0123456789"
        with pytest.raises(RejectedInput) as caught:
            self.body(attrs.evolve(message, body=f"{secret} is my key"))
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_it_is_what_the_sdk_itself_would_send(self, message: OutboundMessage) -> None:
        body = self.body(message)
        theirs = Mail(
            from_email="hello@acme.example.com",
            to_emails=CLIENT,
            subject="(no subject)",
            plain_text_content="Hi <b>",
        ).get()
        for name in ("from", "subject", "content"):
            assert body[name] == theirs[name]


@pytest.fixture
async def serve(context: ProviderContext) -> AsyncIterator[Serve]:
    servers: list[TestServer] = []

    async def start(answer: Answer) -> SendgridChannel:
        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", answer)])
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        url = str(server.make_url("")).rstrip("/")
        return SendgridChannel(context, settings_with(SENDGRID_API_BASE_URL=url), total_seconds=0.5)

    yield start
    for server in servers:
        await server.close()


def says(status: int, body: Any = None, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(
            status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return answer


def error(message: str, field: str | None = None) -> dict[str, Any]:
    return {"errors": [{"message": message, "field": field, "help": None}]}


async def outcome(channel: SendgridChannel, *, verify: bool = False) -> ProviderError:
    message = OutboundMessage(
        attempt_id=new_id(), sender="hello@acme.example.com", recipient=CLIENT, body="x"
    )
    with pytest.raises(ProviderError) as caught:
        await (channel.verify() if verify else channel.send(message))
    return caught.value


class TestErrorMap:
    """Each row of it, by the answer that SendGrid gives."""

    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (400, error("Bad Request"), RejectedInput),
            (400, error("The subject is required.", "subject"), RejectedInput),
            (404, error("not found", "null"), RejectedInput),
            (413, error("content too large"), RejectedInput),
            (413, "<html>Request Entity Too Large</html>", RejectedInput),
            (401, error("The provided authorization grant is invalid"), AuthFailed),
            (401, error("Maximum credits exceeded"), AuthFailed),
            (403, error("access forbidden"), AuthFailed),
            (403, error("does not match a verified Sender Identity", "from"), RejectedInput),
            (405, error("method not allowed"), ProviderRefused),
            (415, error("unsupported"), ProviderRefused),
            (301, "", OutcomeUnknown),
            (408, "", OutcomeUnknown),
            (500, error("internal server error"), OutcomeUnknown),
            (502, "<html>502</html>", OutcomeUnknown),
            (503, error("unavailable"), OutcomeUnknown),
            (504, "", OutcomeUnknown),
            (200, "", OutcomeUnknown),
            (202, "", OutcomeUnknown),
        ],
    )
    async def test_answer_to_a_send(
        self, serve: Serve, status: int, body: Any, kind: type[ProviderError]
    ) -> None:
        channel = await serve(says(status, body))
        assert type(await outcome(channel)) is kind

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry_After": "7"}, 7),
            ({"Retry_After": "999999"}, 3600),
            ({"Retry_After": "soon"}, None),
            ({"X_RateLimit_Reset": "1"}, 0),
            ({"X_RateLimit_Reset": "99999999999"}, 3600),
            ({"Retry_After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
            ({}, None),
        ],
    )
    async def test_too_fast(
        self, serve: Serve, headers: dict[str, str], seconds: float | None
    ) -> None:
        channel = await serve(says(429, error("too many requests"), **headers))
        caught = await outcome(channel)
        assert isinstance(caught, RateLimited)
        assert caught.retry_after_seconds == seconds

    async def test_page_of_a_proxy_may_say_when_to_come_back(self, serve: Serve) -> None:
        caught = await outcome(await serve(says(429, "<html>", Retry_After="3")))
        assert isinstance(caught, RateLimited)
        assert caught.retry_after_seconds == 3

    @pytest.mark.parametrize("status", [500, 502, 503, 301, 200])
    async def test_reading_is_only_unavailable(self, serve: Serve, status: int) -> None:
        channel = await serve(says(status, "<html>"))
        assert type(await outcome(channel, verify=True)) is ProviderUnavailable

    @pytest.mark.parametrize("body", [[], {"scopes": None}, {"scopes": 7}, "x", None])
    async def test_scopes_that_are_none_are_unavailable(self, serve: Serve, body: Any) -> None:
        channel = await serve(says(200, json.dumps(body)))
        assert type(await outcome(channel, verify=True)) is ProviderUnavailable

    async def test_key_that_may_not_send_is_told(self, serve: Serve) -> None:
        channel = await serve(says(200, {"scopes": ["alerts.read"]}))
        caught = await outcome(channel, verify=True)
        assert isinstance(caught, AuthFailed)
        assert "mail.send" in str(caught)

    async def test_silence_is_unknown_within_the_deadline(self, serve: Serve) -> None:
        never = asyncio.Event()

        async def answer(_: web.Request) -> web.StreamResponse:
            await never.wait()
            return web.Response()

        channel = await serve(answer)
        assert type(await outcome(channel)) is OutcomeUnknown
        assert type(await outcome(channel, verify=True)) is ProviderUnavailable
        never.set()

    async def test_connection_that_breaks_is_unknown(self, serve: Serve) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            assert request.transport
            request.transport.abort()
            return web.Response()

        assert type(await outcome(await serve(answer))) is OutcomeUnknown

    async def test_nobody_there_is_unavailable(
        self, context: ProviderContext, unused_tcp_port: int
    ) -> None:
        url = f"http://127.0.0.1:{unused_tcp_port}"
        channel = SendgridChannel(context, settings_with(SENDGRID_API_BASE_URL=url))
        assert type(await outcome(channel)) is ProviderUnavailable

    async def test_redirect_is_not_followed_with_the_key(self, serve: Serve) -> None:
        asked: list[str] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            asked.append(request.path)
            raise web.HTTPTemporaryRedirect("/elsewhere")

        assert type(await outcome(await serve(answer))) is OutcomeUnknown
        assert asked == ["/v3/mail/send"]

    async def test_id_is_never_taken_from_a_strange_header(self, serve: Serve) -> None:
        for name in ("", "a b", "x" * 300):
            channel = await serve(says(202, "", X_Message_Id=name))
            assert type(await outcome(channel)) is OutcomeUnknown

    @pytest.mark.parametrize(
        "raised",
        [
            aiohttp.ClientConnectorError(
                ConnectionKey("h", 443, True, True, None, None, None), OSError()
            ),
            aiohttp.ConnectionTimeoutError(),
            aiohttp.InvalidURL("x"),
        ],
    )
    def test_what_was_never_sent_is_unavailable(self, raised: Exception) -> None:
        assert type(map_error(raised, is_send=True)) is ProviderUnavailable

    @pytest.mark.parametrize(
        "raised",
        [TimeoutError(), aiohttp.ServerDisconnectedError(), OSError(), ValueError(), KeyError()],
    )
    def test_everything_else_is_unknown_for_a_send_alone(self, raised: Exception) -> None:
        assert type(map_error(raised, is_send=True)) is OutcomeUnknown
        assert type(map_error(raised, is_send=False)) is ProviderUnavailable

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b'{"errors":[]}', b'{"errors":[7]}', b'{"errors":{}}', b"[" * 9999]
    )
    def test_body_that_is_no_error_is_survived(self, body: bytes) -> None:
        assert read_error_answer(400, body).detail == "the answer is not from SendGrid's API"

    def test_what_it_is_about_is_named(self) -> None:
        body = json.dumps(error("Does not contain a valid address.", "personalizations.0.to"))
        mapped = map_error(read_error_answer(400, body.encode()), is_send=True)
        assert "personalizations.0.to" in str(mapped)
        null = read_error_answer(400, json.dumps(error("x" * 999, "null")).encode())
        assert null.field is None
        assert len(null.detail) == 300


class TestSuppressionLookUp:
    @pytest.mark.parametrize("body", ["x", "7", "[7]", '"a"', "null"])
    async def test_answer_that_is_no_list_is_unavailable(self, serve: Serve, body: str) -> None:
        channel = await serve(says(200, body))
        with pytest.raises(ProviderUnavailable):
            await channel.find_suppression(CLIENT)

    async def test_key_that_may_not_look_is_told(self, serve: Serve) -> None:
        channel = await serve(says(403, error("access forbidden")))
        with pytest.raises(AuthFailed):
            await channel.find_suppression(CLIENT)

    async def test_address_cannot_lead_elsewhere(self, serve: Serve) -> None:
        asked: list[str] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            asked.append(request.raw_path)
            return web.json_response([])

        channel = await serve(answer)
        await channel.find_suppression("../../scopes?a=b#c@example.com")
        assert {path.count("/") for path in asked} <= {4, 5}
        assert all("?" not in path for path in asked)
