"""The description of the provider, light enough to be imported where Stripe is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.stripe.settings import StripeSettings
from clientflow_plugins.stripe.webhooks import WEBHOOK

if TYPE_CHECKING:
    from clientflow_plugins.stripe.provider import StripeBilling


@contextlib.asynccontextmanager
async def open_stripe(
    context: ProviderContext, settings: StripeSettings
) -> AsyncIterator["StripeBilling"]:
    """Give the provider; the SDK is imported here, and no call is made.

    Raises:
        PluginError: the SDK is not installed.
    """
    try:
        from clientflow_plugins.stripe.provider import StripeBilling  # noqa: PLC0415 - the SDK
    except ImportError as error:
        msg = "the stripe package is missing: install clientflow[stripe]"
        raise PluginError(msg) from error
    yield StripeBilling(context, settings)


STRIPE: Final[ProviderSpec[StripeSettings, "StripeBilling"]] = ProviderSpec(
    kind=ProviderKind.BILLING,
    name="stripe",
    title="Stripe",
    settings=StripeSettings,
    open=open_stripe,
    webhooks=(WEBHOOK,),
    capabilities=frozenset({Capability.CATCH_UP, Capability.INVOICES, Capability.USAGE}),
    # The longest change asks three times, each within ten seconds.
    deadline_seconds=32.0,
    sandbox="clientflow_plugins.stripe.sandbox:StripeSandbox",
    requires="stripe",
    sdk_modules=("stripe",),
)
