"""The two roles and the database on a server of our own."""

import json
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.persistence.provision import APPLICATION, DATABASE, OWNER, provision
from clientflow_core.secret import Secret


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedPostgres]:
    """A server for these tests alone, since roles are shared by all databases of one."""
    folder = Path(tempfile.mkdtemp(prefix="cf-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    with EmbeddedPostgres.start(folder / "state", durable=False) as running:
        yield running
    shutil.rmtree(folder)


def sign_in(address: Secret) -> None:
    psycopg.connect(address.reveal()).close()


def rights(server: EmbeddedPostgres, role: str) -> dict[str, bool]:
    columns = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolcanlogin")
    with psycopg.connect(administrator(server)) as connection:
        row = connection.execute(
            f"SELECT {', '.join(columns)} FROM pg_roles WHERE rolname = %s", [role]
        ).fetchone()
    assert row is not None
    return dict(zip(columns, row, strict=True))


def administrator(server: EmbeddedPostgres) -> str:
    return server.url(user=server.superuser, database="postgres").reveal()


def test_both_roles_can_come_in_and_only_the_owner_owns(
    own_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    addresses = provision(own_server, tmp_path)
    sign_in(addresses.application)
    with psycopg.connect(addresses.owner.reveal()) as owner:
        owner.execute("CREATE TABLE mine (id int)")
    assert rights(own_server, OWNER) == {
        "rolsuper": False,
        "rolbypassrls": True,
        "rolcreaterole": True,
        "rolcreatedb": False,
        "rolcanlogin": True,
    }
    assert rights(own_server, APPLICATION) == {
        "rolsuper": False,
        "rolbypassrls": False,
        "rolcreaterole": False,
        "rolcreatedb": False,
        "rolcanlogin": True,
    }
    with psycopg.connect(administrator(own_server)) as connection:
        found = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [DATABASE]
        )
        assert found.fetchone() == (OWNER,)


def test_the_second_time_nothing_changes(own_server: EmbeddedPostgres, tmp_path: Path) -> None:
    first = provision(own_server, tmp_path)
    again = provision(own_server, tmp_path)
    assert first.owner.reveal() == again.owner.reveal()
    assert first.application.reveal() == again.application.reveal()
    sign_in(first.application)


def test_the_passwords_are_for_their_owner_alone(
    own_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    addresses = provision(own_server, tmp_path)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    passwords = json.loads(file.read_text())
    assert set(passwords) == {OWNER, APPLICATION}
    assert passwords[OWNER] != passwords[APPLICATION]
    assert all(len(password) >= 32 for password in passwords.values())
    assert passwords[APPLICATION] in addresses.application.reveal()


def test_lost_passwords_are_made_anew(own_server: EmbeddedPostgres, tmp_path: Path) -> None:
    before = provision(own_server, tmp_path)
    (tmp_path / "database.json").unlink()
    after = provision(own_server, tmp_path)
    sign_in(after.owner)
    sign_in(after.application)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        sign_in(before.application)


def test_a_crash_while_the_passwords_are_written_leaves_no_half_of_them(
    own_server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(json, "dump", lambda _, file: file.write('{"clientflow_o'))
        patch.setattr("os.fsync", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            provision(own_server, tmp_path)
    sign_in(provision(own_server, tmp_path).owner)


def test_an_application_role_that_grew_too_mighty_is_put_right(
    own_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    provision(own_server, tmp_path)
    with psycopg.connect(administrator(own_server)) as connection:
        connection.execute(f"ALTER ROLE {APPLICATION} SUPERUSER BYPASSRLS")
    provision(own_server, tmp_path)
    assert not rights(own_server, APPLICATION)["rolsuper"]
    assert not rights(own_server, APPLICATION)["rolbypassrls"]
