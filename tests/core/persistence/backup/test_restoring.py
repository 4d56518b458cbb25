"""Restoring: into what is empty or given up, and never under a running service."""

from pathlib import Path

import attrs
import psycopg
import pytest
from psycopg import sql

from clientflow_core.errors import BackupUnusable, DatabaseUnfit
from clientflow_core.persistence.backup.manifest import digest_of, read_manifest, write_manifest
from clientflow_core.persistence.backup.restoring import restore_backup
from clientflow_core.persistence.readiness import expected_revision
from clientflow_core.persistence.server import connection_string
from tests.core.persistence.backup.conftest import Backup, security
from tests.databases import Addresses


def contacts(addresses: Addresses) -> object:
    with addresses.connect() as connection:
        return connection.execute("SELECT name FROM contacts").fetchall()


def test_a_database_that_is_not_empty_is_left_as_it_is(taken: Backup, addresses: Addresses) -> None:
    with pytest.raises(BackupUnusable, match=r"not empty.*--replace"):
        restore_backup(taken.file, addresses.owner, addresses.application)
    assert contacts(addresses) == []


def test_what_is_given_up_is_replaced_with_what_a_later_release_has_added(
    taken: Backup, addresses: Addresses
) -> None:
    before = security(addresses)
    with addresses.connect() as connection:
        connection.execute("SET ROLE clientflow_owner")
        connection.execute("CREATE TABLE later (id serial)")
        connection.execute("CREATE FUNCTION later(n int) RETURNS int LANGUAGE sql AS 'SELECT n'")
    restore_backup(taken.file, addresses.owner, addresses.application, may_replace=True)
    assert contacts(addresses) == [("Ada",)]
    assert security(addresses) == before


def test_nothing_is_restored_under_a_running_service(taken: Backup, addresses: Addresses) -> None:
    with (
        psycopg.connect(addresses.conninfo),
        pytest.raises(
            BackupUnusable, match=r"clientflow_app is connected to it\. Stop every serve"
        ),
    ):
        restore_backup(taken.file, addresses.owner, addresses.application, may_replace=True)
    assert contacts(addresses) == []


def test_a_damaged_one_is_refused_before_anything_is_dropped(
    taken: Backup, addresses: Addresses, tmp_path: Path
) -> None:
    broken = tmp_path / "b.dump"
    broken.write_bytes(taken.file.read_bytes()[:-1])
    write_manifest(broken, taken.manifest)
    with pytest.raises(BackupUnusable, match="cut off"):
        restore_backup(broken, addresses.owner, addresses.application, may_replace=True)
    with addresses.connect() as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall()


def test_one_that_breaks_midway_leaves_an_empty_database(
    taken: Backup, bare: Addresses, tmp_path: Path
) -> None:
    broken = tmp_path / "b.dump"
    broken.write_bytes(taken.file.read_bytes()[:-200])
    size, digest = broken.stat().st_size, digest_of(broken)
    write_manifest(broken, attrs.evolve(taken.manifest, bytes=size, sha256=digest))
    with pytest.raises(BackupUnusable, match="pg_restore has failed"):
        restore_backup(broken, bare.owner, bare.application)
    with bare.connect() as connection:
        found = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
        assert found.fetchall() == []


def test_rows_that_do_not_come_back_are_told(
    taken: Backup, bare: Addresses, tmp_path: Path
) -> None:
    copy = tmp_path / "b.dump"
    copy.write_bytes(taken.file.read_bytes())
    rows = dict(taken.manifest.rows) | {"contacts": 7}
    write_manifest(copy, attrs.evolve(taken.manifest, rows=rows))
    with pytest.raises(BackupUnusable, match="contacts: 1 instead of 7"):
        restore_backup(copy, bare.owner, bare.application)


def test_an_older_server_than_that_of_the_backup_is_refused(
    taken: Backup, bare: Addresses, tmp_path: Path
) -> None:
    copy = tmp_path / "b.dump"
    copy.write_bytes(taken.file.read_bytes())
    write_manifest(copy, attrs.evolve(read_manifest(taken.file), server_version=99))
    with pytest.raises(BackupUnusable, match="is of PostgreSQL 99, this server is"):
        restore_backup(copy, bare.owner, bare.application)


def test_other_roles_may_have_it_and_are_held_by_row_level_security(
    taken: Backup, bare: Addresses
) -> None:
    # One that row-level security holds, as where a host grants no more.
    name = bare.owner.database or ""
    with bare.connect() as connection:
        for statement in (
            "CREATE ROLE moved_owner LOGIN CREATEROLE PASSWORD 'o'",
            "ALTER DATABASE {} OWNER TO moved_owner",
        ):
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
    owner = bare.owner.set(username="moved_owner", password="o")
    application = bare.application.set(username="moved_app", password="a")
    try:
        assert restore_backup(taken.file, owner, application).revision == expected_revision()
        with psycopg.connect(connection_string(application)) as connection:
            assert connection.execute("SELECT count(*) FROM contacts").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM users")
    finally:
        with bare.connect() as connection:
            connection.execute("REASSIGN OWNED BY moved_owner TO clientflow_owner")
            connection.execute("DROP OWNED BY moved_app, moved_owner")
            connection.execute("DROP ROLE moved_app, moved_owner")


def test_a_database_that_is_not_there_is_named(taken: Backup, bare: Addresses) -> None:
    with pytest.raises(DatabaseUnfit, match='"nowhere" does not exist'):
        restore_backup(taken.file, bare.owner.set(database="nowhere"), bare.application)
