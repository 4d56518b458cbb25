"""The stand-in itself: a mail server, a mailbox, and clients who write."""

import asyncio
import hmac
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

import structlog
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from typing_extensions import override

from clientflow_core.clock import Clock
from clientflow_core.domain.email_addresses import is_email_address
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.ports import free_port
from clientflow_core.sandbox import (
    Answer,
    Call,
    CallFault,
    EventField,
    Letters,
    Occurrence,
    ProviderSandbox,
    SandboxEvent,
    SignedRequest,
)
from clientflow_core.sandbox.faults import DOES_THE_WORK
from clientflow_plugins.smtp.sandbox.mails import (
    Mail,
    find_faults,
    read_mail,
    write_bounce,
    write_mail,
)
from clientflow_plugins.smtp.signing import WEBHOOK_PATH, sign_mail

UNKNOWN_ADDRESS: Final = "unknown@example.org"
FULL_ADDRESS: Final = "full@example.org"
BOUNCING_ADDRESS: Final = "bouncing@example.org"
_CLIENT: Final = "ada@example.org"
_LOOPBACK: Final = "127.0.0.1"
_SILENCE_SECONDS: Final = 300.0
_DRIP_SECONDS: Final = 0.2
_GONE: Final = "421 4.3.0 Gone"

log = structlog.get_logger(__name__)


