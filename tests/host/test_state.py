"""The state folder: made, held by one, its files private and whole."""

import os
import stat
from pathlib import Path

import attrs
import pytest

from clientflow_host.state import StateFolder, StateFolderUnusable, UpNote, read_up_note

NOTE = UpNote(
    url="http://127.0.0.1:1",
    email="demo@clientflow.example",
    password="the password",
    api_key="the key",
    organization_id="org_1",
    sandbox_url=None,
    state_dir="/state",
    settings={},
    database_url="postgresql://app:secret@/db",
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_is_made_so_that_the_user_of_postgresql_may_pass(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = StateFolder.open(tmp_path / "deep" / "state")
    finally:
        os.umask(before)
    assert mode(folder.path) == 0o711


def test_rights_of_a_folder_that_is_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o750)
    StateFolder.open(tmp_path / "state")
    assert mode(tmp_path / "state") == 0o750


def test_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert StateFolder.open(tmp_path / "link").path == tmp_path / "real"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a file", "it is a file"),
        ("a file/state", "Not a directory"),
        ("/proc/state", "No such file"),
    ],
)
def test_folder_that_cannot_be_written_to_is_refused(
    path: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(StateFolderUnusable, match=f"{path}: {reason}.*CLIENTFLOW_STATE_DIR"):
        StateFolder.open(tmp_path / path)


def test_only_one_can_hold_the_folder(tmp_path: Path) -> None:
    folder = StateFolder.open(tmp_path)
    assert not folder.is_held()
    with folder.held():
        assert folder.is_held()
        with pytest.raises(StateFolderUnusable, match=r"runs on .* already"), folder.held():
            pytest.fail("two hold it")
    assert not folder.is_held()
    with folder.held():
        assert mode(tmp_path / "up.lock") == 0o600


def test_whoever_looks_does_not_hold_it(tmp_path: Path) -> None:
    folder = StateFolder.open(tmp_path)
    with folder.held():
        pass
    for _ in range(3):
        assert not folder.is_held()
    with folder.held():
        pass


def test_lock_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "up.lock").mkdir()
    with pytest.raises(StateFolderUnusable, match=r"up\.lock: Is a directory"):
        StateFolder(tmp_path).held().__enter__()
    (tmp_path / "up.lock").rmdir()
    (tmp_path / "up.lock").symlink_to(tmp_path / "up.lock")
    with pytest.raises(StateFolderUnusable, match=r"up\.lock: Too many levels"):
        StateFolder(tmp_path).is_held()


def test_file_is_private_and_read_back(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    assert folder.read_json("a.json") is None
    folder.write_json("a.json", {"one": "ä"})
    folder.write_json("a.json", {"two": [1]})
    assert folder.read_json("a.json") == {"two": [1]}
    assert mode(tmp_path / "a.json") == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", [b"{", b"[1]", b'"text"', b"\xff", b""])
def test_damaged_file_is_told_with_the_remedy(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(StateFolderUnusable, match=r"a\.json is damaged: remove it"):
        StateFolder(tmp_path).read_json("a.json")


def test_file_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(StateFolderUnusable, match=r"a\.json: Is a directory"):
        StateFolder(tmp_path).read_json("a.json")
    with pytest.raises(StateFolderUnusable, match=r"a\.json: "):
        StateFolder(tmp_path).write_json("a.json", {})
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"], "nothing is left half done"


def test_subfolder_is_private(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    assert folder.subfolder("logs") == folder.subfolder("logs") == tmp_path / "logs"
    assert mode(tmp_path / "logs") == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(StateFolderUnusable, match="file: it is a file"):
        folder.subfolder("file")


def test_note_is_there_for_as_long_as_up_holds_the_folder(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    assert read_up_note(tmp_path) is None
    with folder.held():
        folder.leave_note(NOTE)
        assert mode(tmp_path / "up.json") == 0o600
        assert read_up_note(tmp_path) == NOTE
        folder.remove_note()
        folder.remove_note()
        assert read_up_note(tmp_path) is None


def test_note_of_one_that_was_killed_does_not_count(tmp_path: Path) -> None:
    StateFolder(tmp_path).leave_note(NOTE)
    assert read_up_note(tmp_path) is None


def test_note_of_another_release_is_told(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with folder.held():
        folder.write_json("up.json", {"url": "http://127.0.0.1:1"})
        with pytest.raises(StateFolderUnusable, match="of another release"):
            read_up_note(tmp_path)


def test_what_is_printed_has_no_database_in_it() -> None:
    printed = NOTE.printed()
    assert printed.keys() == attrs.asdict(NOTE).keys() - {"database_url"}
    assert "secret" not in repr(NOTE)
    assert "secret" not in repr(printed)
