"""The organization that `up` brings, and its login."""

import re
import stat
from pathlib import Path

import pytest

from clientflow_core.errors import Conflict
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.organizations import find_api_key
from clientflow_core.secret import Secret
from clientflow_core.services.initialize import NewChannel, hash_api_key
from clientflow_host.demo_organization import Login, make_demo_organization
from clientflow_host.state import StateFolder, StateFolderUnusable
from tests.conftest import add_business
from tests.databases import Addresses

CHANNEL = NewChannel("twilio", "+14155550199", "Texts")


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path)


async def key_is_good(database: Database, login: Login) -> bool:
    async with database.system() as transaction:
        principal = await find_api_key(transaction, hash_api_key(Secret(login.api_key)))
    return principal is not None and login.organization_id == f"org_{principal.organization_id.hex}"


async def test_login_is_made_once_and_kept(
    database: Database, folder: StateFolder, addresses: Addresses
) -> None:
    first = await make_demo_organization(database, folder, channels=[CHANNEL])
    assert first.email == "demo@clientflow.example"
    assert stat.S_IMODE((folder.path / "demo.json").stat().st_mode) == 0o600
    assert await key_is_good(database, first)
    assert await make_demo_organization(database, folder, channels=[CHANNEL]) == first
    with addresses.connect() as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM organizations), (SELECT count(*) FROM users),"
            " (SELECT count(*) FROM api_keys), (SELECT count(*) FROM channels)"
        ).fetchone()
    assert counts == (1, 1, 1, 1)
    assert first.password not in repr(first)
    assert first.api_key not in repr(first)


async def test_folder_that_lost_its_login_gets_another_one_in_the_same_organization(
    database: Database, folder: StateFolder
) -> None:
    first = await make_demo_organization(database, folder, channels=[CHANNEL])
    (folder.path / "demo.json").unlink()
    second = await make_demo_organization(database, folder, channels=[CHANNEL])
    assert second.organization_id == first.organization_id
    assert re.fullmatch(r"demo-[0-9a-f]{8}@clientflow\.example", second.email)
    assert await key_is_good(database, first)
    assert await key_is_good(database, second)
    assert await make_demo_organization(database, folder, channels=[CHANNEL]) == second


async def test_login_of_another_database_is_not_taken_for_one_of_this(
    database: Database, folder: StateFolder, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = StateFolder(tmp_path / "other")
    theirs = await make_demo_organization(database, other, channels=[])
    kept = {"email": theirs.email, "password": "p", "api_key": "k" * 40, "organization_id": "org_1"}
    folder.write_json("demo.json", kept)
    ours = await make_demo_organization(database, folder, channels=[])
    assert ours.email != theirs.email
    assert await key_is_good(database, ours)


async def test_login_that_is_kept_is_used_on_an_empty_database(
    database: Database, folder: StateFolder
) -> None:
    kept = {"email": "demo@clientflow.example", "password": "p", "api_key": "k" * 40}
    folder.write_json("demo.json", kept)
    made = await make_demo_organization(database, folder, channels=[])
    assert (made.password, made.api_key) == ("p", "k" * 40)
    assert await key_is_good(database, made)


async def test_number_of_another_organization_is_not_taken_from_it(
    database: Database, folder: StateFolder, addresses: Addresses
) -> None:
    add_business(addresses, address=CHANNEL.address)
    with pytest.raises(Conflict, match=r"belongs to another organization.*clientflow serve"):
        await make_demo_organization(database, folder, channels=[CHANNEL])
    assert folder.read_json("demo.json") is None


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"email": "a@b", "password": "p"},
        {"email": 1, "password": "p", "api_key": "k"},
        {"email": "a@b", "password": "p", "api_key": "k", "more": "m"},
    ],
)
async def test_damaged_login_is_told(
    kept: dict[str, object], database: Database, folder: StateFolder
) -> None:
    folder.write_json("demo.json", kept)
    with pytest.raises(StateFolderUnusable, match=r"demo\.json is damaged: remove it"):
        await make_demo_organization(database, folder, channels=[])
