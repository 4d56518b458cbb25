"""A database for the next test, without making a new one."""

from tests.conftest import Addresses


def empty(addresses: Addresses) -> Addresses:
    """Take every row out of a migrated database; quicker than a new one by half a second."""
    with addresses.connect() as connection:
        tables = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'saq_versions')"
        ).fetchall()
        # Without the foreign keys; TRUNCATE would make each file anew, and take longer.
        connection.execute("SET session_replication_role = replica")
        connection.execute("; ".join(f"DELETE FROM {name}" for (name,) in tables).encode())
    return addresses
