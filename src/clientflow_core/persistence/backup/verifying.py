"""Prove that a backup can be restored: into a database that is made for it, and dropped."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from clientflow_core.errors import BackupUnusable
from clientflow_core.persistence.backup.contents import (
    count_rows,
    count_table,
    differences,
    list_tables,
    run,
    server_version,
)
from clientflow_core.persistence.backup.manifest import Manifest, read_manifest
from clientflow_core.persistence.backup.programs import address, programs_for, run_program
from clientflow_core.persistence.backup.selecting import wanted_entries
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.persistence.migrate import current_revision
from clientflow_core.persistence.row_security import FUNCTIONS, TABLES, find_gaps
from clientflow_core.persistence.server import parse_url
from clientflow_core.persistence.tables import ORGANIZATION_TABLES

_MAY_READ: Final = sa.text(
    "SELECT has_table_privilege(:role, format('public.%I', cast(:n AS text)), 'SELECT')"
)


def verify_backup(
    file: Path, *, folder: Path | None = None, server: EmbeddedPostgres | None = None
) -> Manifest:
    """Restore *file* into a scratch database, and compare it with what was written.

    Args:
        file: the backup, with its manifest beside it.
        folder: the programs of PostgreSQL; None for the best that is installed.
        server: has the scratch database; None for one that is started for it alone.

    Raises:
        BackupUnusable: it is damaged, cannot be restored, has other rows than it must have, or
            would not keep organizations apart.
        EmbeddedServerError: no server can be started for it.
    """
    manifest = read_manifest(file)
    with _scratch_server(manifest, folder, server) as running, _scratch_database(running) as url:
        engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            _make_roles(connection, [*manifest.owners, *manifest.roles])
            _restore(file, url, manifest=manifest, folder=folder)
            problems = list(_problems(connection, manifest))
    if problems:
        msg = f"{file} can be restored, but is not as it must be: {'; '.join(problems)}"
        raise BackupUnusable(msg)
    return manifest


@contextmanager
def _scratch_server(
    manifest: Manifest, folder: Path | None, server: EmbeddedPostgres | None
) -> Iterator[EmbeddedPostgres]:
    if server is not None:
        yield server
        return
    newest = max(manifest.server_version, manifest.program_version)
    binaries = programs_for(newest, folder=folder)
    scratch = Path(tempfile.mkdtemp(prefix="clientflow-verify-"))
    # As root the server runs as another user, who must get through.
    scratch.chmod(0o711)
    try:
        state = scratch / "state"
        with EmbeddedPostgres.start(state, binaries=binaries, durable=False) as running:
            yield running
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _scratch_database(server: EmbeddedPostgres) -> Iterator[URL]:
    name = f"clientflow_verify_{uuid.uuid4().hex}"
    postgres = parse_url(
        server.url(user=server.superuser, database="postgres"), env="the scratch server"
    )
    made = sql.Identifier(name)
    engine = sa.create_engine(postgres, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        run(connection, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(made))
        try:
            yield postgres.set(database=name)
        finally:
            run(connection, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))


def _make_roles(connection: Connection, names: Sequence[str]) -> None:
    there = set(connection.exec_driver_sql("SELECT rolname FROM pg_roles").scalars())
    for name in names:
        if name not in there:
            run(connection, sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))


def _restore(file: Path, url: URL, *, manifest: Manifest, folder: Path | None) -> None:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        version = server_version(connection)
    programs = programs_for(manifest.program_version, folder=folder, server=version)
    with address(url) as database, wanted_entries(file, programs) as entries:
        run_program([programs.folder / "pg_restore", database, *entries, file])


def _problems(connection: Connection, manifest: Manifest) -> Iterator[str]:
    revision = current_revision(connection)
    if revision != manifest.revision:
        yield f"the schema is at {revision} instead of {manifest.revision}"
    yield from differences(manifest.rows, count_rows(connection))
    yield from find_gaps(connection.execute(TABLES).mappings().all())
    for name in connection.execute(FUNCTIONS).scalars():
        yield f"everybody may call the function {name}"
    for role in manifest.roles:
        yield from _seen_by(connection, role)


def _seen_by(connection: Connection, role: str) -> Iterator[str]:
    """Look whether *role* sees rows without being anybody's."""
    names = [name for name in list_tables(connection) if name in ORGANIZATION_TABLES]
    readable = [n for n in names if connection.execute(_MAY_READ, {"role": role, "n": n}).scalar()]
    run(connection, sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    for name in readable:
        if count_table(connection, name):
            yield f"{role} sees rows of {name} without an organization"
    connection.exec_driver_sql("RESET ROLE")
