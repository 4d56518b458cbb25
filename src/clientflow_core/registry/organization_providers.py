"""The providers of a registry, as one organization is served with them."""

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clientflow_core.providers.assistant import AssistantProvider
    from clientflow_core.providers.billing import BillingProvider
    from clientflow_core.providers.calendar import CalendarProvider
    from clientflow_core.providers.channel import ChannelProvider
    from clientflow_core.providers.identity import IdentityProvider
    from clientflow_core.registry.registry import ProviderRegistry


class OrganizationProviders:
    """The providers of a registry, as they serve one organization."""

    def __init__(self, registry: "ProviderRegistry", organization_id: uuid.UUID) -> None:
        self._registry, self._organization_id = registry, organization_id

    async def channel(self, name: str) -> "ChannelProvider":
        """Give the channel provider *name*; as the registry's."""
        return await self._registry.channel(name, organization_id=self._organization_id)

    async def billing(self, name: str) -> "BillingProvider":
        """Give the billing provider *name*; as the registry's."""
        return await self._registry.billing(name, organization_id=self._organization_id)

    async def calendar(self, name: str) -> "CalendarProvider":
        """Give the calendar provider *name*; as the registry's."""
        return await self._registry.calendar(name, organization_id=self._organization_id)

    async def assistant(self, name: str) -> "AssistantProvider":
        """Give the assistant *name*; as the registry's."""
        return await self._registry.assistant(name, organization_id=self._organization_id)

    async def identity(self, name: str) -> "IdentityProvider":
        """Give the issuer of identities *name*; as the registry's."""
        return await self._registry.identity(name, organization_id=self._organization_id)

    def for_organization(self, organization_id: uuid.UUID) -> "OrganizationProviders":
        """Give the providers as they serve another organization."""
        return self._registry.for_organization(organization_id)
