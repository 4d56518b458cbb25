"""The description of the channel, light enough to be imported where no mail is sent."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.domain.routing import Medium
from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.smtp.settings import SmtpSettings, own_addresses
from clientflow_plugins.smtp.webhooks import INBOUND

if TYPE_CHECKING:
    from clientflow_plugins.smtp.provider import SmtpEmail


@contextlib.asynccontextmanager
async def open_smtp(context: ProviderContext, settings: SmtpSettings) -> AsyncIterator["SmtpEmail"]:
    """Give the channel; aiosmtplib is imported here, and no connection is made.

    Raises:
        PluginError: aiosmtplib is not installed.
    """
    try:
        from clientflow_plugins.smtp.provider import SmtpEmail  # noqa: PLC0415 - the library
    except ImportError as error:
        msg = "the aiosmtplib package is missing: install clientflow[smtp]"
        raise PluginError(msg) from error
    yield SmtpEmail(context, settings)


SMTP: Final[ProviderSpec[SmtpSettings, "SmtpEmail"]] = ProviderSpec(
    kind=ProviderKind.CHANNEL,
    name="smtp",
    title="E-mail by SMTP",
    settings=SmtpSettings,
    open=open_smtp,
    webhooks=(INBOUND,),
    medium=Medium.EMAIL,
    addresses=own_addresses,
    sandbox="clientflow_plugins.smtp.sandbox:SmtpSandbox",
    requires="smtp",
    sdk_modules=("aiosmtplib", "aiosmtpd"),
)
