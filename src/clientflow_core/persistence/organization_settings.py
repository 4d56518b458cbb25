"""What organizations have set for providers, as the registry reads it: opened."""

import uuid
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
import structlog

from clientflow_core.domain.provider_settings import (
    OfOrganization,
    OrganizationValues,
    SealedSettings,
)
from clientflow_core.errors import Overloaded, ProviderUnavailable, SettingsError
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.provider_settings import (
    find_provider_settings,
    read_provider_settings,
)
from clientflow_core.persistence.sealing import Sealer

log = structlog.get_logger(__name__)
_MOST_CLAIMANTS: Final = 5


class StoredSettings:
    """Reads settings from the database, each time.

    Args:
        database: as the application role.
        sealer: opens them.
    """

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def read(self, organization_id: uuid.UUID, *, provider: str) -> OrganizationValues | None:
        """Give what an organization has set for *provider*; None if nothing.

        Raises:
            SettingsError: it cannot be opened with the keys of this deployment.
            ProviderUnavailable: the database does not answer; nobody was called.
        """
        try:
            async with self._database.organization(organization_id) as transaction:
                found = await read_provider_settings(transaction, provider)
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            msg = f"what the organization has set for {provider!r} cannot be read now"
            raise ProviderUnavailable(msg) from error
        return None if found is None else self._open(found)

    async def find(self, provider: str, *, account: str) -> Sequence[OfOrganization]:
        """Give what organizations have set for an *account* at *provider*: a handful at most.

        What cannot be opened with the keys of this deployment is left out, and logged.

        Raises:
            Overloaded: the database does not answer; whoever asks must come again.
        """
        try:
            async with self._database.system() as transaction:
                found = await find_provider_settings(
                    transaction, provider, account=account, most=_MOST_CLAIMANTS
                )
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            msg = "the database does not answer at the moment"
            raise Overloaded(msg) from error
        opened: list[OfOrganization] = []
        for one in found:
            try:
                values = self._open(one)
            except SettingsError as error:
                log.warning(
                    "settings_not_opened",
                    organization_id=str(one.organization_id),
                    provider=provider,
                    reason=str(error),
                )
            else:
                opened.append(OfOrganization(organization_id=one.organization_id, values=values))
        return opened

    def _open(self, found: SealedSettings) -> OrganizationValues:
        values = self._sealer.open(
            found.sealed, organization_id=found.organization_id, provider=found.provider
        )
        return OrganizationValues(version=found.version, values=values)
