"""What a database holds, as far as a backup of it can be compared."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

_TABLES: Final = sa.text(
    """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1
    """
)
_OWNERS: Final = sa.text(
    """
    SELECT DISTINCT pg_get_userbyid(o) FROM (
        SELECT relowner FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ) AS owners (o) ORDER BY 1
    """
)
_ROLES: Final = sa.text(
    """
    SELECT DISTINCT pg_get_userbyid(r) FROM (
        SELECT (aclexplode(relacl)).grantee FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT (aclexplode(attacl)).grantee FROM pg_attribute
        JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT (aclexplode(proacl)).grantee FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT (aclexplode(nspacl)).grantee FROM pg_namespace WHERE nspname = 'public'
        UNION ALL SELECT unnest(polroles) FROM pg_policy
    ) AS roles (r) WHERE r <> 0 ORDER BY 1
    """
)


def list_tables(connection: Connection) -> Sequence[str]:
    """Name the tables, those of others in our schema too."""
    return connection.execute(_TABLES).scalars().all()


def count_rows(connection: Connection) -> Mapping[str, int]:
    """Count the rows of each table that the role of *connection* may see."""
    return {name: count_table(connection, name) for name in list_tables(connection)}


def count_table(connection: Connection, name: str) -> int:
    """Count the rows of one table."""
    statement = sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(name))
    return int(run(connection, statement).scalar_one())


def list_owners(connection: Connection) -> Sequence[str]:
    """Name the roles that own what is in the schema."""
    return connection.execute(_OWNERS).scalars().all()


def list_roles(connection: Connection) -> Sequence[str]:
    """Name every role that may do anything in the schema."""
    return connection.execute(_ROLES).scalars().all()


def server_version(connection: Connection) -> int:
    """Give the major version of the server."""
    return int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> Iterator[str]:
    """Give a sentence for each table that has not as many rows as it must have."""
    for name in sorted(expected.keys() | found.keys()):
        had, has = expected.get(name, "no such table"), found.get(name, "no such table")
        if had != has:
            yield f"{name}: {has} instead of {had}"


def run(connection: Connection, statement: sql.Composed) -> sa.CursorResult[Any]:
    """Run a statement with names in it."""
    # Without this a percent sign in a name would be read as the place of a parameter.
    options = {"no_parameters": True}
    return connection.exec_driver_sql(statement.as_string(None), execution_options=options)
