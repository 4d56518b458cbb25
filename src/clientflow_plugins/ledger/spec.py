"""The description of the ledger, light enough to be imported where it is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.ledger.settings import LedgerSettings, new_settings
from clientflow_plugins.ledger.webhooks import CHANGES

if TYPE_CHECKING:
    from clientflow_plugins.ledger.provider import LedgerBilling


@contextlib.asynccontextmanager
async def open_ledger(
    context: ProviderContext, settings: LedgerSettings
) -> AsyncIterator["LedgerBilling"]:
    """Give the provider."""
    from clientflow_plugins.ledger.provider import LedgerBilling  # noqa: PLC0415 - only if used

    yield LedgerBilling(context, settings)


LEDGER: Final[ProviderSpec[LedgerSettings, "LedgerBilling"]] = ProviderSpec(
    kind=ProviderKind.BILLING,
    name="ledger",
    title="Ledger",
    settings=LedgerSettings,
    open=open_ledger,
    webhooks=(CHANGES,),
    capabilities=frozenset({Capability.USAGE, Capability.INVOICES}),
    local_settings=new_settings,
)
