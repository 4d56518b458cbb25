"""Every migration goes back and on again, with rows in the tables."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from clientflow_core.persistence.migrate import migrate, newest_revision
from clientflow_core.persistence.readiness import expected_revision
from clientflow_core.persistence.tables import (
    ORGANIZATION_TABLES,
    PLATFORM_TABLES,
    SYSTEM_TABLES,
)
from tests.databases import Addresses

# One id for everything: so each reference leads to what is there, in whatever table.
ID = "01a20000-0000-7000-8000-000000000001"
KEPT = {"alembic_version", "saq_versions"}
"""Of which the migrations have written a row."""
VALUES = {
    "uuid": ID,
    "text": "text",
    "integer": 1,
    "bigint": 1,
    "smallint": 1,
    "boolean": False,
    "jsonb": "{}",
    "bytea": b"bytes",
    "timestamp with time zone": "2026-01-01T00:00:00Z",
    "text[]": [],
    "uuid[]": [],
    "double precision": 0,
    "numeric": 0,
}
MORE: dict[str, dict[str, Any]] = {
    "calendar_events": {
        "starts_at": "2026-01-01T09:00:00Z",
        "ends_at": "2026-01-01T10:00:00Z",
        "time_zone": "UTC",
    }
}
"""What a table has to have beside what it must not be without."""
NEEDED = """
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
        AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
        AND c.relname NOT IN ('alembic_version', 'saq_versions')
    ORDER BY 1, 2
"""
SCHEMA = r"""
    SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
        || a.attnotnull::text || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
        AND NOT a.attisdropped
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
    UNION ALL SELECT 'policy', tablename, policyname, coalesce(qual, '') || coalesce(with_check, '')
    FROM pg_policies WHERE schemaname = 'public'
    UNION ALL SELECT 'guard', relname, relrowsecurity::text, relforcerowsecurity::text
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    UNION ALL SELECT 'function', proname,
        has_function_privilege('pg_monitor', oid, 'EXECUTE')::text,
        -- That of 0001 is written in other words than the one that 0004 goes back to.
        CASE WHEN proname = 'route_inbound_event' THEN pg_get_function_arguments(oid)
        ELSE regexp_replace(pg_get_functiondef(oid), '\s+', ' ', 'g') END
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3
"""


@pytest.fixture
def superuser(addresses: Addresses) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with addresses.connect() as connection:
        yield connection


def fill(superuser: psycopg.Connection[tuple[Any, ...]]) -> set[str]:
    """Put a row into every table, and name these."""
    needed: dict[str, dict[str, Any]] = {}
    for table, column, kind in superuser.execute(NEEDED).fetchall():
        needed.setdefault(table, {})[column] = VALUES[kind]
    superuser.execute("SET session_replication_role = replica")
    for table, row in needed.items():
        row.update(MORE.get(table, {}))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join([sql.Placeholder()] * len(row)),
        )
        superuser.execute(statement, list(row.values()))
    superuser.execute("SET session_replication_role = origin")
    return set(needed)


def schema(superuser: psycopg.Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Give all that a migration makes, but no rows."""
    return superuser.execute(SCHEMA).fetchall()


def revisions() -> list[str]:
    """Name the revisions, the newest first."""
    return [f"{number:04}" for number in range(int(newest_revision()), 0, -1)]


@pytest.mark.proves("RB1", "CG5")
def test_each_migration_goes_back_and_on_again_with_rows_in_every_table(
    addresses: Addresses, superuser: psycopg.Connection[tuple[Any, ...]]
) -> None:
    assert fill(superuser) == ORGANIZATION_TABLES | PLATFORM_TABLES | SYSTEM_TABLES - KEPT
    for there, before in zip(revisions(), [*revisions()[1:], "base"], strict=True):
        as_it_was = schema(superuser)
        for revision in (before, there, before):
            go(addresses, revision)
            if revision == there:
                assert schema(superuser) == as_it_was, there
    assert all(row[1].startswith("alembic_version") for row in schema(superuser))
    assert migrate(addresses.owner, addresses.application) == expected_revision()


@pytest.mark.proves("RB1")
def test_rows_of_what_a_step_back_does_not_take_stay(
    addresses: Addresses, superuser: psycopg.Connection[tuple[Any, ...]]
) -> None:
    fill(superuser)
    count = "SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM messages)"
    for revision in ("0009", expected_revision()):
        go(addresses, revision)
        assert superuser.execute(count).fetchall() == [(1, 1)]


def go(addresses: Addresses, revision: str) -> None:
    """Bring the schema to *revision*, without letting the application in."""
    assert migrate(addresses.owner, addresses.application, revision=revision) == revision
