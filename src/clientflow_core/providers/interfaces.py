"""Which class a provider of each kind is of, and which Protocol stands for each ability.

By name, since most processes use one or two of the kinds, and import no others.
"""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from clientflow_core.providers.spec import Capability, ProviderKind

_INTERFACES: Final[Mapping[ProviderKind, str]] = MappingProxyType(
    {
        ProviderKind.CHANNEL: "channel:ChannelProvider",
        ProviderKind.BILLING: "billing:BillingProvider",
        ProviderKind.CALENDAR: "calendar:CalendarProvider",
        ProviderKind.ASSISTANT: "assistant:AssistantProvider",
        ProviderKind.IDENTITY: "identity:IdentityProvider",
        ProviderKind.OBSERVER: "observer:ObserverProvider",
    }
)

_ABILITIES: Final[Mapping[ProviderKind, Mapping[Capability, str]]] = MappingProxyType(
    {
        ProviderKind.CHANNEL: {
            Capability.CATCH_UP: "catch_up:SupportsCatchUp",
            Capability.MESSAGE_LOOKUP: "channel:SupportsMessageLookup",
        },
        ProviderKind.BILLING: {
            Capability.CATCH_UP: "catch_up:SupportsCatchUp",
            Capability.USAGE: "billing:SupportsUsage",
            Capability.INVOICES: "billing:SupportsInvoices",
        },
        ProviderKind.CALENDAR: {Capability.PUSH: "calendar:SupportsPush"},
        ProviderKind.ASSISTANT: {
            Capability.EMBEDDINGS: "assistant:SupportsEmbeddings",
            Capability.MODERATION: "assistant:SupportsModeration",
        },
        ProviderKind.IDENTITY: {Capability.USER_LOOKUP: "identity:SupportsUserLookup"},
        ProviderKind.OBSERVER: {},
    }
)


def interface_of(kind: ProviderKind) -> type:
    """Give the class that every provider of *kind* extends."""
    return _load(_INTERFACES[kind])


def abilities_of(kind: ProviderKind) -> Mapping[Capability, type]:
    """Give the Protocol of each ability that a provider of *kind* may have."""
    return {capability: _load(name) for capability, name in _ABILITIES[kind].items()}


def proven_capabilities(kind: ProviderKind, provider: object) -> frozenset[Capability]:
    """Tell which abilities of its kind *provider* really has, by its methods."""
    return frozenset(
        capability
        for capability, protocol in abilities_of(kind).items()
        if isinstance(provider, protocol)
    )


def _load(name: str) -> type:
    module, _, attribute = name.partition(":")
    loaded = importlib.import_module(f"clientflow_core.providers.{module}")
    return cast("type", getattr(loaded, attribute))
