"""Which class a provider of each kind is of, and which Protocol stands for each ability."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from clientflow_core.providers.assistant import (
    AssistantProvider,
    SupportsEmbeddings,
    SupportsModeration,
)
from clientflow_core.providers.billing import BillingProvider, SupportsInvoices, SupportsUsage
from clientflow_core.providers.calendar import CalendarProvider, SupportsPush
from clientflow_core.providers.channel import ChannelProvider, SupportsMessageLookup
from clientflow_core.providers.identity import IdentityProvider, SupportsUserLookup
from clientflow_core.providers.observer import ObserverProvider
from clientflow_core.providers.spec import Capability, ProviderKind

INTERFACES: Final[Mapping[ProviderKind, type]] = MappingProxyType(
    {
        ProviderKind.CHANNEL: ChannelProvider,
        ProviderKind.BILLING: BillingProvider,
        ProviderKind.CALENDAR: CalendarProvider,
        ProviderKind.ASSISTANT: AssistantProvider,
        ProviderKind.IDENTITY: IdentityProvider,
        ProviderKind.OBSERVER: ObserverProvider,
    }
)

ABILITIES: Final[Mapping[ProviderKind, Mapping[Capability, type]]] = MappingProxyType(
    {
        ProviderKind.CHANNEL: {Capability.MESSAGE_LOOKUP: SupportsMessageLookup},
        ProviderKind.BILLING: {
            Capability.USAGE: SupportsUsage,
            Capability.INVOICES: SupportsInvoices,
        },
        ProviderKind.CALENDAR: {Capability.PUSH: SupportsPush},
        ProviderKind.ASSISTANT: {
            Capability.EMBEDDINGS: SupportsEmbeddings,
            Capability.MODERATION: SupportsModeration,
        },
        ProviderKind.IDENTITY: {Capability.USER_LOOKUP: SupportsUserLookup},
        ProviderKind.OBSERVER: {},
    }
)


def proven_capabilities(kind: ProviderKind, provider: object) -> frozenset[Capability]:
    """Tell which abilities of its kind *provider* really has, by its methods."""
    return frozenset(
        capability
        for capability, protocol in ABILITIES[kind].items()
        if isinstance(provider, protocol)
    )
