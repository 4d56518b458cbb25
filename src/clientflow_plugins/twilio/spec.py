"""The description of the channel, light enough to be imported where Twilio is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.twilio.settings import (
    TwilioSettings,
    own_account,
    own_addresses,
    webhook_url_problems,
)
from clientflow_plugins.twilio.webhooks import INBOUND, STATUS

if TYPE_CHECKING:
    from clientflow_plugins.twilio.provider import TwilioChannel


@contextlib.asynccontextmanager
async def open_twilio(
    context: ProviderContext, settings: TwilioSettings
) -> AsyncIterator["TwilioChannel"]:
    """Give the channel; the SDK is imported here, and no call is made.

    Raises:
        PluginError: the SDK is not installed.
    """
    try:
        from clientflow_plugins.twilio.provider import TwilioChannel  # noqa: PLC0415 - the SDK
    except ImportError as error:
        msg = "the twilio package is missing: install clientflow[twilio]"
        raise PluginError(msg) from error
    yield TwilioChannel(context, settings)


TWILIO: Final[ProviderSpec[TwilioSettings, "TwilioChannel"]] = ProviderSpec(
    kind=ProviderKind.CHANNEL,
    name="twilio",
    title="Twilio SMS",
    settings=TwilioSettings,
    open=open_twilio,
    webhooks=(INBOUND, STATUS),
    addresses=own_addresses,
    account=own_account,
    check_public_url=webhook_url_problems,
    capabilities=frozenset({Capability.CATCH_UP, Capability.MESSAGE_LOOKUP}),
    sandbox="clientflow_plugins.twilio.sandbox:TwilioSandbox",
    requires="twilio",
    sdk_modules=("twilio",),
)
