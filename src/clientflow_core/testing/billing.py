"""The conformance of a billing provider."""

from typing import ClassVar

from clientflow_core.providers.spec import ProviderKind
from clientflow_core.testing.groups.accounts import AccountChecks
from clientflow_core.testing.groups.billing_charges import BillingChargeChecks
from clientflow_core.testing.groups.billing_plans import BillingPlanChecks
from clientflow_core.testing.groups.billing_sales import BillingSaleChecks
from clientflow_core.testing.groups.billing_subscriptions import BillingSubscriptionChecks
from clientflow_core.testing.groups.capabilities import CapabilityChecks
from clientflow_core.testing.groups.catch_up import CatchUpChecks
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


class BillingConformance(
    RegistrationChecks,
    SettingsChecks,
    SandboxChecks,
    LifecycleChecks,
    SecrecyChecks,
    IsolationChecks,
    CapabilityChecks,
    BillingPlanChecks,
    BillingSaleChecks,
    BillingSubscriptionChecks,
    BillingChargeChecks,
    ErrorChecks,
    ChangeErrorChecks,
    ReadErrorChecks,
    WebhookChecks,
    CatchUpChecks,
    AccountChecks,
    OrganizationChecks,
    LoadChecks,
    CheckChecks,
    PackagingChecks,
):
    """That a billing provider does what every other does; see :class:`Conformance`.

    Attributes:
        begin_event: of the sandbox, that the last checkout is paid; by default the first.
        failing_event: that a payment for the last subscription fails; by default the first whose
            name says ``fail``.
        price_event: that a plan is put on sale, with the fields ``key``, ``amount`` in the smallest
            unit and ``currency``; by default the first that has them.
        meter: what usage is counted by.
    """

    kind: ClassVar[ProviderKind | None] = ProviderKind.BILLING
