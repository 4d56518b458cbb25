"""The conformance of a calendar provider."""

from typing import ClassVar

from clientflow_core.providers.spec import ProviderKind
from clientflow_core.testing.groups.accounts import AccountChecks
from clientflow_core.testing.groups.calendar_events import CalendarEventChecks
from clientflow_core.testing.groups.calendar_push import CalendarPushChecks
from clientflow_core.testing.groups.calendar_sync import CalendarBusyChecks, CalendarSyncChecks
from clientflow_core.testing.groups.capabilities import CapabilityChecks
from clientflow_core.testing.groups.checks import CheckChecks
from clientflow_core.testing.groups.errors import ChangeErrorChecks, ErrorChecks, ReadErrorChecks
from clientflow_core.testing.groups.isolation import IsolationChecks
from clientflow_core.testing.groups.lifecycle import LifecycleChecks
from clientflow_core.testing.groups.load import LoadChecks
from clientflow_core.testing.groups.organizations import OrganizationChecks
from clientflow_core.testing.groups.packaging import PackagingChecks
from clientflow_core.testing.groups.registration import RegistrationChecks
from clientflow_core.testing.groups.sandbox import SandboxChecks
from clientflow_core.testing.groups.secrecy import SecrecyChecks
from clientflow_core.testing.groups.settings import SettingsChecks
from clientflow_core.testing.groups.webhooks import WebhookChecks


class CalendarConformance(
    RegistrationChecks,
    SettingsChecks,
    SandboxChecks,
    LifecycleChecks,
    SecrecyChecks,
    IsolationChecks,
    CapabilityChecks,
    CalendarEventChecks,
    CalendarSyncChecks,
    CalendarBusyChecks,
    CalendarPushChecks,
    ErrorChecks,
    ChangeErrorChecks,
    ReadErrorChecks,
    WebhookChecks,
    AccountChecks,
    OrganizationChecks,
    LoadChecks,
    CheckChecks,
    PackagingChecks,
):
    """That a calendar provider does what every other does; see :class:`Conformance`.

    Attributes:
        calendar: the provider's name of the calendar that is written to; by default the first that
            may be.
        expiry_event: of the sandbox, after which no cursor is known any more; by default the first
            whose name ends with ``expired``.
    """

    kind: ClassVar[ProviderKind | None] = ProviderKind.CALENDAR
