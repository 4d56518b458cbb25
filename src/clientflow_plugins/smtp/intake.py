"""Takes mail in by SMTP, and says that it has only when it is kept.

A mail is posted to our own webhook, once for each recipient, and acknowledged when that has
answered that it is durable. Whatever else happens is answered 451: the sender keeps the mail and
comes again, and what was kept already is known by its Message-ID.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from aiosmtpd.smtp import SMTP, Envelope, Session
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.contributions.context import Log
from clientflow_core.domain.email_addresses import is_email_address
from clientflow_plugins.smtp.settings import SmtpSettings
from clientflow_plugins.smtp.signing import WEBHOOK_PATH, sign_mail
from clientflow_plugins.smtp.webhooks import LARGEST_MAIL_BYTES

MOST_RECIPIENTS: Final = 20
MOST_CONNECTIONS: Final = 50
IDLE_SECONDS: Final = 60
_POST_TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=4)
_KEPT: Final = "250 2.0.0 It is kept"
_LATER: Final = "451 4.3.0 It cannot be kept now, come again"
_TOO_LARGE: Final = "552 5.3.4 It is too large"
_NOT_HERE: Final = "550 5.7.1 No mail for that address is taken here"


class _Conversation(SMTP):
    # RFC 5321 allows 1000 octets; many who send do not heed it, and nothing is lost by it here.
    line_length_limit = 100_000

    def __init__(
        self, handler: "MailIntake", is_open: set[asyncio.Transport], **kwargs: Any
    ) -> None:
        super().__init__(handler, **kwargs)
        self._is_open = is_open

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            if len(self._is_open) >= MOST_CONNECTIONS:
                transport.abort()
            self._is_open.add(transport)
            self._own = transport
        super().connection_made(transport)

    @override
    def connection_lost(self, error: Exception | None) -> None:
        self._is_open.discard(self._own)
        super().connection_lost(error)


class MailIntake:
    """A mail server for our own addresses; it sends nothing on to anybody.

    Args:
        settings: where to listen, and where the webhook is.
        log: told of what could not be kept; never of what somebody wrote.
        clock: tells the time of the signature.
    """

    def __init__(self, settings: SmtpSettings, *, log: Log, clock: Clock) -> None:
        self._settings = settings
        self._log = log
        self._clock = clock
        self._domain = settings.from_address.rpartition("@")[2].lower()
        self._server: asyncio.Server | None = None
        self._session: aiohttp.ClientSession | None = None
        self._open: set[asyncio.Transport] = set()

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: something else listens there.
        """
        # It would log the addresses of clients, and lines of what they write.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._converse, self._settings.intake_host, self._settings.intake_port
        )
        self._session = aiohttp.ClientSession(timeout=_POST_TIMEOUT)
        self._log.info("mail_intake_listens", port=self.port)

    async def close(self) -> None:
        """Listen no more, and cut whoever is talking: what was not acknowledged comes again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in list(self._open):
            transport.abort()
        if self._session is not None:
            await self._session.close()

    def _converse(self) -> SMTP:
        return _Conversation(
            self,
            self._open,
            data_size_limit=LARGEST_MAIL_BYTES,
            enable_SMTPUTF8=True,
            hostname=self._domain,
            ident="ClientFlow",
            timeout=IDLE_SECONDS,
        )

    # The names of these are aiosmtpd's.
    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        """Say whether mail for *address* is taken."""
        is_ours = address.rpartition("@")[2].lower() == self._domain
        if not is_ours or not is_email_address(address):
            return _NOT_HERE
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients at once"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail for each recipient, and only then say so."""
        statuses = [await self._post(envelope, address) for address in envelope.rcpt_tos]
        if all(status is not None and status < HTTPStatus.MULTIPLE_CHOICES for status in statuses):
            return _KEPT
        self._log.warning("mail_not_kept", statuses=[str(status) for status in statuses])
        is_too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE in statuses
        return _TOO_LARGE if is_too_large else _LATER

    async def _post(self, envelope: Envelope, recipient: str) -> int | None:
        """Post the mail to the webhook; give its status, None without an answer."""
        settings = self._settings
        if self._session is None or settings.intake_key is None:
            return None
        mail = envelope.original_content or b""
        headers = sign_mail(
            mail,
            sender=_one_line(envelope.mail_from),
            recipient=recipient,
            key=settings.intake_key.reveal(),
            at=self._clock.now().timestamp(),
        )
        url = f"{settings.intake_url}{WEBHOOK_PATH}"
        try:
            async with self._session.post(
                url, data=mail, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None


def _one_line(address: Any) -> str:
    text = str(address or "")
    return text if text.isprintable() and text.isascii() else ""
