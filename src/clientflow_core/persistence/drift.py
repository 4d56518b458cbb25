"""How the tables of a database differ from those that this release is written for.

A part of what ``alembic check`` finds: what the application role can see, without Alembic.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.tables import metadata

_COLUMNS: Final = sa.text(
    """
    SELECT c.relname AS table, a.attname AS name,
        format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
            AS what
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND a.attnum > 0 AND NOT a.attisdropped
    """
)
_INDEXES: Final = sa.text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'i'"
)

Columns = Mapping[tuple[str, str], str]


async def find_drift(transaction: Transaction) -> list[str]:
    """Give a sentence for each table, column or index that is not as it must be."""
    rows = await transaction.execute(_COLUMNS)
    found = {(row.table, row.name): str(row.what) for row in rows}
    indexes = set((await transaction.execute(_INDEXES)).scalars())
    return [*_columns_apart(_expected_columns(), found), *_missing_indexes(indexes)]


def _expected_columns() -> Columns:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {
        (table.name, column.name): _type(column.type.compile(dialect))
        + ("" if column.nullable else " NOT NULL")
        for table in metadata.tables.values()
        for column in table.columns
    }


def _type(compiled: str) -> str:
    # How text is sorted is no part of the type to PostgreSQL.
    return compiled.lower().partition(" collate ")[0]


def _columns_apart(expected: Columns, found: Columns) -> Iterator[str]:
    tables = {table for table, _ in found}
    for missing in sorted({table for table, _ in expected} - tables):
        yield f"there is no table {missing}"
    for (table, name), what in expected.items():
        has = found.get((table, name))
        if table in tables and has != what:
            yield f"{table}.{name} is {has or 'missing'} instead of {what}"
    ours = {table for table, _ in expected}
    for table, name in sorted(found.keys() - expected.keys()):
        if table in ours:
            yield f"{table}.{name} is not of this release"


def _missing_indexes(found: Set[str]) -> Iterator[str]:
    for table in metadata.tables.values():
        for index in table.indexes:
            if index.name not in found:
                yield f"there is no index {index.name}"
