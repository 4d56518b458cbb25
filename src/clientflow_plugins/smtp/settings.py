"""What an operator sets for a mail server."""

import enum
from collections.abc import Iterator
from typing import Final

import attrs

from clientflow_core.domain.email_addresses import is_email_address
from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HIGHEST_PORT: Final = 65535


class Security(enum.StrEnum):
    """How the connection is kept from others: RFC 3207, RFC 8314, or not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@attrs.frozen(kw_only=True)
class SmtpSettings:
    """The server that mail goes out by, and where mail comes in."""

    host: str = setting(
        env="SMTP_HOST",
        help="the mail server that mail is handed to",
        pattern=r"[A-Za-z0-9.:_-]+",
        example="smtp.example.com",
    )
    from_address: str = setting(
        env="SMTP_FROM",
        help="the address that mail comes from; mail to it comes in",
        pattern=r"[^\s@<>]+@[^\s@<>]+",
        example="salon@example.com",
    )
    port: int = setting(env="SMTP_PORT", help="its port", default=587)
    security: Security = setting(
        env="SMTP_SECURITY",
        help="starttls, as at port 587; tls, as at port 465; none only on this machine",
        default=Security.STARTTLS,
    )
    username: str | None = setting(
        env="SMTP_USERNAME", help="who signs in there; without it nobody does", default=None
    )
    password: Secret | None = setting(
        env="SMTP_PASSWORD", help="the password, or one made for this use", default=None
    )
    intake_key: Secret | None = setting(
        env="SMTP_INTAKE_KEY",
        help="signs the mail that comes in on its way to the webhook smtp-inbound",
        default=None,
    )
    intake_host: str = setting(
        env="SMTP_INTAKE_HOST", help="where mail is listened for", default="127.0.0.1"
    )
    intake_port: int | None = setting(
        env="SMTP_INTAKE_PORT",
        help="the port where mail is listened for; without it none comes in by SMTP",
        default=None,
    )
    intake_url: str | None = setting(
        env="SMTP_INTAKE_URL",
        help="where the intake finds this service's webhooks, without a path",
        default=None,
        pattern=r"https?://[^\s/?#@]+",
        example="http://127.0.0.1:8080",
    )

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for each rule that the values break together."""
        if not is_email_address(self.from_address):
            yield SettingProblem("SMTP_FROM", "is no e-mail address")
        if (self.username is None) != (self.password is None):
            yield SettingProblem("SMTP_PASSWORD", "is set together with SMTP_USERNAME, or not")
        if self.security is Security.NONE and self.password and self.host not in THIS_MACHINE:
            yield SettingProblem("SMTP_SECURITY", "would send the password for all to read")
        yield from self._port_problems()
        if self.intake_port and not (self.intake_key and self.intake_url):
            hint = "or take SMTP_INTAKE_PORT away"
            yield SettingProblem("SMTP_INTAKE_URL", "is needed, and SMTP_INTAKE_KEY", hint)

    def _port_problems(self) -> Iterator[SettingProblem]:
        for env, port in (("SMTP_PORT", self.port), ("SMTP_INTAKE_PORT", self.intake_port)):
            if port is not None and not 1 <= port <= _HIGHEST_PORT:
                yield SettingProblem(env, "must be a port, 1 to 65535")


def own_addresses(settings: SmtpSettings) -> tuple[str, ...]:
    """Give the address that mail comes from, in the form in which it is kept."""
    return (settings.from_address.lower(),)
