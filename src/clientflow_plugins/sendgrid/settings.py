"""What an operator sets for SendGrid."""

from collections.abc import Iterator
from typing import Final

import attrs

from clientflow_core.domain.email_addresses import is_email_address, to_email_address
from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

API_URL: Final = "https://api.sendgrid.com"
INBOUND_PATH: Final = "/webhooks/sendgrid-inbound"
EVENTS_PATH: Final = "/webhooks/sendgrid-events"
# By this custom argument an event names the attempt that it is about.
ATTEMPT_ARGUMENT: Final = "attempt_id"
_ADDRESS: Final = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+"
_URL: Final = r"https?://[^\s/?#@]+(/[^\s?#]*)?"
# A point on P-256 in the form that SendGrid gives: SubjectPublicKeyInfo, Base64, without its frame.
_PUBLIC_KEY: Final = r"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{86}=="
_KEY_EXAMPLE: Final = "124 letters that begin with MFkwEwYHKoZIzj0C"


@attrs.frozen(kw_only=True)
class SendgridSettings:
    """The account, the address that e-mail comes from, and what proves its webhooks."""

    api_key: Secret = setting(
        env="SENDGRID_API_KEY",
        help="an API key that may send mail",
        pattern=r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,128}",
        example="SG. and two parts of letters, with a dot between them",
        console_url="https://app.sendgrid.com/settings/api_keys",
        per_organization=True,
    )
    from_email: str = setting(
        env="SENDGRID_FROM_EMAIL",
        help="the address that e-mail comes from: a verified sender, or of an authenticated domain",
        pattern=_ADDRESS,
        example="hello@example.com",
        console_url="https://app.sendgrid.com/settings/sender_auth",
        per_organization=True,
    )
    reply_email: str | None = setting(
        env="SENDGRID_REPLY_EMAIL",
        help="where clients answer, if not to SENDGRID_FROM_EMAIL: at the host of Inbound Parse",
        default=None,
        pattern=_ADDRESS,
        example="hello@parse.example.com",
        console_url="https://app.sendgrid.com/settings/parse",
        per_organization=True,
    )
    public_key: str | None = setting(
        env="SENDGRID_PUBLIC_KEY",
        help="the verification key of the event webhook; without it no events are taken",
        default=None,
        pattern=_PUBLIC_KEY,
        example=_KEY_EXAMPLE,
        console_url="https://app.sendgrid.com/settings/mail_settings/webhook_settings",
        per_organization=True,
    )
    inbound_public_key: str | None = setting(
        env="SENDGRID_INBOUND_PUBLIC_KEY",
        help="the verification key of the security policy of Inbound Parse",
        default=None,
        pattern=_PUBLIC_KEY,
        example=_KEY_EXAMPLE,
        console_url="https://app.sendgrid.com/settings/parse",
        per_organization=True,
    )
    inbound_token: Secret | None = setting(
        env="SENDGRID_INBOUND_TOKEN",
        help="without a security policy: what Inbound Parse's address ends with, as ?token=...",
        default=None,
        pattern=r"[A-Za-z0-9_-]{32,128}",
        example="32 random letters or more: openssl rand -hex 32",
        per_organization=True,
    )
    is_sandbox_mode: bool = setting(
        env="SENDGRID_SANDBOX_MODE",
        help="whether SendGrid only checks what is sent, and delivers nothing",
        default=False,
        example="true",
    )
    api_base_url: str | None = setting(
        env="SENDGRID_API_BASE_URL",
        help="where the API is, instead of https://api.sendgrid.com; it is sent the key",
        default=None,
        pattern=_URL,
        example="https://api.eu.sendgrid.com",
    )

    @property
    def own_address(self) -> str:
        """The address that clients write to, in the form in which addresses are kept."""
        return to_email_address(self.reply_email or self.from_email)

    @property
    def api_url(self) -> str:
        """Where the API is, without a slash at the end."""
        return (self.api_base_url or API_URL).rstrip("/")

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for each rule that the values break together."""
        addresses = {
            "SENDGRID_FROM_EMAIL": self.from_email,
            "SENDGRID_REPLY_EMAIL": self.reply_email,
        }
        for env, address in addresses.items():
            if address and not is_email_address(address):
                yield SettingProblem(env, "is no e-mail address")
        if self.inbound_public_key and self.inbound_token:
            hint = "set the key of the policy where there is one, and the token where there is none"
            yield SettingProblem("SENDGRID_INBOUND_TOKEN", "is set beside a key", hint)


def own_addresses(settings: SendgridSettings) -> tuple[str, ...]:
    """Give the address that clients write to."""
    return (settings.own_address,)


def own_account(settings: SendgridSettings) -> str:
    """Give what stands for the account; SendGrid's webhooks themselves name none."""
    return settings.own_address
