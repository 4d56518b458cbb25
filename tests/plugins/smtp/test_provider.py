"""The channel against a real mail server."""

import ssl
import uuid
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import attrs
import pytest

from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.messages import MessageStatus, OutboundMessage
from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    ProviderCannot,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from tests.plugins.smtp.servers import (
    PASSWORD,
    SALON,
    USER,
    MailServer,
    certificate,
    channel_to,
    serving,
)

ATTEMPT = uuid.UUID("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")
MESSAGE = OutboundMessage(
    attempt_id=ATTEMPT, sender=SALON, recipient="ada@example.org", body="See you at three. 👍"
)


def read(server: MailServer) -> EmailMessage:
    """Give the only mail that the server has taken."""
    (envelope,) = server.taken
    return message_from_bytes(envelope.original_content or b"", policy=default)


async def test_a_mail_arrives_with_all_that_it_has() -> None:
    parts = EmailParts(
        subject="Re: Über Donnerstag",
        message_id="<17@example.com>",
        in_reply_to="<16@example.org>",
        references=("<1@example.org>", *(f"<{'x' * 80}{n}@example.org>" for n in range(30))),
        reply_to="front.desk@example.com",
        sender_name='Salon "Ada", Größe',
        html="<p>See you</p>",
        attachments=(
            Attachment(name="plän.pdf", content_type="application/pdf", content=b"%PDF\xff\x00"),
            Attachment(name="a.eml", content_type="message/rfc822", content=b"Subject: x\n\ny"),
            Attachment(name="odd", content_type="nonsense", content=b"z"),
        ),
    )
    async with serving() as server, channel_to(server.port) as channel:
        receipt = await channel.send(attrs.evolve(MESSAGE, email=parts))
    assert (receipt.provider_message_id, receipt.status) == ("<17@example.com>", MessageStatus.SENT)
    mail = read(server)
    (envelope,) = server.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == (SALON, ["ada@example.org"])
    sender: Any = mail["From"]
    assert sender.addresses[0].display_name == 'Salon "Ada", Größe'
    assert sender.addresses[0].addr_spec == SALON
    assert mail["Subject"] == "Re: Über Donnerstag"
    assert mail["Message-ID"] == "<17@example.com>"
    assert mail["In-Reply-To"] == "<16@example.org>"
    assert tuple(mail["References"].split()) == parts.references
    assert mail["Reply-To"] == "front.desk@example.com"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == MESSAGE.body
    assert html.get_content().strip() == "<p>See you</p>"
    pdf, eml, odd = mail.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content()) == ("plän.pdf", b"%PDF\xff\x00")
    assert (eml.get_content_type(), eml.get_content()) == (
        "application/octet-stream",
        b"Subject: x\n\ny",
    )
    assert odd.get_content() == b"z"


async def test_an_invitation_stands_beside_the_text_and_files_below() -> None:
    kind = 'text/calendar; charset=utf-8; method="REQUEST"'
    written = "BEGIN:VCALENDAR\r\nSUMMARY:Größe\r\nEND:VCALENDAR\r\n"
    invitation = Attachment(name="invite.ics", content_type=kind, content=written.encode())
    pdf = Attachment(name="a.pdf", content_type="application/pdf", content=b"%PDF")
    parts = EmailParts(subject="Invitation", attachments=(pdf, invitation))
    async with serving() as server, channel_to(server.port) as channel:
        await channel.send(attrs.evolve(MESSAGE, email=parts))
    mail = read(server)
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/calendar",
        "application/pdf",
    ]  # fmt: skip
    (calendar,) = [one for one in mail.walk() if one.get_content_type() == "text/calendar"]
    assert calendar["Content-Type"].params == {"charset": "utf-8", "method": "REQUEST"}
    assert calendar.get_content().splitlines() == written.splitlines()


async def test_without_more_the_message_id_is_made_of_the_attempt() -> None:
    async with serving() as server, channel_to(server.port) as channel:
        receipt = await channel.send(MESSAGE)
    assert receipt.provider_message_id == f"<{ATTEMPT.hex}@example.com>"
    assert read(server)["Message-ID"] == receipt.provider_message_id
    assert read(server)["Subject"] == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "ada@example.org\r\nBcc: eve@example.net"},
        {"recipient": "Ada <ada@example.org>"},
        {"recipient": "ada@example.org, eve@example.net"},
        {"recipient": "nobody"},
        {"sender": "salon@example.com>\r\nRCPT TO:<eve@example.net"},
        {"email": EmailParts(subject="Hi\r\nBcc: eve@example.net")},
        {"email": EmailParts(subject="Hi\nBcc: eve@example.net")},
        {"email": EmailParts(sender_name="Ada\r\nBcc: eve@example.net")},
        {"email": EmailParts(message_id="<1@a>\r\nBcc: eve@example.net")},
        {"email": EmailParts(in_reply_to="<1@a>\r\nBcc: eve@example.net")},
        {"email": EmailParts(references=("<1@a>\nBcc: eve@example.net",))},
        {"email": EmailParts(reply_to="eve@example.net\r\nBcc: eve@example.net")},
    ],
)
async def test_nothing_that_ends_a_line_reaches_the_server(changes: dict[str, Any]) -> None:
    async with serving() as server, channel_to(server.port) as channel:
        with pytest.raises(RejectedInput):
            await channel.send(attrs.evolve(MESSAGE, **changes))
    assert not server.taken


