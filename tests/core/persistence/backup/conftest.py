"""A backup of a small database, and what tells two databases apart."""

from pathlib import Path

import attrs
import pytest

from clientflow_core.persistence.backup.manifest import Manifest
from clientflow_core.persistence.backup.taking import take_backup
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.persistence.provision import DatabaseAddresses
from tests.conftest import add_business, new_database
from tests.databases import Addresses


@attrs.frozen
class Backup:
    """A backup, and what it is of."""

    file: Path
    manifest: Manifest
    addresses: Addresses


@pytest.fixture(scope="module")
def taken(
    server: EmbeddedPostgres,
    template: DatabaseAddresses,
    tmp_path_factory: pytest.TempPathFactory,
) -> Backup:
    """A backup of an organization with a contact; nobody changes it."""
    file = tmp_path_factory.mktemp("backup") / "a.dump"
    with new_database(server, template) as addresses:
        add_business(addresses)
        with addresses.connect() as connection:
            connection.execute(
                "INSERT INTO contacts SELECT id, gen_random_uuid(), 'Ada' FROM organizations"
            )
        return Backup(file, take_backup(addresses.owner, file), addresses)


def security(addresses: Addresses) -> list[tuple[object, ...]]:
    """Give every policy, whether it is in force, and every right of anybody."""
    with addresses.connect() as connection:
        return connection.execute(
            """
            SELECT 'policy', tablename, policyname, permissive, roles::text, cmd, qual, with_check
            FROM pg_policies WHERE schemaname = 'public'
            UNION ALL SELECT 'table', relname, relrowsecurity::text, relforcerowsecurity::text,
                pg_get_userbyid(relowner), relacl::text, NULL, NULL
            FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
            UNION ALL SELECT 'function', proname, prosecdef::text, proconfig::text,
                pg_get_userbyid(proowner), proacl::text, md5(prosrc), NULL
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            ORDER BY 1, 2, 3
            """
        ).fetchall()
