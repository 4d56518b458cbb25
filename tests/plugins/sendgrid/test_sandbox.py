"""The stand-in: as strict as SendGrid or stricter, with a mailbox, and with signed webhooks."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import attrs
import pytest

from clientflow_core.domain.consent import ConsentReported, ConsentSource, Wish
from clientflow_core.domain.messages import (
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    OutboundMessage,
)
from clientflow_core.errors import SignatureRefused
from clientflow_core.sandbox import Arrival
from clientflow_plugins.sendgrid.mail import build_mail
from clientflow_plugins.sendgrid.provider import SendgridChannel
from clientflow_plugins.sendgrid.sandbox import BOUNCING_ADDRESS, SendgridSandbox
from clientflow_plugins.sendgrid.sandbox.acceptance import MOST_BYTES, check_mail
from clientflow_plugins.sendgrid.sandbox.refusals import Refusal
from clientflow_plugins.sendgrid.settings import SendgridSettings
from tests.plugins.sendgrid.conftest import CLIENT, Host, until

TOKEN = "t" * 32
FORBIDDEN = 403


async def control(
    http: aiohttp.ClientSession, sandbox: SendgridSandbox, path: str, status: int = 200, **body: Any
) -> Any:
    async with http.post(f"{sandbox.base_url}/_control/{path}", json=body) as answer:
        told = await answer.json()
        assert answer.status == status, told
        return told


@pytest.fixture
def mail(message: OutboundMessage, settings: SendgridSettings) -> dict[str, Any]:
    return dict(build_mail(message, settings))


def refused(mail: Mapping[str, Any], settings: SendgridSettings) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_mail(mail, size_bytes=1, domain=settings.from_email.rpartition("@")[2])
    return caught.value


PEOPLE = {"to": [{"email": CLIENT}]}


class TestStrictness:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"unheard_of": 1}, "unheard_of"),
            ({"template_id": "d-1"}, "template_id"),
            ({"send_at": 1}, "send_at"),
            ({"personalizations": []}, "personalizations"),
            ({"personalizations": {}}, "personalizations"),
            ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
            ({"personalizations": [{}]}, "personalizations.0.to"),
            ({"personalizations": [PEOPLE | {"cc": [{"email": "a@b.example"}]}]},
             "personalizations.0.cc"),
            ({"personalizations": [{"to": [{"email": "nobody"}]}]},
             "personalizations.0.to.0.email"),
            ({"personalizations": [{"to": [{"email": 7}]}]}, "personalizations.0.to.0.email"),
            ({"personalizations": [PEOPLE, PEOPLE]}, "personalizations.1.to.0.email"),
            ({"from": {"name": "Acme"}}, "from.email"),
            ({"from": {"email": "hello@stranger.example"}}, "from"),
            ({"reply_to": {"email": "x"}}, "reply_to.email"),
            ({"subject": " "}, "subject"),
            ({"subject": None}, "subject"),
            ({"content": []}, "content"),
            ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
            ({"content": [{"type": "text/html", "value": "x"},
                          {"type": "text/plain", "value": "x"}]}, "content"),
            ({"content": [{"type": "text/calendar; method=REQUEST", "value": "x"},
                          {"type": "text/plain", "value": "x"}]}, "content"),
            ({"content": [{"type": "text/plain", "value": "x"},
                          {"type": "text/odd", "value": "x"}]}, "content"),
            ({"headers": {"Subject": "x"}}, "headers.Subject"),
            ({"headers": {"X-A": "a\r\nBcc: b@c.example"}}, "headers.X-A"),
            ({"headers": {"X-A": 1}}, "headers.X-A"),
            ({"categories": ["a", "a"]}, "categories"),
            ({"categories": list("abcdefghijk")}, "categories"),
            ({"custom_args": {"a": 1}}, "custom_args.a"),
            ({"custom_args": {"a": "x" * 10_001}}, "custom_args"),
            ({"attachments": [{"content": "no base64!", "filename": "a"}]},
             "attachments.0.content"),
            ({"attachments": [{"content": "", "filename": "a"}]}, "attachments.0.content"),
            ({"attachments": [{"content": "eA==", "filename": "a", "disposition": "x"}]},
             "attachments.0.disposition"),
            ({"mail_settings": {"sandbox_mode": {"enable": "true"}}},
             "mail_settings.sandbox_mode.enable"),
            ({"tracking_settings": {"ganalytics": {}}}, "tracking_settings.ganalytics"),
        ],
    )  # fmt: skip
    def test_what_sendgrid_refuses_is_refused(
        self, mail: dict[str, Any], settings: SendgridSettings, change: dict[str, Any], field: str
    ) -> None:
        check_mail(mail, size_bytes=1, domain=settings.from_email.rpartition("@")[2])
        assert refused(mail | change, settings).field == field

    @pytest.mark.parametrize("name", ["personalizations", "from", "subject", "content"])
    def test_what_must_be_there_is_missed(
        self, mail: dict[str, Any], settings: SendgridSettings, name: str
    ) -> None:
        del mail[name]
        assert refused(mail, settings).field == name

    def test_too_much_is_too_large(self, mail: dict[str, Any]) -> None:
        with pytest.raises(Refusal) as caught:
            check_mail(mail, size_bytes=MOST_BYTES + 1, domain="x")
        assert caught.value.status == 413

    @pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
    async def test_body_that_is_no_mail_is_refused(
        self, http: aiohttp.ClientSession, sandbox: SendgridSandbox, body: bytes
    ) -> None:
        headers = {
            "Authorization": f"Bearer {sandbox.credentials['SENDGRID_API_KEY']}",
            "Content-Type": "application/json",
        }
        url = f"{sandbox.base_url}/v3/mail/send"
        async with http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 400
        async with http.post(url, data=b"a=b", headers=headers | {"Content-Type": "x/y"}) as answer:
            assert answer.status == 400

    @pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer SG.x.y", "Basic eDp5", "\xff"])
    async def test_strangers_are_refused(
        self, http: aiohttp.ClientSession, sandbox: SendgridSandbox, authorization: str
    ) -> None:
        headers = {"Authorization": authorization}
        async with http.get(f"{sandbox.base_url}/v3/scopes", headers=headers) as answer:
            assert answer.status == 401


class TestMailbox:
    async def test_state_holds_what_was_sent(
        self, channel: SendgridChannel, sandbox: SendgridSandbox, message: OutboundMessage
    ) -> None:
        await channel.send(message)
        (mail,) = json.loads(json.dumps(sandbox.state()))["mails"]
        assert mail["custom_args"] == {"attempt_id": str(message.attempt_id)}
        assert mail["categories"] == ["clientflow"]

    async def test_clients_see_their_mail_and_answer_in_its_thread(
        self,
        channel: SendgridChannel,
        sandbox: SendgridSandbox,
        message: OutboundMessage,
        host: Host,
        http: aiohttp.ClientSession,
    ) -> None:
        await channel.send(message)
        await until(lambda: host.reported() == ["processed", "delivered"])
        await control(http, sandbox, "inbound", body="Yes.\n\n> See you at 9?")
        (received,) = [one for one in host.events if isinstance(one, MessageReceived)]
        assert received.email
        assert received.email.in_reply_to == f"<{message.attempt_id.hex}@{_domain(sandbox)}>"
        assert received.email.subject == "Re: (no subject)"
        ours, theirs = sandbox.panel().letters
        assert (ours.is_from_client, theirs.is_from_client) == (False, True)
        assert (ours.client, theirs.client) == (CLIENT, CLIENT)
        assert {ours.arrival, theirs.arrival} == {Arrival.ARRIVED}

    async def test_mail_that_came_back_is_seen_as_lost(
        self, channel: SendgridChannel, sandbox: SendgridSandbox, message: OutboundMessage
    ) -> None:
        await channel.send(attrs.evolve(message, recipient=BOUNCING_ADDRESS))
        await until(lambda: sandbox.panel().letters[0].arrival is Arrival.LOST)

    async def test_reset_forgets_everything(
        self, channel: SendgridChannel, sandbox: SendgridSandbox, message: OutboundMessage
    ) -> None:
        empty = sandbox.state()
        await channel.send(attrs.evolve(message, recipient=BOUNCING_ADDRESS))
        await until(lambda: bool(sandbox.state()["bounced"]))
        await sandbox.reset()
        assert sandbox.state() == empty


@pytest.fixture
async def sent(channel: SendgridChannel, sandbox: SendgridSandbox, message: OutboundMessage) -> str:
    """The id of a mail of ours of which the host has not been told."""
    sandbox.faults.webhooks.drop = 2
    receipt = await channel.send(message)
    await until(lambda: not sandbox.faults.webhooks.drop)
    return receipt.provider_message_id


class TestEvents:
    @pytest.mark.parametrize("form", ["apart", "whole"])
    async def test_mail_comes_in(
        self,
        http: aiohttp.ClientSession,
        sandbox: SendgridSandbox,
        settings: SendgridSettings,
        host: Host,
        form: str,
    ) -> None:
        told = await control(
            http, sandbox, "inbound", subject="Größe", body="Grüße 👍", html="<p>Hi</p>", form=form
        )
        assert told["statuses"] == [200], host.refused
        (received,) = host.events
        assert isinstance(received, MessageReceived)
        assert received.email
        assert (received.sender, received.recipient) == (CLIENT, settings.own_address)
        assert (received.email.subject, received.body) == ("Größe", "Grüße 👍")
        assert received.email.html
        assert received.email.message_id == told["message_id"]

    async def test_same_mail_twice_is_one(
        self, http: aiohttp.ClientSession, sandbox: SendgridSandbox, host: Host,
        settings: SendgridSettings,
    ) -> None:  # fmt: skip
        del settings
        await control(http, sandbox, "faults", webhooks={"times": 2, "shuffled": True})
        await control(http, sandbox, "inbound", body="Hi", times=2)
        assert len(host.verified) == 4
        assert len({one.external_id for one in host.verified}) == 1

    @pytest.mark.parametrize(
        ("name", "status"),
        [
            ("email.delivered", MessageStatus.DELIVERED),
            ("email.opened", MessageStatus.READ),
            ("email.bounced", MessageStatus.UNDELIVERED),
        ],
    )
    async def test_what_becomes_of_a_mail_can_be_told_again(
        self,
        sandbox: SendgridSandbox,
        sent: str,
        host: Host,
        name: str,
        status: MessageStatus,
    ) -> None:
        (event,) = [one for one in sandbox.events() if one.name == name]
        (request,) = event.happen({"message": sent}).requests
        (delivery,) = await sandbox.sender.deliver(request)
        assert delivery.status == 200, host.refused
        report, *_ = host.events
        assert isinstance(report, DeliveryReported)
        assert (report.provider_message_id, report.status) == (sent, status)

    async def test_who_unsubscribes_is_dropped_until_they_subscribe_again(
        self, sandbox: SendgridSandbox, sent: str, host: Host
    ) -> None:
        for name in ("unsubscribed", "group_resubscribed", "group_unsubscribed", "spam_reported"):
            (event,) = [one for one in sandbox.events() if one.name == f"email.{name}"]
            (request,) = event.happen({"message": sent}).requests
            (delivery,) = await sandbox.sender.deliver(request)
            assert delivery.status == 200, host.refused
            is_out = name.endswith("unsubscribed") or name == "spam_reported"
            assert bool(sandbox.state()["unsubscribed"]) is is_out
        wishes = [one for one in host.events if isinstance(one, ConsentReported)]
        assert [(one.wish, one.source) for one in wishes] == [
            (Wish.OPT_OUT, ConsentSource.CLIENT),
            (Wish.OPT_IN, ConsentSource.CLIENT),
            (Wish.OPT_OUT, ConsentSource.CLIENT),
            (Wish.OPT_OUT, ConsentSource.SPAM_REPORT),
        ]
        sandbox.clear()
        assert sandbox.state()["unsubscribed"] == []

    @pytest.mark.parametrize(
        "fields",
        [
            {"from": "nobody"},
            {"from": "a@b.example\r\nX: y"},
            {"to": "hello@elsewhere.example"},
            {"form": "half"},
            {"event": "email.delivered", "message": "none"},
            {"event": "email.lost"},
        ],
    )
    async def test_nonsense_is_refused_and_nothing_happens(
        self, http: aiohttp.ClientSession, sandbox: SendgridSandbox, fields: dict[str, str]
    ) -> None:
        await control(http, sandbox, "inbound", 422, **fields)
        assert sandbox.state()["mails"] == []


class TestWithoutAPolicy:
    @pytest.fixture
    def credentials(self) -> dict[str, str]:
        return SendgridSandbox.new_credentials() | {"SENDGRID_INBOUND_TOKEN": TOKEN}

    async def test_posts_are_not_signed_and_have_the_token_in_their_address(
        self,
        http: aiohttp.ClientSession,
        sandbox: SendgridSandbox,
        settings: SendgridSettings,
        host: Host,
    ) -> None:
        assert settings.inbound_public_key is None
        told = await control(http, sandbox, "inbound", body="Hi")
        assert told["statuses"] == [200]
        host.settings = attrs.evolve(settings, inbound_token=None)
        told = await control(http, sandbox, "inbound", body="Hi")
        assert told["statuses"] == [FORBIDDEN]
        assert isinstance(host.refused[0], SignatureRefused)


def _domain(sandbox: SendgridSandbox) -> str:
    return sandbox.credentials["SENDGRID_FROM_EMAIL"].rpartition("@")[2]


def test_every_account_signs_with_keys_of_its_own() -> None:
    made = [
        SendgridSandbox(
            base_url="http://x", host_url="http://y", credentials=SendgridSandbox.new_credentials()
        ).settings()
        for _ in range(2)
    ]
    keys = [
        one[name] for one in made for name in ("SENDGRID_PUBLIC_KEY", "SENDGRID_INBOUND_PUBLIC_KEY")
    ]
    assert len(set(keys)) == 4
    assert all(len(base64.b64decode(key)) == 91 for key in keys)
