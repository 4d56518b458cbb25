"""What an operator sets for Twilio."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

WEBHOOK_PATH: Final = "/webhooks/twilio"
WEBHOOK_URL_ENV: Final = "TWILIO_WEBHOOK_URL"
_URL: Final = r"https?://[^\s/?#@]+(/[^\s?#]*)?"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@attrs.frozen(kw_only=True)
class TwilioSettings:
    """The account, and from which number or messaging service its texts go out."""

    account_sid: str = setting(
        env="TWILIO_ACCOUNT_SID",
        help="the account's SID",
        pattern="AC[0-9a-fA-F]{32}",
        example="AC and 32 hexadecimal digits",
        console_url="https://console.twilio.com",
        per_organization=True,
    )
    auth_token: Secret = setting(
        env="TWILIO_AUTH_TOKEN",
        help="the account's auth token; it also signs the webhooks",
        console_url="https://console.twilio.com",
        per_organization=True,
    )
    phone_number: str | None = setting(
        env="TWILIO_PHONE_NUMBER",
        help="the number that texts come from, in international form",
        default=None,
        pattern=r"\+[1-9][0-9]{6,14}",
        example="+15550100100",
        per_organization=True,
    )
    messaging_service_sid: str | None = setting(
        env="TWILIO_MESSAGING_SERVICE_SID",
        help="a messaging service whose rules texts follow; needed where no number is set",
        default=None,
        pattern="MG[0-9a-fA-F]{32}",
        example="MG and 32 hexadecimal digits",
        per_organization=True,
    )
    webhook_url: str | None = setting(
        env=WEBHOOK_URL_ENV,
        help="what the number's webhook is set to at Twilio; must lie below CLIENTFLOW_PUBLIC_URL",
        default=None,
        pattern=_URL,
        example="https://clientflow.example.com/webhooks/twilio",
    )
    webhook_shared_key: Secret | None = setting(
        env="TWILIO_WEBHOOK_SHARED_KEY",
        help="the key of webhooks signed with HMAC_SHA256; without it only HMAC_SHA1 is accepted",
        default=None,
        per_organization=True,
    )
    api_base_url: str | None = setting(
        env="TWILIO_API_BASE_URL",
        help="where the API is, instead of Twilio; it is sent the credentials",
        default=None,
        pattern=_URL,
        example="http://localhost:8090/twilio",
    )

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for each rule that the values break together."""
        if not (self.phone_number or self.messaging_service_sid):
            hint = "or set TWILIO_MESSAGING_SERVICE_SID"
            yield SettingProblem("TWILIO_PHONE_NUMBER", "is not set", hint)
        if self.webhook_url:
            yield from _webhook_path_problems(self.webhook_url)


def own_addresses(settings: TwilioSettings) -> tuple[str, ...]:
    """Give the number that texts come from; the messaging service where there is none."""
    ours = settings.phone_number or settings.messaging_service_sid
    return (ours,) if ours else ()


def own_account(settings: TwilioSettings) -> str:
    """Give the account, as Twilio's webhooks name it."""
    return settings.account_sid


def webhook_url_problems(settings: TwilioSettings, public_url: str) -> Iterator[SettingProblem]:
    """Give a problem if ``TWILIO_WEBHOOK_URL`` contradicts the address that the host checks over.

    Twilio signs the URL that it calls, so a webhook that arrives by another address is refused.

    Args:
        settings: loaded settings.
        public_url: ``CLIENTFLOW_PUBLIC_URL``.
    """
    expected = public_url.rstrip("/") + WEBHOOK_PATH
    if settings.webhook_url and _address(settings.webhook_url) != _address(expected):
        hint = "one of the two is wrong; Twilio signs the address that it calls"
        problem = f"must be {expected}, as CLIENTFLOW_PUBLIC_URL has it"
        yield SettingProblem(WEBHOOK_URL_ENV, problem, hint)


def _webhook_path_problems(url: str) -> Iterator[SettingProblem]:
    try:
        path = urlsplit(url).path
    except ValueError:
        # Brackets with something else in them than an address of IPv6.
        yield SettingProblem(WEBHOOK_URL_ENV, "names a host that cannot be one")
        return
    if not path.endswith(WEBHOOK_PATH):
        yield SettingProblem(WEBHOOK_URL_ENV, f"must end in {WEBHOOK_PATH}")


def _address(url: str) -> tuple[str, str | None, str, str]:
    parts = urlsplit(url)
    # Kept as text: a port that is no number must not raise here.
    port = parts.netloc.rpartition("]")[2].partition(":")[2]
    return parts.scheme, parts.hostname, port or str(_DEFAULT_PORTS.get(parts.scheme)), parts.path