async def test_a_line_with_a_lone_dot_does_not_end_the_mail() -> None:
    body = "one\n.\n..\nQUIT\ntwo"
    async with serving() as server, channel_to(server.port) as channel:
        await channel.send(attrs.evolve(MESSAGE, body=body))
    assert read(server).get_content().replace("\r\n", "\n").strip() == body


ANSWERS: list[tuple[dict[str, str], type[ProviderError], str | None, float | None]] = [
    ({"MAIL": "530 5.7.0 Authentication required"}, AuthFailed, "5.7.0", None),
    ({"MAIL": "553 5.7.1 Not owned by user"}, ProviderRefused, "5.7.1", None),
    ({"MAIL": "451 4.3.0 Try again"}, ProviderUnavailable, "4.3.0", None),
    ({"MAIL": "421 Closing"}, ProviderUnavailable, "421", None),
    ({"MAIL": "cut"}, ProviderUnavailable, None, None),
    ({"RCPT": "550 5.1.1 User unknown"}, RejectedInput, "5.1.1", None),
    ({"RCPT": "450 4.2.0 Greylisted for 300 seconds"}, RateLimited, "4.2.0", 300),
    ({"RCPT": "452 4.2.2 Mailbox full"}, ProviderUnavailable, "4.2.2", None),
    ({"RCPT": "cut"}, ProviderUnavailable, None, None),
    ({"DATA": "454 Throttling failure: Maximum sending rate exceeded."}, RateLimited, "454", None),
    ({"DATA": "451 4.3.0 Local error"}, ProviderUnavailable, "4.3.0", None),
    ({"DATA": "552 5.3.4 Message too big"}, ProviderRefused, "5.3.4", None),
    ({"DATA": "554 5.7.1 Spam"}, ProviderRefused, "5.7.1", None),
    ({"DATA": "200 what"}, OutcomeUnknown, None, None),
    ({"DATA": "nonsense"}, OutcomeUnknown, None, None),
    ({"DATA": "cut"}, OutcomeUnknown, None, None),
]


@pytest.mark.parametrize(
    ("says", "kind", "code", "wait"), ANSWERS, ids=[str(answer[0]) for answer in ANSWERS]
)
async def test_an_answer_is_told_as_what_it_means(
    says: dict[str, str], kind: type[ProviderError], code: str | None, wait: float | None
) -> None:
    async with serving(says) as server, channel_to(server.port) as channel:
        with pytest.raises(ProviderError) as caught:
            await channel.send(MESSAGE)
    assert type(caught.value) is kind
    assert caught.value.provider_code == code
    if isinstance(caught.value, ProviderUnavailable):
        assert caught.value.retry_after_seconds == wait


@pytest.mark.parametrize("says", [{"QUIT": "500 no"}, {"QUIT": "cut"}])
async def test_what_goes_wrong_after_it_was_taken_changes_nothing(says: dict[str, str]) -> None:
    async with serving(says) as server, channel_to(server.port) as channel:
        assert (await channel.send(MESSAGE)).status is MessageStatus.SENT
    assert len(server.taken) == 1


async def test_credentials_are_proven() -> None:
    good = {"SMTP_USERNAME": USER, "SMTP_PASSWORD": PASSWORD}
    async with serving() as server:
        async with channel_to(server.port, **good) as channel:
            assert await channel.verify() == "salon at 127.0.0.1"
        async with channel_to(server.port, **good | {"SMTP_PASSWORD": "wrong"}) as channel:
            with pytest.raises(AuthFailed) as caught:
                await channel.verify()
    assert caught.value.provider_code == "5.7.8"


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_encrypted_to_who_has_a_certificate(
    security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, trusting = certificate()
    values = {"SMTP_HOST": "localhost", "SMTP_SECURITY": security}
    is_implicit = security == "tls"
    async with serving(tls=served, implicit=is_implicit) as server:
        async with channel_to(server.port, **values) as channel:
            with pytest.raises(ProviderUnavailable):
                await channel.send(MESSAGE)
        monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
        async with channel_to(server.port, **values) as channel:
            await channel.send(MESSAGE)
    assert len(server.taken) == 1


async def test_a_server_that_cannot_encrypt_is_told_nothing() -> None:
    async with (
        serving() as server,
        channel_to(server.port, SMTP_SECURITY="starttls") as channel,
    ):
        with pytest.raises(AuthFailed, match="STARTTLS"):
            await channel.send(MESSAGE)
    assert not server.taken


async def test_nobody_there_is_unavailable() -> None:
    async with serving() as server:
        pass
    async with channel_to(server.port) as channel:
        for call in (channel.verify(), channel.send(MESSAGE)):
            with pytest.raises(ProviderUnavailable):
                await call


async def test_letters_beyond_ascii_need_a_server_that_knows_them() -> None:
    message = attrs.evolve(MESSAGE, recipient="ädä@example.org")
    async with serving(utf8=False) as server, channel_to(server.port) as channel:
        with pytest.raises(ProviderCannot):
            await channel.send(message)
    async with serving() as server, channel_to(server.port) as channel:
        await channel.send(message)
    assert server.taken[0].rcpt_tos == ["ädä@example.org"]


async def test_a_name_of_a_host_beyond_ascii_is_written_as_the_dns_has_it() -> None:
    async with serving() as server, channel_to(server.port) as channel:
        await channel.send(attrs.evolve(MESSAGE, recipient="ada@bücher.example"))
    assert "xn--bcher-kva.example" in str(read(server)["To"])
    assert server.taken[0].rcpt_tos == ["ada@xn--bcher-kva.example"]
