"""The conformance of an assistant."""

from typing import ClassVar

from clientflow_core.providers.spec import ProviderKind
from clientflow_core.testing.groups.accounts import AccountChecks
from clientflow_core.testing.groups.assistant_abilities import AssistantAbilityChecks
from clientflow_core.testing.groups.assistant_answers import AssistantAnswerChecks
from clientflow_core.testing.groups.assistant_streams import AssistantStreamChecks
from clientflow_core.testing.groups.capabilities import CapabilityChecks
from clientflow_core.testing.groups.checks import CheckChecks
from clientflow_core.testing.groups.errors import ErrorChecks, ReadErrorChecks
from clientflow_core.testing.groups.isolation import IsolationChecks
from clientflow_core.testing.groups.lifecycle import LifecycleChecks
from clientflow_core.testing.groups.load import LoadChecks
from clientflow_core.testing.groups.organizations import OrganizationChecks
from clientflow_core.testing.groups.packaging import PackagingChecks
from clientflow_core.testing.groups.registration import RegistrationChecks
from clientflow_core.testing.groups.sandbox import SandboxChecks
from clientflow_core.testing.groups.secrecy import SecrecyChecks
from clientflow_core.testing.groups.settings import SettingsChecks


class AssistantConformance(
    RegistrationChecks,
    SettingsChecks,
    SandboxChecks,
    LifecycleChecks,
    SecrecyChecks,
    IsolationChecks,
    CapabilityChecks,
    AssistantAnswerChecks,
    AssistantStreamChecks,
    AssistantAbilityChecks,
    ErrorChecks,
    ReadErrorChecks,
    AccountChecks,
    OrganizationChecks,
    LoadChecks,
    CheckChecks,
    PackagingChecks,
):
    """That an assistant does what every other does; see :class:`Conformance`.

    A sandbox cannot think: it answers anything, and does something else on certain words.

    Attributes:
        refused_words: it refuses to answer these.
        unfit_words: it answers these with something that does not fit the schema.
        endless_words: it answers these with as many words as it may, and slowly in a stream.
        flagged_words: nobody should see these, if it moderates.
        quota_event: of the sandbox, that the account has no money left; by default the first whose
            name says ``quota``.
    """

    kind: ClassVar[ProviderKind | None] = ProviderKind.ASSISTANT
