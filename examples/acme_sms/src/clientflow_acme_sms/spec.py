"""The description of the channel, light enough to be imported where it is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core import Capability, ProviderContext, ProviderKind, ProviderSpec

from clientflow_acme_sms.settings import (
    AcmeSmsSettings,
    own_account,
    own_addresses,
)
from clientflow_acme_sms.webhooks import WEBHOOK

if TYPE_CHECKING:
    from clientflow_acme_sms.provider import AcmeSmsChannel


@contextlib.asynccontextmanager
async def open_acme_sms(
    context: ProviderContext, settings: AcmeSmsSettings
) -> AsyncIterator["AcmeSmsChannel"]:
    """Give the channel; no call is made."""
    from clientflow_acme_sms.provider import AcmeSmsChannel

    yield AcmeSmsChannel(context, settings)


ACME_SMS: Final[ProviderSpec[AcmeSmsSettings, "AcmeSmsChannel"]] = ProviderSpec(
    kind=ProviderKind.CHANNEL,
    name="acme_sms",
    title="Acme SMS",
    settings=AcmeSmsSettings,
    open=open_acme_sms,
    webhooks=(WEBHOOK,),
    addresses=own_addresses,
    account=own_account,
    capabilities=frozenset({Capability.MESSAGE_LOOKUP}),
    sandbox="clientflow_acme_sms.sandbox:AcmeSmsSandbox",
)
