"""The conformance of an observer."""

from typing import ClassVar

from clientflow_core.providers.spec import ProviderKind
from clientflow_core.testing.groups.accounts import AccountChecks
from clientflow_core.testing.groups.capabilities import CapabilityChecks
from clientflow_core.testing.groups.checks import CheckChecks
from clientflow_core.testing.groups.errors import ErrorChecks
from clientflow_core.testing.groups.isolation import IsolationChecks
from clientflow_core.testing.groups.lifecycle import LifecycleChecks
from clientflow_core.testing.groups.load import LoadChecks
from clientflow_core.testing.groups.observer_reports import ObserverReportChecks
from clientflow_core.testing.groups.observer_restraint import ObserverRestraintChecks
from clientflow_core.testing.groups.organizations import OrganizationChecks
from clientflow_core.testing.groups.packaging import PackagingChecks
from clientflow_core.testing.groups.registration import RegistrationChecks
from clientflow_core.testing.groups.sandbox import SandboxChecks
from clientflow_core.testing.groups.secrecy import SecrecyChecks
from clientflow_core.testing.groups.settings import SettingsChecks


class ObserverConformance(
    RegistrationChecks,
    SettingsChecks,
    SandboxChecks,
    LifecycleChecks,
    SecrecyChecks,
    IsolationChecks,
    CapabilityChecks,
    ObserverReportChecks,
    ObserverRestraintChecks,
    ErrorChecks,
    AccountChecks,
    OrganizationChecks,
    LoadChecks,
    CheckChecks,
    PackagingChecks,
):
    """That an observer does what every other does; see :class:`Conformance`.

    What it has told stands in the ``state()`` of the sandbox, read out of whatever it was sent in.
    """

    kind: ClassVar[ProviderKind | None] = ProviderKind.OBSERVER
