"""A real mail server for the tests, of aiosmtpd alone: lenient, and saying whatever a test asks."""

# ruff: noqa: N802 - the names of the hooks are aiosmtpd's

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import attrs
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clientflow_core.providers.spec import ProviderContext
from clientflow_core.settings import load_settings
from clientflow_plugins.smtp.provider import SmtpEmail
from clientflow_plugins.smtp.settings import SmtpSettings

SALON = "salon@example.com"
USER, PASSWORD = "salon", "correct horse"


@attrs.define(eq=False)
class MailServer:
    """What the server says to each command, and what it has taken.

    Attributes:
        says: by command, the reply in place of yes; ``cut`` ends the connection.
    """

    says: Mapping[str, str]
    port: int = 0
    taken: list[Envelope] = attrs.field(factory=list)

    def authenticate(
        self, _: SMTP, __: Session, ___: Envelope, ____: str, given: Any
    ) -> AuthResult:
        pair = LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=given == pair, handled=False)

    async def handle_MAIL(
        self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        envelope.mail_from = address
        return self._say("MAIL", server)

    async def handle_RCPT(
        self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._say("RCPT", server)

    async def handle_NOOP(self, server: SMTP, _: Session, __: Envelope, ___: str) -> str:
        return self._say("NOOP", server)

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:
        if "DATA" not in self.says:
            self.taken.append(envelope)
        return self._say("DATA", server)

    async def handle_QUIT(self, server: SMTP, _: Session, __: Envelope) -> str:
        return self._say("QUIT", server)

    def _say(self, command: str, server: SMTP) -> str:
        reply = self.says.get(command, "250 OK")
        if reply == "cut":
            transport = server.transport
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
        return reply


@contextlib.asynccontextmanager
async def serving(
    says: Mapping[str, str] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    implicit: bool = False,
    utf8: bool = True,
) -> AsyncIterator[MailServer]:
    """Serve on a free port, with STARTTLS or TLS where there is a certificate."""
    server = MailServer(says or {})

    def converse() -> SMTP:
        return SMTP(
            server,
            hostname="mail.test",
            enable_SMTPUTF8=utf8,
            authenticator=server.authenticate,
            auth_require_tls=False,
            tls_context=None if implicit else tls,
        )

    listening = await asyncio.get_running_loop().create_server(
        converse, "127.0.0.1", 0, ssl=tls if implicit else None
    )
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def settings_for(port: int, **values: str) -> SmtpSettings:
    """Give the settings that lead to a server of this machine."""
    given = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(port),
        "SMTP_FROM": SALON,
        "SMTP_SECURITY": "none",
        **values,
    }
    loaded: SmtpSettings = load_settings(SmtpSettings, given)
    return loaded


@contextlib.asynccontextmanager
async def channel_to(port: int, **values: str) -> AsyncIterator[SmtpEmail]:
    """Open the channel to a server of this machine."""
    async with aiohttp.ClientSession() as session:
        context = ProviderContext(http=session)
        yield SmtpEmail(context, settings_for(port, **values), total_seconds=5.0)


def certificate() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for this machine; give it for the server, and for who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return _server_side(pem + private), ssl.create_default_context(cadata=pem.decode())


def _server_side(pem: bytes) -> ssl.SSLContext:
    import tempfile  # noqa: PLC0415 - the standard library reads it from files alone

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context
