"""What `clientflow checklist` tells of the account."""

from typing import Final

from clientflow_core import AuthFailed, CheckContext, CheckResult, CheckSpec, failed, passed


async def check_credentials(context: CheckContext) -> CheckResult:
    """Ask whether the key is that of an account."""
    expected = "an account that the key opens"
    channel = await context.providers.channel("acme_sms")
    try:
        account = await channel.verify()
    except AuthFailed as error:
        hint = "correct ACME_SMS_API_KEY"
        return failed(str(error), expected=expected, hint=hint)
    return passed(f"{account} answers", expected=expected)


CHECKS: Final = (
    CheckSpec(
        id="acme-sms-credentials", title="Acme SMS takes the credentials", run=check_credentials
    ),
)
