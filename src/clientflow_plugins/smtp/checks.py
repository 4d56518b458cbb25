"""What can be told of the mail server, for the checklist."""

from typing import Final

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
)
from clientflow_core.errors import AuthFailed
from clientflow_plugins.smtp.settings import THIS_MACHINE, Security, SmtpSettings


async def check_account(context: CheckContext) -> CheckResult:
    """Sign in at the mail server."""
    expected = "the server takes our credentials"
    channel = await context.providers.channel("smtp")
    try:
        who = await channel.verify()
    except AuthFailed as error:
        hint = "correct SMTP_USERNAME and SMTP_PASSWORD, or SMTP_SECURITY and SMTP_PORT"
        return failed(str(error), expected=expected, hint=hint)
    return passed(f"signed in as {who}", expected=expected)


async def check_encryption(context: CheckContext) -> CheckResult:
    """Look whether what is sent can be read on its way to the server."""
    expected = "starttls or tls"
    settings = context.settings(SmtpSettings)
    if settings.security is Security.NONE and settings.host in THIS_MACHINE:
        return passed("none, to a server on this machine", expected=expected)
    if settings.security is Security.NONE:
        hint = "set SMTP_SECURITY to starttls"
        return failed("none", expected=expected, hint=hint)
    return passed(settings.security.value, expected=expected)


CHECKS: Final = (
    CheckSpec(id="smtp-account", title="The mail server answers", run=check_account),
    CheckSpec(id="smtp-encryption", title="Mail is encrypted on its way", run=check_encryption),
)
