"""The conformance of an identity provider."""

from typing import ClassVar

from clientflow_core.providers.spec import ProviderKind
from clientflow_core.testing.groups.accounts import AccountChecks
from clientflow_core.testing.groups.capabilities import CapabilityChecks
from clientflow_core.testing.groups.checks import CheckChecks
from clientflow_core.testing.groups.errors import ErrorChecks, ReadErrorChecks
from clientflow_core.testing.groups.identity_keys import IdentityKeyChecks
from clientflow_core.testing.groups.identity_tokens import IdentityTokenChecks
from clientflow_core.testing.groups.isolation import IsolationChecks
from clientflow_core.testing.groups.lifecycle import LifecycleChecks
from clientflow_core.testing.groups.load import LoadChecks
from clientflow_core.testing.groups.organizations import OrganizationChecks
from clientflow_core.testing.groups.packaging import PackagingChecks
from clientflow_core.testing.groups.registration import RegistrationChecks
from clientflow_core.testing.groups.sandbox import SandboxChecks
from clientflow_core.testing.groups.secrecy import SecrecyChecks
from clientflow_core.testing.groups.settings import SettingsChecks


class IdentityConformance(
    RegistrationChecks,
    SettingsChecks,
    SandboxChecks,
    LifecycleChecks,
    SecrecyChecks,
    IsolationChecks,
    CapabilityChecks,
    IdentityTokenChecks,
    IdentityKeyChecks,
    ErrorChecks,
    ReadErrorChecks,
    AccountChecks,
    OrganizationChecks,
    LoadChecks,
    CheckChecks,
    PackagingChecks,
):
    """That an identity provider does what every other does; see :class:`Conformance`.

    Attributes:
        token_event: of the sandbox, that somebody signs in, with the fields ``subject``, ``email``,
            ``audience``, ``issuer`` and ``lifetime_seconds``, all with a default; its facts have
            the ``token``. By default the first.
        key_event: that the issuer signs with a new key from now on; by default the first whose name
            begins with ``key``.
    """

    kind: ClassVar[ProviderKind | None] = ProviderKind.IDENTITY
