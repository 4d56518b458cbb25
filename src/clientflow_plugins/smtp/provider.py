"""The channel itself, on aiosmtplib: one connection for each mail, and nothing done twice."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Final

import aiosmtplib
from typing_extensions import override

from clientflow_core.domain.email_addresses import to_email_address
from clientflow_core.domain.messages import MessageStatus, OutboundMessage, Receipt
from clientflow_core.errors import InvalidInput, ProviderCannot, RejectedInput
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.spec import ProviderContext
from clientflow_plugins.smtp.compose import compose, message_id_of, needs_utf8, on_the_wire
from clientflow_plugins.smtp.errors import map_error
from clientflow_plugins.smtp.settings import Security, SmtpSettings

STEP_SECONDS: Final = 8.0
TOTAL_SECONDS: Final = 18.0
_GOODBYE_SECONDS: Final = 1.0


class SmtpEmail(ChannelProvider):
    """Hands mail to one mail server.

    Args:
        context: tells the time.
        settings: the server.
        total_seconds: the deadline of a whole conversation; each of its steps has a shorter one.
    """

    def __init__(
        self,
        context: ProviderContext,
        settings: SmtpSettings,
        *,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._clock = context.clock
        self._settings = settings
        self._total_seconds = total_seconds
        self._step_seconds = min(STEP_SECONDS, total_seconds)
        self._tls: ssl.SSLContext | None = None

    @override
    async def verify(self) -> str:
        """Sign in, say that nothing is wanted, and give who we are there.

        Raises:
            AuthFailed: the credentials do not fit, or the server cannot encrypt as it should.
            ProviderUnavailable: it did not answer.
        """
        try:
            async with asyncio.timeout(self._total_seconds), self._connected() as client:
                await client.noop()
        except Exception as error:
            raise map_error(error, is_on_its_way=False) from error
        return f"{self._settings.username or self._settings.from_address} at {self._settings.host}"

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand the mail to the server, once.

        Raises:
            AuthFailed, RejectedInput, ProviderRefused: refused for good.
            RateLimited, ProviderUnavailable: surely not taken.
            ProviderCannot: the address has letters that the server does not know.
            OutcomeUnknown: it was sent, and what the server answered is not known.
        """
        mail = self._write(message)
        is_on_its_way = is_taken = False
        try:
            async with asyncio.timeout(self._total_seconds), self._connected() as client:
                await _address(client, message)
                is_on_its_way = True
                await client.data(mail)
                is_taken = True
        except ProviderCannot:
            raise
        except Exception as error:
            # Whatever happens after its answer changes nothing about that.
            if not is_taken:
                raise map_error(error, is_on_its_way=is_on_its_way) from error
        return Receipt(
            provider_message_id=message_id_of(message),
            status=MessageStatus.SENT,
            accepted_at=self._clock.now(),
        )

    def _write(self, message: OutboundMessage) -> bytes:
        try:
            to_email_address(message.sender, field="sender")
            to_email_address(message.recipient, field="recipient")
            return compose(message, at=self._clock.now())
        except (InvalidInput, ValueError) as error:
            # A line end in a subject or a name, which would become a header.
            msg = f"this cannot be written as a mail: {error}"
            raise RejectedInput(msg) from error

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        client = await self._client()
        try:
            await client.connect()
            if self._settings.username and self._settings.password:
                await client.login(self._settings.username, self._settings.password.reveal())
            yield client
            await _say_goodbye(client)
        finally:
            client.close()

    async def _client(self) -> aiosmtplib.SMTP:
        security = self._settings.security
        if security is not Security.NONE and self._tls is None:
            # Reads the certificates of the machine from its disk.
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        return aiosmtplib.SMTP(
            hostname=self._settings.host,
            port=self._settings.port,
            use_tls=security is Security.TLS,
            start_tls=security is Security.STARTTLS,
            tls_context=self._tls,
            timeout=self._step_seconds,
            # Or it asks the DNS for our own name, and waits.
            local_hostname=self._settings.from_address.rpartition("@")[2],
        )


async def _address(client: aiosmtplib.SMTP, message: OutboundMessage) -> None:
    options, encoding = [], "ascii"
    if needs_utf8(message):
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        if not client.supports_extension("smtputf8"):
            msg = "the mail server does not know letters beyond ASCII before the at sign"
            raise ProviderCannot(msg)
        options, encoding = ["SMTPUTF8"], "utf-8"
    await client.mail(on_the_wire(message.sender), options=options, encoding=encoding)
    await client.rcpt(on_the_wire(message.recipient), encoding=encoding)


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        await client.quit(timeout=_GOODBYE_SECONDS)
