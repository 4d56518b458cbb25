"""The accessors of a registry, one for each kind, so that a type checker knows what each gives."""

import abc
import uuid
from typing import TYPE_CHECKING, Any

from clientflow_core.providers.spec import ProviderKind

if TYPE_CHECKING:
    from clientflow_core.providers.assistant import AssistantProvider
    from clientflow_core.providers.billing import BillingProvider
    from clientflow_core.providers.calendar import CalendarProvider
    from clientflow_core.providers.channel import ChannelProvider
    from clientflow_core.providers.identity import IdentityProvider
    from clientflow_core.providers.observer import ObserverProvider

# The members themselves: to look one up in the enum takes longer than to find a provider.
_CHANNEL, _BILLING = ProviderKind.CHANNEL, ProviderKind.BILLING
_CALENDAR, _ASSISTANT = ProviderKind.CALENDAR, ProviderKind.ASSISTANT
_IDENTITY, _OBSERVER = ProviderKind.IDENTITY, ProviderKind.OBSERVER


class ProvidersByKind(abc.ABC):
    """Gives providers by name; whoever extends it knows where they are."""

    async def channel(
        self, name: str, *, organization_id: uuid.UUID | None = None
    ) -> "ChannelProvider":
        """Give the channel provider *name*, guarded; its first use opens it.

        Args:
            name: of the provider.
            organization_id: for whom: one that has settings of its own has an instance with them.
                Ask anew for each call: an instance is closed when its settings have changed.

        Raises:
            PluginError: it is not enabled, is no channel, or its SDK is not installed.
            SettingsError: what the organization has set cannot be read, or does not fit any more.
            AuthFailed: it refused our credentials as it was opened.
            ProviderUnavailable: it cannot be opened now; it is tried again after a while.
        """
        found: ChannelProvider = self._ready(
            name, _CHANNEL, organization_id
        ) or await self._provider(name, _CHANNEL, organization_id)
        return found

    async def billing(
        self, name: str, *, organization_id: uuid.UUID | None = None
    ) -> "BillingProvider":
        """Give the billing provider *name*; as :meth:`channel`."""
        found: BillingProvider = self._ready(
            name, _BILLING, organization_id
        ) or await self._provider(name, _BILLING, organization_id)
        return found

    async def calendar(
        self, name: str, *, organization_id: uuid.UUID | None = None
    ) -> "CalendarProvider":
        """Give the calendar provider *name*; as :meth:`channel`."""
        found: CalendarProvider = self._ready(
            name, _CALENDAR, organization_id
        ) or await self._provider(name, _CALENDAR, organization_id)
        return found

    async def assistant(
        self, name: str, *, organization_id: uuid.UUID | None = None
    ) -> "AssistantProvider":
        """Give the assistant *name*; as :meth:`channel`."""
        found: AssistantProvider = self._ready(
            name, _ASSISTANT, organization_id
        ) or await self._provider(name, _ASSISTANT, organization_id)
        return found

    async def identity(
        self, name: str, *, organization_id: uuid.UUID | None = None
    ) -> "IdentityProvider":
        """Give the issuer of identities *name*; as :meth:`channel`."""
        found: IdentityProvider = self._ready(
            name, _IDENTITY, organization_id
        ) or await self._provider(name, _IDENTITY, organization_id)
        return found

    async def observer(
        self, name: str, *, organization_id: uuid.UUID | None = None
    ) -> "ObserverProvider":
        """Give the observer *name*; as :meth:`channel`."""
        found: ObserverProvider = self._ready(
            name, _OBSERVER, organization_id
        ) or await self._provider(name, _OBSERVER, organization_id)
        return found

    @abc.abstractmethod
    def _ready(self, name: str, kind: ProviderKind, organization_id: uuid.UUID | None) -> Any:
        """Give the provider *name* if it is open; asked for every message, so not awaited."""

    @abc.abstractmethod
    async def _provider(
        self, name: str, kind: ProviderKind, organization_id: uuid.UUID | None
    ) -> Any:
        """Give the provider *name*, opened if it was not."""
