"""A mail that comes in by SMTP is in the database before it is acknowledged."""

import aiosmtplib
import pytest
import structlog
from aiohttp.test_utils import unused_port

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.context import HostContext, Process
from clientflow_core.settings import load_settings
from clientflow_plugins.smtp import SmtpPlugin
from clientflow_plugins.smtp.settings import SmtpSettings
from tests.host.conftest import Host

SMTP = {
    "SMTP_HOST": "127.0.0.1",
    "SMTP_FROM": "salon@example.com",
    "SMTP_INTAKE_KEY": "the key of the tests",
}
MAIL = b"From: ada@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nHello\r\n"


@pytest.fixture
def values(values: dict[str, str]) -> dict[str, str]:
    """With a mail server beside Twilio."""
    return values | SMTP


def context_for(host: Host, port: int, *, process: Process = Process.SERVE) -> HostContext:
    """Give what a plugin is given when a process starts."""
    url = host.assembly.settings.url
    more = {"SMTP_INTAKE_PORT": str(port), "SMTP_INTAKE_URL": url}
    return HostContext(
        plugin="smtp",
        providers=host.assembly.registry,
        clock=SystemClock(),
        log=structlog.get_logger(),
        own_settings={SmtpSettings: load_settings(SmtpSettings, SMTP | more)},
        process=process,
    )


async def hand_over(port: int) -> str:
    """Hand in a mail."""
    async with aiosmtplib.SMTP(
        hostname="127.0.0.1", port=port, start_tls=False, timeout=10
    ) as client:
        await client.mail("ada@example.org")
        await client.rcpt("salon@example.com")
        return str(await client.data(MAIL))


async def test_what_is_acknowledged_is_in_the_database(host: Host) -> None:
    plugin, port = SmtpPlugin(), unused_port()
    context = context_for(host, port)
    await plugin.clientflow_startup(context)
    try:
        for _ in range(2):
            assert "It is kept" in await hand_over(port)
    finally:
        await plugin.clientflow_shutdown(context)
    assert host.rows("SELECT webhook, state, body FROM inbound_events") == [
        ("smtp-inbound", "received", MAIL)
    ]
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await hand_over(port)


async def test_what_the_database_does_not_take_is_not_acknowledged(host: Host) -> None:
    plugin, port = SmtpPlugin(), unused_port()
    context = context_for(host, port)
    await plugin.clientflow_startup(context)
    host.rows("ALTER TABLE inbound_events RENAME TO gone")
    try:
        with pytest.raises(aiosmtplib.SMTPDataError) as caught:
            await hand_over(port)
    finally:
        host.rows("ALTER TABLE gone RENAME TO inbound_events")
        await plugin.clientflow_shutdown(context)
    assert caught.value.code == 451


async def test_the_worker_listens_for_no_mail(host: Host) -> None:
    plugin, port = SmtpPlugin(), unused_port()
    context = context_for(host, port, process=Process.WORKER)
    await plugin.clientflow_startup(context)
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await hand_over(port)
    await plugin.clientflow_shutdown(context)
