"""The description of the channel, light enough to be imported where SendGrid is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.domain.routing import Medium
from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.sendgrid.settings import SendgridSettings, own_account, own_addresses
from clientflow_plugins.sendgrid.webhooks import EVENTS, INBOUND

if TYPE_CHECKING:
    from clientflow_plugins.sendgrid.provider import SendgridChannel


@contextlib.asynccontextmanager
async def open_sendgrid(
    context: ProviderContext, settings: SendgridSettings
) -> AsyncIterator["SendgridChannel"]:
    """Give the channel; the SDK is imported here, and no call is made.

    Raises:
        PluginError: the SDK is not installed.
    """
    try:
        from clientflow_plugins.sendgrid.provider import SendgridChannel  # noqa: PLC0415 - the SDK
    except ImportError as error:
        msg = "the sendgrid package is missing: install clientflow[sendgrid]"
        raise PluginError(msg) from error
    yield SendgridChannel(context, settings)


SENDGRID: Final[ProviderSpec[SendgridSettings, "SendgridChannel"]] = ProviderSpec(
    kind=ProviderKind.CHANNEL,
    name="sendgrid",
    title="SendGrid e-mail",
    settings=SendgridSettings,
    open=open_sendgrid,
    webhooks=(INBOUND, EVENTS),
    medium=Medium.EMAIL,
    addresses=own_addresses,
    account=own_account,
    sandbox="clientflow_plugins.sendgrid.sandbox:SendgridSandbox",
    requires="sendgrid",
    sdk_modules=("sendgrid", "cryptography"),
)
