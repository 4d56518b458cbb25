"""Backups as they are written: whole, of one moment, for nobody else's eyes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from clientflow_core.errors import BackupUnusable, DatabaseUnfit
from clientflow_core.persistence.backup import programs as programs_module
from clientflow_core.persistence.backup.manifest import digest_of, manifest_of
from clientflow_core.persistence.backup.programs import address, programs_for
from clientflow_core.persistence.backup.restoring import restore_backup
from clientflow_core.persistence.backup.taking import Progress, take_backup
from clientflow_core.persistence.backup.verifying import verify_backup
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.persistence.embedded.binaries import Binaries
from clientflow_core.persistence.readiness import expected_revision
from tests.conftest import Business
from tests.core.persistence.backup.conftest import Backup, security
from tests.databases import Addresses


@contextmanager
def written_to(addresses: Addresses, business: Business) -> Iterator[threading.Event]:
    """Add contacts as the service does, one by one; the event is set once there are some."""
    some, enough = threading.Event(), threading.Event()

    def write() -> None:
        with psycopg.connect(addresses.conninfo, autocommit=True) as connection:
            scope = "SELECT set_config('app.organization_id', %s, false)"
            connection.execute(scope, [str(business.organization_id)])
            while not enough.is_set():
                connection.execute(
                    "INSERT INTO contacts VALUES (%s, gen_random_uuid(), 'Ada')",
                    [business.organization_id],
                )
                some.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield some
    finally:
        enough.set()
        writer.join()


def test_a_backup_taken_while_rows_are_written_restores_to_its_own_moment(
    addresses: Addresses, business: Business, bare: Addresses, server: EmbeddedPostgres, room: Path
) -> None:
    with written_to(addresses, business) as some:
        assert some.wait(20)
        manifest = take_backup(addresses.owner, room / "a.dump")
    with addresses.connect() as connection:
        [(now,)] = connection.execute("SELECT count(*) FROM contacts").fetchall()
    assert 0 < manifest.rows["contacts"] < int(str(now))
    assert verify_backup(room / "a.dump", server=server) == manifest
    # Which compares the rows of each table.
    restored = restore_backup(room / "a.dump", bare.owner, bare.application)
    assert restored.revision == expected_revision()
    assert security(bare) == security(addresses)


def test_what_is_written_tells_what_is_in_it(taken: Backup) -> None:
    manifest = taken.manifest
    assert manifest.revision == expected_revision()
    assert (manifest.rows["contacts"], manifest.rows["messages"]) == (1, 0)
    assert manifest.owners == ("clientflow_owner",)
    assert "clientflow_app" in manifest.roles
    assert (manifest.bytes, manifest.sha256) == (taken.file.stat().st_size, digest_of(taken.file))
    kept = json.loads(manifest_of(taken.file).read_text())
    assert kept["sha256"] == manifest.sha256


def test_nobody_else_can_read_it_and_nothing_half_done_is_left(taken: Backup) -> None:
    files = list(taken.file.parent.iterdir())
    assert sorted(file.name for file in files) == ["a.dump", "a.dump.json"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_what_is_there_already_is_not_written_over(taken: Backup, addresses: Addresses) -> None:
    before = taken.file.read_bytes()
    with pytest.raises(BackupUnusable, match="is there already"):
        take_backup(addresses.owner, taken.file)
    assert taken.file.read_bytes() == before


def test_each_table_is_told_of_as_it_is_written(addresses: Addresses, tmp_path: Path) -> None:
    told: list[Progress] = []
    manifest = take_backup(addresses.owner, tmp_path / "b.dump", say=told.append)
    assert {step.table for step in told} == set(manifest.rows)
    assert told[-1].number == told[-1].of == len(manifest.rows)


def test_a_database_without_our_tables_is_refused(bare: Addresses, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnfit, match="nothing to back up"):
        take_backup(bare.owner, tmp_path / "b.dump")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(addresses: Addresses, tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="nowhere cannot be written to"):
        take_backup(addresses.owner, tmp_path / "nowhere" / "b.dump")


def test_a_database_that_is_not_there_is_named(addresses: Addresses, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnfit, match='"nowhere" does not exist'):
        take_backup(addresses.owner.set(database="nowhere"), tmp_path / "b.dump")


def test_the_password_is_in_no_argument_and_its_file_is_gone_afterwards(
    addresses: Addresses,
) -> None:
    with address(addresses.owner.set(password=r"a:b\c")) as argument:
        file = Path(argument.partition("passfile=")[2].strip("'"))
        assert file.read_text() == "*:*:*:*:a\\:b\\\\c\n"
        assert file.stat().st_mode & 0o777 == 0o600
        assert "a:b" not in argument
    assert not file.exists()


def test_programs_that_are_too_old_are_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = [Binaries(folder=Path("/a"), version=v, source="system") for v in (16, 18)]
    monkeypatch.setattr(programs_module, "installed_binaries", lambda: iter(there))
    assert programs_for(15, folder=None).version == 16
    assert programs_for(17, folder=None).version == 18
    with pytest.raises(
        BackupUnusable, match=r"of PostgreSQL 19 or newer .*: 16, 18.*postgresql-19"
    ):
        programs_for(19, folder=None)
    # What a newer pg_dump has written, only a pg_restore restores that older servers do not take.
    with pytest.raises(BackupUnusable, match="older than 17 since the server is 15"):
        programs_for(18, folder=None, server=15)
