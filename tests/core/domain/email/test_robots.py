import pytest

from clientflow_core.domain.email.mime import parse_mime
from clientflow_core.domain.email.robots import Bounce


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; x=1",
        "Precedence: bulk",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "List-Id: <news.example.com>",
        "Return-Path: <>",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
    ],
)
def test_what_a_program_writes_is_automatic(header: str) -> None:
    assert parse_mime(f"{header}\n\nI am away.".encode()).email.is_automatic


@pytest.mark.parametrize("header", ["Auto-Submitted: no", "Precedence: first-class", "X-A: b"])
def test_what_a_person_writes_is_not(header: str) -> None:
    assert not parse_mime(f"{header}\n\nHello.".encode()).email.is_automatic


# After RFC 3464, appendix E.1; as Postfix writes it.
BOUNCE = b"""From: MAILER-DAEMON@mail.example.com (Mail Delivery System)
To: salon@example.com
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com

Final-Recipient: rfc822; ada@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ada@example.org>: no such user
--x
Content-Type: %b

From: salon@example.com
Message-ID: <17@example.com>

See you on Thursday.
--x--
"""


@pytest.mark.parametrize("kind", [b"message/rfc822", b"text/rfc822-headers"])
def test_a_bounce_says_which_of_ours_was_not_delivered(kind: bytes) -> None:
    assert parse_mime(BOUNCE % kind).bounce == Bounce(
        message_id="<17@example.com>",
        action="failed",
        status="5.1.1",
        recipient="ada@example.org",
        detail="550 5.1.1 <ada@example.org>: no such user",
    )


@pytest.mark.parametrize(
    "changed",
    [
        (BOUNCE % b"message/rfc822").replace(b"Message-ID", b"X-Message-ID"),
        (BOUNCE % b"message/rfc822").replace(b"Action", b"X-Action"),
        (BOUNCE % b"message/rfc822").replace(b"multipart/report", b"multipart/mixed"),
    ],
)
def test_a_report_that_names_nothing_is_none(changed: bytes) -> None:
    assert parse_mime(changed).bounce is None
