"""Backups that are no good are found, whatever is wrong with them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from clientflow_core.errors import BackupUnusable
from clientflow_core.persistence.backup.manifest import digest_of, manifest_of
from clientflow_core.persistence.backup.taking import take_backup
from clientflow_core.persistence.backup.verifying import verify_backup
from clientflow_core.persistence.embedded import EmbeddedPostgres
from tests.core.persistence.backup.conftest import Backup
from tests.databases import Addresses


@pytest.fixture
def copied(taken: Backup, tmp_path: Path) -> Path:
    """A copy of the backup, to be broken."""
    for file in (taken.file, manifest_of(taken.file)):
        shutil.copy(file, tmp_path)
    return tmp_path / taken.file.name


def rewrite(file: Path, **changes: Any) -> None:
    """Have the manifest say something else."""
    manifest = manifest_of(file)
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


def flip(file: Path) -> None:
    """Change one bit in the middle."""
    held = bytearray(file.read_bytes())
    held[len(held) // 2] ^= 1
    file.write_bytes(held)


def databases(server: EmbeddedPostgres, addresses: Addresses) -> list[tuple[object, ...]]:
    with addresses.connect() as connection:
        return connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'clientflow_verify%'"
        ).fetchall()


def test_a_whole_one_is_proved_and_its_scratch_server_is_gone_afterwards(
    copied: Path, taken: Backup, monkeypatch: pytest.MonkeyPatch, room: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(room))
    assert verify_backup(copied) == taken.manifest
    assert list(room.iterdir()) == []


def test_a_flipped_bit_is_found(copied: Path) -> None:
    flip(copied)
    with pytest.raises(BackupUnusable, match=r"a\.dump is damaged: its SHA-256"):
        verify_backup(copied)


def test_one_that_is_cut_off_is_found(copied: Path) -> None:
    whole = copied.read_bytes()
    copied.write_bytes(whole[:-100])
    with pytest.raises(BackupUnusable, match=f"is cut off: it has {len(whole) - 100} bytes"):
        verify_backup(copied)


def test_one_that_was_damaged_before_it_was_measured_is_found_by_restoring_it(
    copied: Path, server: EmbeddedPostgres, addresses: Addresses
) -> None:
    copied.write_bytes(copied.read_bytes()[:-200])
    rewrite(copied, bytes=copied.stat().st_size, sha256=digest_of(copied))
    with pytest.raises(BackupUnusable, match="pg_restore has failed"):
        verify_backup(copied, server=server)
    assert databases(server, addresses) == []


def test_rows_that_are_missing_are_named(copied: Path, server: EmbeddedPostgres) -> None:
    rows = json.loads(manifest_of(copied).read_text())["rows"]
    rewrite(copied, rows=rows | {"contacts": 2, "notes": 1}, revision="0099")
    with pytest.raises(BackupUnusable) as refused:
        verify_backup(copied, server=server)
    assert "contacts: 1 instead of 2; notes: no such table instead of 1" in str(refused.value)
    assert "instead of 0099" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE contacts DISABLE ROW LEVEL SECURITY", "is off for contacts"),
        ("ALTER TABLE contacts DISABLE ROW LEVEL SECURITY", "clientflow_app sees rows of contacts"),
        (
            "GRANT EXECUTE ON FUNCTION add_user TO PUBLIC",
            "everybody may call the function add_user",
        ),
    ],
)
def test_one_that_would_not_keep_organizations_apart_is_found(
    change: str, told: str, addresses: Addresses, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    with addresses.connect() as connection:
        connection.execute(change.encode())
        connection.execute("INSERT INTO organizations VALUES (gen_random_uuid(), 'A', 'a')")
        connection.execute("INSERT INTO contacts SELECT id, id, 'Ada' FROM organizations")
    take_backup(addresses.owner, tmp_path / "b.dump")
    with pytest.raises(BackupUnusable, match=told):
        verify_backup(tmp_path / "b.dump", server=server)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "is damaged, or was not written"),
        ("hello", "is damaged, or was not written"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_manifest_that_is_none_is_named(copied: Path, text: str | None, told: str) -> None:
    manifest_of(copied).unlink()
    if text is not None:
        manifest_of(copied).write_text(text)
    with pytest.raises(BackupUnusable, match=rf"a\.dump\.json {told}"):
        verify_backup(copied)


def test_one_of_a_later_form_is_refused(copied: Path) -> None:
    rewrite(copied, format=2)
    with pytest.raises(BackupUnusable, match="is of the form 2"):
        verify_backup(copied)


def test_a_file_that_is_gone_is_named(copied: Path) -> None:
    copied.unlink()
    with pytest.raises(BackupUnusable, match=r"a\.dump cannot be read: No such file"):
        verify_backup(copied)
