"""Whether the database serves, its schema is that of this release, and a worker is about."""

import asyncio
from pathlib import Path
from typing import Final

import attrs
import psycopg
import sqlalchemy as sa

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.jobs import LIVENESS_LOCKS

_ANSWER_SECONDS: Final = 3.0
_UNKNOWN: Final = "unknown"
# Without Alembic, which takes as long to import as everything else together.
_VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"

_LOOK: Final = sa.text(
    """
    SELECT (SELECT max(version_num) FROM alembic_version) AS revision, EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND classid = :locks AND objsubid = 2 AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS has_worker
    """
)

# The loop itself would let go of a task that nobody holds.
_looks: Final[set[asyncio.Task["DatabaseReadiness"]]] = set()


@attrs.frozen(kw_only=True)
class DatabaseReadiness:
    """For each, ``ok`` or what is wrong with it."""

    database: str
    schema: str
    workers: str


def expected_revision() -> str:
    """Tell which revision of the schema this release is written for."""
    return max(path.name[1:5] for path in _VERSIONS.glob("m[0-9]*.py"))


async def read_readiness(database: Database) -> DatabaseReadiness:
    """Look, within a few seconds; says what is wrong and raises nothing."""
    look = asyncio.create_task(_look(database))
    _looks.add(look)
    look.add_done_callback(_looks.discard)
    try:
        await asyncio.wait([look], timeout=_ANSWER_SECONDS)
        return look.result() if look.done() else _silent(TimeoutError())
    finally:
        # Not waited for: psycopg takes ten seconds to give up what a silent server does.
        look.cancel()


async def _look(database: Database) -> DatabaseReadiness:
    try:
        async with database.system() as transaction:
            row = (await transaction.execute(_LOOK, {"locks": LIVENESS_LOCKS})).one()
    except sa.exc.ProgrammingError:
        schema = "missing: run clientflow migrate"
        return DatabaseReadiness(database="ok", schema=schema, workers=_UNKNOWN)
    except (sa.exc.SQLAlchemyError, psycopg.Error, OSError) as error:
        return _silent(error)
    return DatabaseReadiness(
        database="ok",
        schema=_judge(row.revision),
        workers="ok" if row.has_worker else "none is running: start clientflow worker",
    )


def _silent(error: Exception) -> DatabaseReadiness:
    answer = f"does not answer ({type(error).__name__})"
    return DatabaseReadiness(database=answer, schema=_UNKNOWN, workers=_UNKNOWN)


def _judge(revision: str | None) -> str:
    wanted = expected_revision()
    # A newer one is right while a deployment goes on: migrations go before the code.
    if revision is not None and revision >= wanted:
        return "ok"
    return f"is at {revision or 'nothing'}, this release needs {wanted}: run clientflow migrate"
