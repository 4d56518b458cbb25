"""backup, backup verify and restore, as an operator runs them."""

import json
from pathlib import Path

import pytest

from clientflow_core.persistence.backup.manifest import manifest_of
from clientflow_core.persistence.provision import owner_beside
from clientflow_core.secret import Secret
from tests.commands import Up
from tests.conftest import Business
from tests.databases import Addresses
from tests.host.cli.conftest import Call


def settings(addresses: Addresses) -> dict[str, str]:
    owner = addresses.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    return {"DATABASE_URL": addresses.url, "CLIENTFLOW_OWNER_DATABASE_URL": owner}


def runs(addresses: Addresses) -> list[tuple[object, ...]]:
    with addresses.connect() as connection:
        return connection.execute("SELECT kind, is_good FROM runs ORDER BY finished_at").fetchall()


@pytest.fixture
def of_database(addresses: Addresses, business: Business, tmp_path: Path) -> dict[str, str]:
    assert business.address
    return {**settings(addresses), "CLIENTFLOW_STATE_DIR": str(tmp_path / "state")}


def test_a_backup_is_taken_proved_and_restored_and_it_is_kept_in_mind(
    addresses: Addresses, bare: Addresses, of_database: dict[str, str], call: Call, tmp_path: Path
) -> None:
    taken = call("backup", **of_database)
    assert taken.returncode == 0, taken.stderr
    [file] = (tmp_path / "state" / "backups").glob("*.dump")
    assert str(file) in taken.stdout
    assert "Keep it, and the file beside it, on another machine." in taken.stdout

    proved = call("backup", "verify", str(file), **of_database)
    assert proved.returncode == 0, proved.stderr
    assert "restores, and keeps organizations apart" in proved.stdout
    assert runs(addresses) == [("backup", True), ("backup_verify", True)]

    restored = call("restore", str(file), **settings(bare))
    assert restored.returncode == 0, restored.stderr
    assert "The schema is at" in restored.stdout
    with bare.connect() as connection:
        assert connection.execute("SELECT address FROM channels").fetchall() == [("+14155550100",)]


def test_one_that_fails_is_kept_in_mind_too(
    addresses: Addresses, of_database: dict[str, str], call: Call, tmp_path: Path
) -> None:
    assert call("backup", str(tmp_path / "a.dump"), **of_database).returncode == 0
    (tmp_path / "a.dump").write_bytes(b"cut off")
    refused = call("backup", "verify", "a.dump", **of_database)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: a.dump is cut off")
    assert runs(addresses) == [("backup", True), ("backup_verify", False)]


def test_what_would_be_lost_is_asked_for(
    addresses: Addresses, of_database: dict[str, str], call: Call, tmp_path: Path
) -> None:
    assert call("backup", "a.dump", **of_database).returncode == 0
    assert "--replace" in call("restore", "a.dump", **of_database).stderr
    unasked = call("restore", "a.dump", "--replace", **of_database)
    assert (unasked.returncode, "say --yes" in unasked.stderr) == (1, True)
    replaced = call("restore", "a.dump", "--replace", "--yes", **of_database)
    assert replaced.returncode == 0, replaced.stderr
    # It was taken before it was written down that it was.
    assert runs(addresses) == []


def test_settings_that_are_missing_are_named(
    of_database: dict[str, str], call: Call, tmp_path: Path
) -> None:
    only = {"DATABASE_URL": of_database["DATABASE_URL"]}
    refused = call("backup", "a.dump", **only)
    assert (refused.returncode, "CLIENTFLOW_OWNER_DATABASE_URL" in refused.stderr) == (1, True)
    owner = {"CLIENTFLOW_OWNER_DATABASE_URL": of_database["CLIENTFLOW_OWNER_DATABASE_URL"]}
    assert "DATABASE_URL is not set" in call("restore", "a.dump", **owner).stderr


def test_the_database_of_up_is_backed_up_while_it_runs_and_restored_when_it_does_not(
    running_up: Up, call: Call, room: Path
) -> None:
    file, of_up = room / "up.dump", {"CLIENTFLOW_STATE_DIR": str(running_up.state)}
    taken = call("backup", str(file), **of_up)
    assert taken.returncode == 0, taken.stderr
    assert json.loads(manifest_of(file).read_text())["rows"]["organizations"] >= 1
    refused = call("restore", str(file), "--replace", "--yes", **of_up)
    assert (refused.returncode, "stop it first" in refused.stderr) == (1, True)

    # As on a new machine, where nothing is there but the file.
    elsewhere = {"CLIENTFLOW_STATE_DIR": str(room / "state")}
    assert "nor is there a database" in call("backup", **elsewhere).stderr
    restored = call("restore", str(file), **elsewhere)
    assert restored.returncode == 0, restored.stderr
    again = call("backup", str(room / "again.dump"), **elsewhere)
    assert again.returncode == 0, again.stderr
    rows = [json.loads(manifest_of(one).read_text())["rows"] for one in (file, room / "again.dump")]
    assert rows[0] == rows[1]


def test_up_on_a_database_of_somebody_elses_has_no_owner_that_we_know(
    addresses: Addresses, room: Path
) -> None:
    assert owner_beside(Secret(addresses.url), room) is None
    (room / "database.json").write_text('{"clientflow_owner": "a", "clientflow_app": "b"}')
    assert owner_beside(Secret(addresses.url), room) is None
