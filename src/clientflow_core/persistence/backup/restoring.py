"""Put a backup back, into a database that is empty and that nobody works on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from clientflow_core.errors import BackupUnusable, DatabaseUnfit
from clientflow_core.persistence.backup.contents import (
    count_rows,
    differences,
    list_tables,
    run,
    server_version,
)
from clientflow_core.persistence.backup.manifest import Manifest, read_manifest
from clientflow_core.persistence.backup.programs import address, programs_for, run_program
from clientflow_core.persistence.backup.selecting import wanted_entries
from clientflow_core.persistence.migrate import migrate
from clientflow_core.persistence.server import check_version, first_line

# Whoever may write jobs is the service; superusers look at it.
_WORKING: Final = sa.text(
    """
    SELECT DISTINCT a.usename FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
    WHERE a.datname = current_database() AND a.usename <> current_user AND NOT r.rolsuper
        AND has_table_privilege(r.oid, to_regclass('public.jobs'), 'INSERT')
    """
)
_CLEAR: Final = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND pg_has_role(proowner, 'USAGE')
    LOOP EXECUTE 'DROP FUNCTION IF EXISTS ' || one.name || ' CASCADE'; END LOOP;
    FOR one IN SELECT quote_ident(relname) AS name,
            CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p', 'v', 'S') AND pg_has_role(relowner, 'USAGE')
    LOOP EXECUTE 'DROP ' || one.kind || ' IF EXISTS public.' || one.name || ' CASCADE'; END LOOP;
END $$
"""
_POLICED: Final = sa.text(
    """
    SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND EXISTS (
        SELECT 1 FROM pg_policy WHERE polrelid = c.oid AND polname = c.relname || '_scope')
    """
)


@attrs.frozen(kw_only=True)
class Restored:
    """What was restored.

    Attributes:
        manifest: of the backup.
        revision: that the schema was brought to afterwards.
    """

    manifest: Manifest
    revision: str


def require_restorable(owner: URL, *, may_replace: bool) -> Sequence[str]:
    """Make sure that nobody works on the database, and that it is empty or may be replaced.

    Args:
        owner: the database as the role that is to own the tables.
        may_replace: what is in it may be lost.

    Returns:
        The tables that are in it.

    Raises:
        BackupUnusable: it is not so.
        DatabaseUnfit: it cannot be reached.
    """
    with _connected(owner) as connection:
        check_version(connection)
        working = connection.execute(_WORKING).scalars().all()
        tables = list_tables(connection)
    if working:
        who = ", ".join(working)
        msg = (
            f"the service works on this database: {who} is connected to it. Stop every serve and"
            " worker (and `clientflow up`), and a pooler that stands between, then restore"
        )
        raise BackupUnusable(msg)
    if tables and not may_replace:
        msg = (
            f"the database is not empty: it has {len(tables)} tables. Restore into an empty one, or"
            " say --replace, which drops all that is in it"
        )
        raise BackupUnusable(msg)
    return tables


def restore_backup(
    file: Path,
    owner: URL,
    application: URL,
    *,
    may_replace: bool = False,
    folder: Path | None = None,
) -> Restored:
    """Restore *file*, bring its schema up to date, and let the application role in.

    Args:
        file: the backup, with its manifest beside it.
        owner: the database as the role that will own the tables; it need not have the name of the
            role that owned them.
        application: the same as the role of the service; likewise.
        may_replace: drop what is in the database first.
        folder: the programs of PostgreSQL; None for the best that is installed.

    Raises:
        BackupUnusable: the backup is damaged, the database is not empty or in use, its server is
            older than that of the backup, or pg_restore has failed, which leaves it empty.
        DatabaseUnfit: the database cannot be reached or used.
    """
    manifest = read_manifest(file)
    tables = require_restorable(owner, may_replace=may_replace)
    with _connected(owner) as connection:
        version = server_version(connection)
    _refuse_older_server(manifest, version)
    programs = programs_for(manifest.program_version, folder=folder, server=version)
    with address(owner) as to, wanted_entries(file, programs, keeps_owner=False) as entries:
        if tables:
            _clear(owner)
        run_program([programs.folder / "pg_restore", to, *entries, file])
    _secure(owner, manifest)
    return Restored(manifest=manifest, revision=migrate(owner, application))


def _refuse_older_server(manifest: Manifest, version: int) -> None:
    if version < manifest.server_version:
        msg = (
            f"the backup is of PostgreSQL {manifest.server_version}, this server is {version}:"
            " restore into one that is as new, or newer"
        )
        raise BackupUnusable(msg)


def _clear(owner: URL) -> None:
    with _connected(owner) as connection:
        connection.exec_driver_sql(_CLEAR)


def _secure(owner: URL, manifest: Manifest) -> None:
    """Give the owner its policies and take everybody's rights away; then everything must be there.

    Raises:
        BackupUnusable: it has other rows than the backup.
    """
    with _connected(owner) as connection:
        connection.exec_driver_sql("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC")
        for table in connection.execute(_POLICED).scalars().all():
            statement = sql.SQL("CREATE POLICY {} ON {} TO CURRENT_USER USING (true)").format(
                sql.Identifier(f"{table}_owner"), sql.Identifier(table)
            )
            run(connection, statement)
        problems = list(differences(manifest.rows, count_rows(connection)))
    if problems:
        msg = f"it was restored, but is not what was written: {'; '.join(problems)}"
        raise BackupUnusable(msg)


@contextmanager
def _connected(owner: URL) -> Iterator[Connection]:
    engine = sa.create_engine(
        owner, poolclass=sa.NullPool, hide_parameters=True, connect_args={"connect_timeout": 5}
    )
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        msg = f"the database cannot be used as its owner: {first_line(error)}"
        raise DatabaseUnfit(msg) from error
