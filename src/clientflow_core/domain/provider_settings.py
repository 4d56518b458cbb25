"""What an organization has set for a provider, in place of what the operator has."""

import uuid
from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class OrganizationValues:
    """The settings of one provider that belong to one organization.

    Attributes:
        version: another one after each change.
        values: by the names of their environment variables; secrets are among them.
    """

    version: uuid.UUID
    values: Mapping[str, str] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class OfOrganization:
    """What one organization has set, with whose it is."""

    organization_id: uuid.UUID
    values: OrganizationValues


@attrs.frozen(kw_only=True)
class SealedSettings:
    """The same, as it is kept: whoever has the keys of the deployment can open it.

    Attributes:
        account: the account at the provider that they belong to, if the provider tells.
    """

    organization_id: uuid.UUID
    provider: str
    version: uuid.UUID
    sealed: bytes = attrs.field(repr=False)
    account: str | None = None
