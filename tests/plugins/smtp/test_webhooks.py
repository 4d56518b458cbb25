"""What a mail that came in means, and which ones are believed."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clientflow_core.domain.consent import ConsentReported, ConsentSource, Wish
from clientflow_core.domain.messages import (
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    ProviderEvent,
)
from clientflow_core.errors import BadPayload, SignatureRefused
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_plugins.smtp.signing import sign_mail
from clientflow_plugins.smtp.webhooks import parse_inbound, verify_inbound
from tests.plugins.smtp.servers import SALON, settings_for

KEY = "the key of the tests"
NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
SETTINGS = settings_for(25, SMTP_INTAKE_KEY=KEY)
PAYLOADS = Path(__file__).parent / "payloads"
MAIL = b"From: ada@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nHello\r\n"


def request(
    mail: bytes = MAIL,
    *,
    recipient: str = SALON,
    sender: str = "ada@example.org",
    key: str = KEY,
    age_seconds: float = 0,
    **headers: str,
) -> WebhookRequest:
    """Give a webhook as the intake posts it."""
    at = NOW.timestamp() - age_seconds
    signed = sign_mail(mail, sender=sender, recipient=recipient, key=key, at=at)
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(
        method="POST",
        url="https://clientflow.test/webhooks/smtp-inbound",
        headers={**signed, **changed},
        body=mail,
        received_at=NOW,
    )


def test_what_our_intake_has_signed_is_believed() -> None:
    verified = verify_inbound(request(), SETTINGS)
    assert verified.account == SALON
    again = verify_inbound(request(b"Received: x\r\n" + MAIL, age_seconds=60), SETTINGS)
    assert again.external_id == verified.external_id


def test_a_mail_without_message_id_is_known_by_all_of_it() -> None:
    ids = {
        verify_inbound(request(mail), SETTINGS).external_id
        for mail in (b"Subject: a\r\n\r\nx", b"Subject: b\r\n\r\nx", b"Subject: a\r\n\r\nx")
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    "forged",
    [
        request(key="another"),
        request(age_seconds=301),
        request(age_seconds=-301),
        request(Smtp_Envelope_To="front@example.com"),
        request(Smtp_Envelope_From="eve@example.net"),
        request(Smtp_Signature=""),
        request(Smtp_Signature="t=1,v1=00"),
        request(Smtp_Signature="t=\u0661,v1=" + "0" * 64),
        WebhookRequest(method="POST", url="https://x.test", headers={}, body=MAIL),
    ],
)
def test_anything_else_is_refused(forged: WebhookRequest) -> None:
    with pytest.raises(SignatureRefused):
        verify_inbound(forged, SETTINGS)


def test_without_a_key_no_mail_is_taken() -> None:
    with pytest.raises(SignatureRefused, match="SMTP_INTAKE_KEY"):
        verify_inbound(request(), settings_for(25))


def test_a_recipient_that_is_none_cannot_be_read() -> None:
    with pytest.raises(BadPayload):
        verify_inbound(request(recipient="nobody"), SETTINGS)
    with pytest.raises(BadPayload):
        parse_inbound(request(recipient="nobody"))


def payload(name: str) -> Sequence[ProviderEvent]:
    """Parse one of our fixtures, each written after what its source shows."""
    raw: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    assert raw["source"].startswith("https://")
    return parse_inbound(request("\r\n".join(raw["mail"]).encode(), recipient=raw["to"]))


def test_a_reply_of_gmail_goes_on_with_its_thread() -> None:
    (event,) = payload("gmail_reply")
    assert isinstance(event, MessageReceived)
    assert event.sender == "ada@example.org"
    assert event.email is not None
    assert event.email.sender_name == "Ada Lovelace"
    assert event.email.in_reply_to == "<0190a1b2c3d47e5f8a9b0c1d2e3f4a5b@example.com>"
    assert event.email.subject == "Re: Your appointment"
    assert event.email.html is not None
    assert event.body.startswith("Yes, three is fine.")


def test_an_absence_is_told_as_automatic() -> None:
    (event,) = payload("out_of_office")
    assert isinstance(event, MessageReceived)
    assert event.email is not None
    assert event.email.is_automatic


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("postfix_bounce", MessageStatus.UNDELIVERED, "5.1.1")],
)
def test_a_bounce_is_a_report_on_ours(name: str, status: MessageStatus, code: str) -> None:
    event, wish = payload(name)
    assert wish == ConsentReported(
        wish=Wish.OPT_OUT,
        source=ConsentSource.BOUNCE,
        evidence="550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown",
        sender=SALON,
        provider_message_id="<0190a1b2c3d47e5f8a9b0c1d2e3f4a5b@example.com>",
        group=SALON,
    )
    assert event == DeliveryReported(
        provider_message_id="<0190a1b2c3d47e5f8a9b0c1d2e3f4a5b@example.com>",
        sender=SALON,
        status=status,
        raw_status="550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown",
        error_code=code,
        group=SALON,
    )


def test_a_mailbox_that_is_full_may_have_room_tomorrow() -> None:
    raw = json.loads((PAYLOADS / "postfix_bounce.json").read_text("utf-8"))
    mail = "\r\n".join(raw["mail"]).replace("5.1.1", "5.2.2")
    (event,) = parse_inbound(request(mail.encode(), recipient=raw["to"]))
    assert isinstance(event, DeliveryReported)
    assert (event.status, event.error_code) == (MessageStatus.UNDELIVERED, "5.2.2")


def test_a_delay_says_nothing_yet() -> None:
    assert list(payload("postfix_delay")) == []


def test_a_mail_of_nobody_means_nothing() -> None:
    assert list(parse_inbound(request(b"Subject: x\r\n\r\nHello", sender=""))) == []
    (event,) = parse_inbound(request(b"Subject: x\r\n\r\nHello"))
    assert isinstance(event, MessageReceived)
    assert event.sender == "ada@example.org"
