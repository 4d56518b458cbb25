"""The conformance of a channel."""

from typing import ClassVar

from clientflow_core.providers.spec import ProviderKind
from clientflow_core.testing.groups.accounts import AccountChecks
from clientflow_core.testing.groups.capabilities import CapabilityChecks
from clientflow_core.testing.groups.catch_up import CatchUpChecks
from clientflow_core.testing.groups.channel_inbound import ChannelInboundChecks
from clientflow_core.testing.groups.channel_lookup import ChannelLookupChecks
from clientflow_core.testing.groups.channel_texts import ChannelTextChecks
from clientflow_core.testing.groups.checks import CheckChecks
from clientflow_core.testing.groups.errors import ChangeErrorChecks, ErrorChecks
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


class ChannelConformance(
    RegistrationChecks,
    SettingsChecks,
    SandboxChecks,
    LifecycleChecks,
    SecrecyChecks,
    IsolationChecks,
    CapabilityChecks,
    ChannelTextChecks,
    ErrorChecks,
    ChangeErrorChecks,
    ChannelLookupChecks,
    ChannelInboundChecks,
    WebhookChecks,
    CatchUpChecks,
    AccountChecks,
    OrganizationChecks,
    LoadChecks,
    CheckChecks,
    PackagingChecks,
):
    """That a channel does what every other does; see :class:`Conformance` for what to name.

    Attributes:
        recipient: an address of a client that the sandbox takes.
        bad_recipient: one that the provider refuses for good.
        longest_body: how many letters it takes, as many as the core lets through or fewer.
        inbound_event: of the sandbox, that a client writes; by default the first.
    """

    kind: ClassVar[ProviderKind | None] = ProviderKind.CHANNEL
