import asyncio
import subprocess
from collections.abc import AsyncIterator

import pytest

from clientflow_plugins.smtp.sandbox import UNKNOWN_ADDRESS, SmtpSandbox
from tests.examples.conftest import Example, blocked_beside

NAME = "answer_an_email.py"
MAIL = """From: Ada <ada@example.org>
To: salon@example.com
Subject: Re: Thursday
Message-ID: <2@example.org>
References: <1@example.com>
{more}
Is three free?

On Sun, 29 Nov 2026, salon@example.com wrote:
> Would Thursday suit you?
"""


@pytest.fixture
async def mail_server() -> AsyncIterator[SmtpSandbox]:
    made = SmtpSandbox(
        base_url="http://not-yet",
        host_url="http://127.0.0.1:9",
        credentials=SmtpSandbox.new_credentials(),
    )
    await made.start()
    yield made
    await made.close()


async def pipe(mail: str, server: SmtpSandbox) -> "subprocess.CompletedProcess[str]":
    """Pipe *mail* into the example, with nothing else installed than it asks for."""
    example = Example(blocked=blocked_beside("smtp"), settings=server.settings())
    return await asyncio.to_thread(
        subprocess.run,
        example.command(NAME, "Yes, at three."),
        env=example.environment(),
        input=mail,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


async def test_mail_is_answered_in_its_thread(mail_server: SmtpSandbox) -> None:
    result = await pipe(MAIL.format(more=""), mail_server)
    assert (result.returncode, result.stderr) == (0, "")
    (sent,) = mail_server.state()["mails"]
    assert (sent["to"], sent["subject"], sent["text"]) == (
        "ada@example.org",
        "Re: Thursday",
        "Yes, at three.",
    )
    assert sent["references"] == ["<1@example.com>", "<2@example.org>"]
    assert result.stdout == (
        "ada@example.org writes: Is three free?\n"
        f"the mail server has the answer as {sent['message_id']}\n"
    )


async def test_what_a_program_has_written_is_not_answered(mail_server: SmtpSandbox) -> None:
    result = await pipe(MAIL.format(more="Auto-Submitted: auto-replied\n"), mail_server)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "not answered: no person has written this\n"
    assert not mail_server.state()["mails"]


async def test_a_refusal_is_told_in_the_words_of_the_server(mail_server: SmtpSandbox) -> None:
    result = await pipe(MAIL.replace("ada@example.org", UNKNOWN_ADDRESS), mail_server)
    assert result.returncode == 1
    assert "User unknown" in result.stderr
