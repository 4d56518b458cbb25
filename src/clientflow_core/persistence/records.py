"""What providers keep for organizations, in the database: each call is a transaction of its own."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa

from clientflow_core.errors import EditConflict
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.providers.records import (
    NEW,
    Record,
    check_most,
    check_names,
    refuse_other_version,
    to_json,
)

# A document that was deleted and written again must not have a version that it had before, so the
# first one is the time.
_PUT: Final = sa.text(
    """
    INSERT INTO records (organization_id, provider, collection, key, version, value)
    VALUES (:organization_id, :provider, :collection, :key,
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, cast(:value AS jsonb))
    ON CONFLICT (organization_id, provider, collection, key) DO UPDATE
    SET value = excluded.value, version = records.version + 1, updated_at = now()
    WHERE NOT :is_new
    RETURNING key, value, version, updated_at
    """
)
_LOCK: Final = sa.text(
    """
    SELECT version FROM records
    WHERE provider = :provider AND collection = :collection AND key = :key FOR UPDATE
    """
)
_GET: Final = sa.text(
    """
    SELECT key, value, version, updated_at FROM records
    WHERE provider = :provider AND collection = :collection AND key = :key
    """
)
_DELETE: Final = sa.text(
    """
    DELETE FROM records WHERE provider = :provider AND collection = :collection AND key = :key
    """
)
_LIST: Final = sa.text(
    """
    SELECT key, value, version, updated_at FROM records
    WHERE provider = :provider AND collection = :collection AND key > :after
        AND starts_with(key, :prefix)
    ORDER BY key LIMIT :most
    """
)


@attrs.frozen
class StoredRecordStore:
    """The documents of one provider.

    Args:
        database: as the application role.
        provider: its name.
    """

    database: Database
    provider: str

    def of(self, organization_id: uuid.UUID) -> "StoredRecords":
        """Give those for one organization."""
        return StoredRecords(self.database, self.provider, organization_id)


@attrs.frozen
class StoredRecords:
    """The documents of one provider for one organization."""

    database: Database
    provider: str
    organization_id: uuid.UUID

    async def get(self, collection: str, key: str) -> Record | None:
        """Give a document; None if there is none."""
        check_names(collection, key)
        async with self.database.organization(self.organization_id) as transaction:
            found = await transaction.execute(_GET, self._names(collection, key))
            row = found.mappings().one_or_none()
        return None if row is None else Record(**row)

    async def put(
        self, collection: str, key: str, value: Any, *, if_version: int | None = None
    ) -> Record:
        """Write a document; see :class:`~clientflow_core.providers.records.Records`."""
        check_names(collection, key)
        names = self._names(collection, key)
        parameters = {
            **names,
            "organization_id": self.organization_id,
            "value": to_json(value),
            "is_new": if_version == NEW,
        }
        async with self.database.organization(self.organization_id) as transaction:
            if if_version:
                refuse_other_version(key, if_version, await self._lock(transaction, names) or NEW)
            row = (await transaction.execute(_PUT, parameters)).mappings().one_or_none()
            if row is None:
                msg = f"there is a record {key!r} already"
                raise EditConflict(msg)
        return Record(**row)

    async def delete(self, collection: str, key: str, *, if_version: int | None = None) -> bool:
        """Take a document away; see :class:`~clientflow_core.providers.records.Records`."""
        check_names(collection, key)
        names = self._names(collection, key)
        async with self.database.organization(self.organization_id) as transaction:
            there = await self._lock(transaction, names)
            if there is None:
                return False
            refuse_other_version(key, if_version, there)
            await transaction.execute(_DELETE, names)
        return True

    async def list(
        self, collection: str, *, prefix: str = "", after: str = "", most: int = 100
    ) -> Sequence[Record]:
        """List documents; see :class:`~clientflow_core.providers.records.Records`."""
        check_names(collection)
        check_most(most)
        parameters = {
            "provider": self.provider,
            "collection": collection,
            "prefix": prefix,
            "after": after,
            "most": most,
        }
        async with self.database.organization(self.organization_id) as transaction:
            rows = (await transaction.execute(_LIST, parameters)).mappings().all()
        return [Record(**row) for row in rows]

    async def _lock(self, transaction: Transaction, names: Mapping[str, str]) -> int | None:
        version: int | None = (await transaction.execute(_LOCK, names)).scalar_one_or_none()
        return version

    def _names(self, collection: str, key: str) -> dict[str, str]:
        return {"provider": self.provider, "collection": collection, "key": key}