class SmtpSandbox(ProviderSandbox):
    """One account at a mail server; see :class:`ProviderSandbox` for the rest.

    Mail to :data:`UNKNOWN_ADDRESS` is refused for good, to :data:`FULL_ADDRESS` for now, and to
    :data:`BOUNCING_ADDRESS` is taken and comes back.
    """

    name: ClassVar[str] = "smtp"
    title: ClassVar[str] = "E-mail by SMTP"
    thing: ClassVar[str] = "e-mail"

    def __init__(
        self,
        *,
        base_url: str,
        host_url: str,
        credentials: Mapping[str, str],
        clock: Clock | None = None,
    ) -> None:
        super().__init__(base_url=base_url, host_url=host_url, credentials=credentials, clock=clock)
        self._port = int(self.credentials["SMTP_PORT"])
        self._address = self.credentials["SMTP_FROM"]
        self._mails: dict[str, Mail] = {}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.BaseTransport] = set()

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        """Make an account, and find a port for its server."""
        return {
            "SMTP_PORT": str(free_port(_LOOPBACK)),
            "SMTP_FROM": f"salon.{secrets.token_hex(3)}@example.com",
            "SMTP_USERNAME": f"salon-{secrets.token_hex(3)}",
            "SMTP_PASSWORD": secrets.token_urlsafe(18),
            "SMTP_INTAKE_KEY": secrets.token_hex(24),
        }

    @override
    def settings(self) -> dict[str, str]:
        """Give the credentials, and where the server is."""
        return self.credentials | {"SMTP_HOST": _LOOPBACK, "SMTP_SECURITY": "none"}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give none: a mail server speaks no HTTP."""
        return ()

    @override
    def error_answer(self, status: int) -> web.Response:
        """Give what would be answered if there were routes."""
        return web.Response(status=status, text=HTTPStatus(status).phrase)

    @override
    def state(self) -> dict[str, Any]:
        """Give every mail in order."""
        return {"address": self._address, "mails": [one.state() for one in self._mails.values()]}

    @override
    def clear(self) -> None:
        """Forget every mail."""
        self._mails.clear()

    @override
    def panel(self) -> Letters:
        """Give the mailbox."""
        return Letters(letters=[one.letter() for one in self._mails.values()])

    @override
    async def start(self) -> None:
        """Listen at the port of the credentials; a port that is taken is told, and mail waits."""
        # It would tell of each mail, and of its own deprecations.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._converse, _LOOPBACK, self._port)
        except OSError as error:
            log.warning("smtp_sandbox_does_not_listen", port=self._port, error=str(error))

    @override
    def listens_at(self) -> Sequence[tuple[str, int]]:
        """Give the address of the mail server."""
        return [(_LOOPBACK, self._port)]

    @override
    async def close(self) -> None:
        """Cut every conversation, and listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in list(self._open):
            _abort(transport)
        await super().close()

    @override
    def events(self) -> Sequence[SandboxEvent]:
        """Give the two things that come in by mail: a client's words, and that ours came back."""
        sent = [one.message_id for one in self._mails.values() if not one.is_from_client]
        received = (
            EventField(name="from", meaning="the client's address", default=_CLIENT),
            EventField(name="to", meaning="the address of the business", default=self._address),
            EventField(name="subject", meaning="what it is about", default="A question"),
            EventField(name="body", meaning="the text", default="Is Thursday free?"),
            EventField(name="answers", meaning="the Message-ID of one that it answers", default=""),
        )
        message = EventField(
            name="message",
            meaning="the Message-ID of one of ours, by default the last",
            default=sent[-1] if sent else None,
        )
        return (
            SandboxEvent(
                name="email.received",
                summary="A client writes an e-mail to the business.",
                fields=received,
                happen=self._receive,
            ),
            SandboxEvent(
                name="email.bounced",
                summary="An e-mail of the business comes back: there is no such user.",
                fields=(message,),
                happen=self._bounce,
            ),
        )

    def _receive(self, values: Mapping[str, str]) -> Occurrence:
        for name in ("from", "to"):
            if not is_email_address(values[name]):
                raise InvalidInput(f"/{name} is no address", [FieldError(f"/{name}", "is none")])
        mail, raw = write_mail(values, at=self.clock.now())
        self._mails[mail.message_id] = mail
        signed = self._sign(raw, sender=mail.sender, recipient=mail.to, label=mail.message_id)
        return Occurrence(requests=[signed], facts={"message_id": mail.message_id})

    def _bounce(self, values: Mapping[str, str]) -> Occurrence:
        mail = self._mails.get(values["message"])
        if mail is None or mail.is_from_client:
            rule = "must be the Message-ID of a mail of the business"
            raise InvalidInput(f"/message {rule}", [FieldError("/message", rule)])
        mail.status = "bounced"
        return Occurrence(requests=[self._returned(mail)], facts={"message_id": mail.message_id})

    def _returned(self, mail: Mail) -> SignedRequest:
        raw = write_bounce(mail, at=self.clock.now())
        label = f"{mail.message_id} bounced"
        return self._sign(raw, sender="", recipient=mail.sender, label=label)

    def _sign(self, raw: bytes, *, sender: str, recipient: str, label: str) -> SignedRequest:
        headers = sign_mail(
            raw,
            sender=sender,
            recipient=recipient,
            key=self.credentials["SMTP_INTAKE_KEY"],
            at=self.clock.now().timestamp(),
        )
        url = f"{self.host_url}{WEBHOOK_PATH}"
        return SignedRequest(url=url, headers=headers, body=raw, label=label)

    def _converse(self) -> SMTP:
        return _Conversation(
            self,
            self._open,
            hostname="mail.example.com",
            ident="ClientFlow sandbox",
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            auth_exclude_mechanism=["LOGIN"],
            authenticator=self._authenticate,
        )

    def _authenticate(
        self, _: SMTP, __: Session, ___: Envelope, ____: str, given: object
    ) -> AuthResult:
        if not isinstance(given, LoginPassword):
            return AuthResult(success=False, handled=False)
        wanted = (self.credentials["SMTP_USERNAME"], self.credentials["SMTP_PASSWORD"])
        both = b"\0".join((given.login, given.password))
        is_right = hmac.compare_digest(both, "\0".join(wanted).encode())
        if not is_right:
            self._note("AUTH", None).status = HTTPStatus.UNAUTHORIZED
        return AuthResult(success=is_right, handled=False)

    # The names of these are aiosmtpd's.
    async def handle_NOOP(self, server: SMTP, _: Session, __: Envelope, ___: str) -> str:  # noqa: N802
        """Answer the one command that asks for nothing."""
        return await self._answer(server, "NOOP", lambda: "250 2.0.0 OK")

    async def handle_MAIL(  # noqa: N802
        self, _: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a mail of the account's own address alone, from who is signed in."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        if address != self._address:
            return "553 5.7.1 Sender address rejected: not owned by user"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        """Say whether there is such an address."""
        if not is_email_address(address):
            return "501 5.1.3 Bad recipient address syntax"
        if address == UNKNOWN_ADDRESS:
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        if address == FULL_ADDRESS:
            return "452 4.2.2 The mailbox is full"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail without faults."""
        return await self._answer(server, "DATA", lambda: self._take(envelope))

    def _take(self, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        sender = envelope.mail_from or ""
        fault = next(find_faults(raw, sender=sender, recipients=envelope.rcpt_tos), None)
        if fault is not None:
            return f"554 5.6.0 {fault}"
        for to in envelope.rcpt_tos:
            mail = read_mail(raw, sender=sender, to=to, at=self.clock.now())
            self._mails[mail.message_id] = mail
            if to == BOUNCING_ADDRESS:
                mail.status = "bounced"
                self.run_in_background(self._send(self._returned(mail)))
        return "250 2.0.0 Queued"

    async def _send(self, request: SignedRequest) -> None:
        await self.sender.deliver(request)

    async def _answer(self, server: SMTP, command: str, work: Callable[[], str]) -> str:
        method = "POST" if command == "DATA" else "GET"
        fault = self.faults.take_call(method)
        call = self._note(command, fault)
        if fault is None:
            reply = work()
        else:
            reply = await self._spoil_reply(server, fault, work)
        if call.has_answer:
            call.status = int(reply[:3]) if reply[:3].isdigit() else None
        return reply

    def _note(self, command: str, fault: CallFault | None) -> Call:
        self.calls_seen += 1
        name = None if fault is None else (fault.answer or "late")
        call = Call(at=self.clock.now(), method="SMTP", path=command, fault=name)
        self.calls.append(call)
        return call

    async def _spoil_reply(self, server: SMTP, fault: CallFault, work: Callable[[], str]) -> str:
        accepted = work() if fault.answer in DOES_THE_WORK else _GONE
        silent = fault.answer is Answer.TIMEOUT
        await self._pause(_SILENCE_SECONDS if silent else fault.delay_seconds)
        match fault.answer:
            case None:
                return accepted
            case Answer.RATE_LIMITED:
                seconds = fault.retry_after_seconds
                return f"451 4.7.1 Too many mails, come again in {seconds} seconds"
            case Answer.UNAVAILABLE:
                return "421 4.3.2 Not now"
            case Answer.HTML:
                return "HTTP/1.1 502 Bad Gateway"
            case Answer.BAD_JSON | Answer.CUT_WITHIN:
                # Half a line, and then nothing.
                server._writer.write(b"250-2.0")  # noqa: SLF001 - it has no other
            case Answer.DRIP:
                await self._drip(server)
            case _:
                # A server that fails says nothing at all; there is no code for that.
                pass
        _abort(server.transport)
        return _GONE

    async def _drip(self, server: SMTP) -> None:
        """Send one more line of the same reply again and again, for as long as anybody listens."""
        let_go = self._let_go
        while not (let_go.is_set() or server._writer.is_closing()):  # noqa: SLF001 - as above
            server._writer.write(b"250-2.0.0\r\n")  # noqa: SLF001 - as above
            await self._pause(_DRIP_SECONDS)


class _Conversation(SMTP):
    """One connection, known to the sandbox as long as it lasts."""

    def __init__(
        self, handler: SmtpSandbox, is_open: set[asyncio.BaseTransport], **kwargs: Any
    ) -> None:
        super().__init__(handler, **kwargs)
        self._is_open = is_open
        self._own: asyncio.BaseTransport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._own = transport
        self._is_open.add(transport)
        super().connection_made(transport)

    @override
    def connection_lost(self, error: Exception | None) -> None:
        if self._own is not None:
            self._is_open.discard(self._own)
        super().connection_lost(error)


def _abort(transport: asyncio.BaseTransport | None) -> None:
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
