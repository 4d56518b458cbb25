"""Mails as the sandbox keeps and writes them."""

import datetime as dt
import secrets
from collections.abc import Iterator, Mapping, Sequence
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP, default
from email.utils import format_datetime
from typing import Any, Final

import attrs

from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.sandbox import Arrival, Letter

_ONCE: Final = ("From", "To", "Date", "Message-ID", "Subject", "MIME-Version")


@attrs.define(kw_only=True)
class Mail:
    """A mail, in or out, as somebody reads it."""

    message_id: str
    is_from_client: bool
    sender: str
    to: str
    subject: str
    text: str
    at: dt.datetime
    status: str
    html: str | None = None
    files: Sequence[str] = ()
    references: Sequence[str] = ()

    def state(self) -> dict[str, Any]:
        """Give it as JSON."""
        return attrs.asdict(self) | {"at": self.at.isoformat()}

    def letter(self) -> Letter:
        """Give it as the console shows it."""
        is_lost = self.status == "bounced"
        return Letter(
            id=self.message_id,
            is_from_client=self.is_from_client,
            client=self.sender if self.is_from_client else self.to,
            business=self.to if self.is_from_client else self.sender,
            subject=self.subject,
            body=self.text,
            at=self.at,
            arrival=Arrival.LOST if is_lost else Arrival.ARRIVED,
            note=self.status,
            files=self.files,
        )


def find_faults(raw: bytes, *, sender: str, recipients: Sequence[str]) -> Iterator[str]:
    """Give what a mail breaks of RFC 5322 and RFC 2045, or of its own envelope."""
    mail = message_from_bytes(raw, policy=default)
    head = raw.partition(b"\r\n\r\n")[0]
    for name in _ONCE:
        if len(mail.get_all(name, [])) != 1:
            yield f"{name} must be there once"
            return
    if b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b""):
        yield "a line does not end in CRLF"
    if not head.isascii():
        yield "a header has letters beyond ASCII"
    if any(len(line) > 998 for line in raw.split(b"\r\n")):  # noqa: PLR2004 - RFC 5322, 2.1.1
        yield "a line is too long"
    yield from (type(defect).__name__ for part in mail.walk() for defect in _defects(part))
    if [one.addr_spec for one in mail["From"].addresses] != [sender]:
        yield "From is not who sends it"
    if {one.addr_spec for one in mail["To"].addresses} != set(recipients):
        yield "To is not who it is sent to"


def _defects(part: EmailMessage) -> Sequence[Exception]:
    if not part.is_multipart():
        # Only then is it looked whether it can be decoded.
        part.get_payload(decode=True)
    return part.defects


def read_mail(raw: bytes, *, sender: str, to: str, at: dt.datetime) -> Mail:
    """Read a mail that has no faults."""
    mail = message_from_bytes(raw, policy=default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    return Mail(
        message_id=str(mail["Message-ID"]),
        is_from_client=False,
        sender=sender,
        to=to,
        subject=str(mail["Subject"]),
        text=_content(text) if text else "",
        html=_content(html) if html else None,
        at=at,
        status="delivered",
        files=[part.get_filename() or "" for part in mail.iter_attachments()],
        references=str(mail.get("References", "")).split(),
    )


def _content(part: MIMEPart) -> str:
    return str(part.get_content()).replace("\r\n", "\n").removesuffix("\n")


def write_mail(values: Mapping[str, str], *, at: dt.datetime) -> tuple[Mail, bytes]:
    """Write the mail of a client.

    Args:
        values: ``from``, ``to``, ``subject``, ``body``, and ``answers``, the Message-ID of one
            that it answers, or empty.
        at: when, aware.

    Raises:
        InvalidInput: one of them cannot stand in a header.
    """
    sender, answers = values["from"], values["answers"]
    mail = EmailMessage(policy=SMTP)
    try:
        mail["From"] = Address(addr_spec=sender)
        mail["To"] = Address(addr_spec=values["to"])
        mail["Subject"] = values["subject"]
        mail["Message-ID"] = f"<{secrets.token_hex(12)}@{sender.rpartition('@')[2]}>"
        if answers:
            mail["In-Reply-To"] = mail["References"] = answers
    except (ValueError, IndexError) as error:
        msg = f"this is no header of a mail: {error}"
        raise InvalidInput(msg, [FieldError("", msg)]) from error
    mail["Date"] = format_datetime(at)
    mail.set_content(values["body"])
    written = Mail(
        message_id=str(mail["Message-ID"]),
        is_from_client=True,
        sender=sender,
        to=values["to"],
        subject=values["subject"],
        text=values["body"],
        at=at,
        status="sent",
    )
    return written, mail.as_bytes()


def write_bounce(mail: Mail, *, at: dt.datetime) -> bytes:
    """Write the report that *mail* did not arrive (RFC 3464)."""
    written = _BOUNCE.format(
        host=mail.to.rpartition("@")[2],
        sender=mail.sender,
        to=mail.to,
        id=secrets.token_hex(12),
        date=format_datetime(at),
        ours=mail.message_id,
    )
    return written.replace("\n", "\r\n").encode()


_BOUNCE: Final = """\
From: MAILER-DAEMON@{host}
To: {sender}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{id}@mail.example.com>
Date: {date}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: text/plain

Your mail could not be delivered.
--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com

Final-Recipient: rfc822; {to}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user here
--part
Content-Type: text/rfc822-headers

Message-ID: {ours}

--part--
"""
