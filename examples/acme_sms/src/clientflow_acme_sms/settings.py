"""What an operator, or an organization for itself, sets for Acme SMS."""

from typing import Final

import attrs
from clientflow_core import Secret, setting

CONSOLE_URL: Final = "https://console.acme-sms.example/keys"
API_URL: Final = "https://api.acme-sms.example"


@attrs.frozen(kw_only=True)
class AcmeSmsSettings:
    """The account, and the number that its texts come from."""

    account: str = setting(
        env="ACME_SMS_ACCOUNT",
        help="the id of the account, as webhooks name it",
        pattern=r"acct_[0-9a-z]+",
        example="acct_ and some letters",
        console_url=CONSOLE_URL,
        per_organization=True,
    )
    api_key: Secret = setting(
        env="ACME_SMS_API_KEY",
        help="the key that the API is called with",
        pattern=r"[!-~]+",
        console_url=CONSOLE_URL,
        per_organization=True,
    )
    webhook_secret: Secret = setting(
        env="ACME_SMS_WEBHOOK_SECRET",
        help="the secret that webhooks are signed with",
        pattern=r"[!-~]+",
        console_url=CONSOLE_URL,
        per_organization=True,
    )
    phone_number: str = setting(
        env="ACME_SMS_PHONE_NUMBER",
        help="the number that texts come from, in international form",
        pattern=r"\+[1-9][0-9]{6,14}",
        example="+15550100100",
        per_organization=True,
    )
    api_url: str = setting(
        env="ACME_SMS_API_URL",
        help="where the API is; it is sent the key",
        default=API_URL,
        pattern=r"https?://[^\s/?#@]+(/[^\s?#]*)?",
        example="http://localhost:8090/acme_sms",
    )


def own_addresses(settings: AcmeSmsSettings) -> tuple[str, ...]:
    """Give the number that texts come from; it becomes a channel of the first organization."""
    return (settings.phone_number,)


def own_account(settings: AcmeSmsSettings) -> str:
    """Give the account, in the words of the webhooks: by it an organization's own are found."""
    return settings.account
