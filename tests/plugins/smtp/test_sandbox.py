"""The sandbox is a mail server that takes nothing that a strict one would not."""

import contextlib
from collections.abc import AsyncIterator

import aiosmtplib
import pytest

from clientflow_core.errors import InvalidInput
from clientflow_core.sandbox import Arrival, ControlBody
from clientflow_plugins.smtp.sandbox import FULL_ADDRESS, UNKNOWN_ADDRESS, SmtpSandbox

ADA = "ada@example.org"


@pytest.fixture
async def box() -> AsyncIterator[SmtpSandbox]:
    """A sandbox that listens."""
    made = SmtpSandbox(
        base_url="http://sandbox.test/smtp",
        host_url="http://127.0.0.1:9",
        credentials=SmtpSandbox.new_credentials(),
    )
    await made.start()
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def signed_in(box: SmtpSandbox) -> AsyncIterator[aiosmtplib.SMTP]:
    """Talk to the sandbox as its account."""
    ((host, port),) = box.listens_at()
    async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False, timeout=5) as client:
        await client.login(box.credentials["SMTP_USERNAME"], box.credentials["SMTP_PASSWORD"])
        yield client


def mail(box: SmtpSandbox, **changes: str | None) -> bytes:
    """Write a mail without faults, or with those of *changes*."""
    headers = {
        "From": box.credentials["SMTP_FROM"],
        "To": ADA,
        "Subject": "Thursday",
        "Date": "Sun, 29 Nov 2026 12:00:00 +0000",
        "Message-ID": "<1@example.com>",
        "MIME-Version": "1.0",
    }
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{k}: {v}" for k, v in (headers | named).items() if v is not None]
    return ("\r\n".join(lines) + "\r\n\r\nHello\r\n").encode()


async def hand_over(box: SmtpSandbox, raw: bytes) -> None:
    """Hand *raw* to the sandbox for Ada."""
    async with signed_in(box) as client:
        await client.mail(box.credentials["SMTP_FROM"])
        await client.rcpt(ADA)
        await client.data(raw)


async def test_a_mail_without_faults_is_shown(box: SmtpSandbox) -> None:
    await hand_over(box, mail(box))
    (letter,) = box.panel().letters
    assert (letter.client, letter.subject, letter.body) == (ADA, "Thursday", "Hello")
    assert (letter.arrival, letter.is_from_client) == (Arrival.ARRIVED, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"Date": None},
        {"Message_ID": None},
        {"Subject": None},
        {"From": "eve@example.net"},
        {"To": "eve@example.net"},
        {"Subject": "Grüße"},
        {"Subject": "x" * 1000},
        {"Content_Type": "multipart/mixed"},
        {"Content_Transfer_Encoding": "base64"},
    ],
)
async def test_a_mail_with_a_fault_is_refused(
    box: SmtpSandbox, changes: dict[str, str | None]
) -> None:
    with pytest.raises(aiosmtplib.SMTPDataError) as caught:
        await hand_over(box, mail(box, **changes))
    assert caught.value.code in {500, 554}
    assert not box.state()["mails"]


async def test_two_subjects_are_one_too_many(box: SmtpSandbox) -> None:
    with pytest.raises(aiosmtplib.SMTPDataError):
        await hand_over(box, b"Subject: another\r\n" + mail(box))


async def test_strangers_may_send_nothing(box: SmtpSandbox) -> None:
    ((host, port),) = box.listens_at()
    async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False, timeout=5) as client:
        with pytest.raises(aiosmtplib.SMTPSenderRefused) as caught:
            await client.mail(box.credentials["SMTP_FROM"])
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await client.login(box.credentials["SMTP_USERNAME"], "wrong")
    assert caught.value.code == 530


async def test_nobody_sends_as_somebody_else(box: SmtpSandbox) -> None:
    async with signed_in(box) as client:
        with pytest.raises(aiosmtplib.SMTPSenderRefused) as caught:
            await client.mail("eve@example.net")
    assert caught.value.code == 553


@pytest.mark.parametrize(
    ("recipient", "code"), [(UNKNOWN_ADDRESS, 550), (FULL_ADDRESS, 452), ("nobody", 501)]
)
async def test_some_addresses_are_refused(box: SmtpSandbox, recipient: str, code: int) -> None:
    async with signed_in(box) as client:
        await client.mail(box.credentials["SMTP_FROM"])
        with pytest.raises(aiosmtplib.SMTPRecipientRefused) as caught:
            await client.rcpt(recipient)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        {"from": "nobody"},
        {"to": "nobody"},
        {"subject": "a\r\nBcc: eve@example.net"},
        {"answers": "<1@a>\r\nBcc: eve@example.net"},
        {"event": "email.bounced", "message": "<none@example.com>"},
    ],
)
async def test_what_cannot_happen_does_not(box: SmtpSandbox, body: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        await box.inbound(ControlBody(body))
    assert not box.state()["mails"]


async def test_a_port_that_is_taken_is_told_and_the_rest_goes_on(box: SmtpSandbox) -> None:
    other = SmtpSandbox(base_url=box.base_url, host_url=box.host_url, credentials=box.credentials)
    await other.start()
    assert other.state()["mails"] == []
    await other.close()


async def test_every_account_has_a_port_of_its_own() -> None:
    ports = {SmtpSandbox.new_credentials()["SMTP_PORT"] for _ in range(5)}
    assert len(ports) > 1
