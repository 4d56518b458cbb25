"""What a fresh installation is given, and that nothing is given twice."""

import asyncio
from typing import Any, Final

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from clientflow_core.domain.roles import Role
from clientflow_core.errors import Conflict
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.organizations import find_api_key
from clientflow_core.secret import Secret
from clientflow_core.services.initialize import (
    Initialized,
    NewChannel,
    hash_api_key,
    initialize,
    new_api_key,
)
from tests.databases import Addresses
from tests.texts import NUMBER, OTHER_NUMBER

PASSWORD: Final = Secret("correct horse battery staple")
KEY: Final = new_api_key()
TEXTS: Final = NewChannel("twilio", NUMBER, "Texts")


async def make(database: Database, **more: Any) -> Initialized:
    """Initialize, with *more* instead of the usual."""
    usual: dict[str, Any] = {
        "name": "A business",
        "slug": "main",
        "email": "owner@example.com",
        "password": PASSWORD,
        "api_key": KEY,
        "channels": [TEXTS],
    }
    return await initialize(database, **(usual | more))


def rows(addresses: Addresses, query: str) -> list[tuple[Any, ...]]:
    """Ask the database as its superuser."""
    with addresses.connect() as connection:
        return connection.execute(query.encode()).fetchall()


def counts(addresses: Addresses) -> tuple[Any, ...]:
    """Count organizations, users, memberships, keys and channels."""
    tables = ("organizations", "users", "memberships", "api_keys", "channels")
    query = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    return rows(addresses, f"SELECT {query}")[0]


async def test_fresh_installation_has_all_that_a_business_begins_with(
    addresses: Addresses, database: Database
) -> None:
    made = await make(database)
    assert (made.is_new_organization, made.is_new_user, made.new_channels) == (True, True, 1)
    assert rows(addresses, "SELECT id, name, slug FROM organizations") == [
        (made.organization_id, "A business", "main")
    ]
    assert rows(addresses, "SELECT role FROM memberships") == [("owner",)]
    assert rows(addresses, "SELECT provider, address, name FROM channels") == [
        ("twilio", NUMBER, "Texts")
    ]


async def test_second_time_changes_nothing(addresses: Addresses, database: Database) -> None:
    first = await make(database)
    before = rows(addresses, "SELECT password_hash FROM users")
    again = await make(database, name="Another name", password=Secret("another password"))
    assert again.organization_id == first.organization_id
    assert (again.is_new_organization, again.is_new_user, again.new_channels) == (False, False, 0)
    assert counts(addresses) == (1, 1, 1, 1, 1)
    assert rows(addresses, "SELECT password_hash FROM users") == before
    assert rows(addresses, "SELECT name FROM organizations") == [("A business",)]


async def test_both_of_two_at_once_end_well(addresses: Addresses, database: Database) -> None:
    made = await asyncio.gather(make(database), make(database))
    assert sorted(one.is_new_organization for one in made) == [False, True]
    assert counts(addresses) == (1, 1, 1, 1, 1)


async def test_channel_that_settings_have_come_to_name_is_added(
    addresses: Addresses, database: Database
) -> None:
    await make(database)
    again = await make(database, channels=[TEXTS, NewChannel("twilio", OTHER_NUMBER, "More")])
    assert again.new_channels == 1
    assert counts(addresses) == (1, 1, 1, 1, 2)


async def test_address_of_another_organization_is_refused_and_nothing_is_made(
    addresses: Addresses, database: Database
) -> None:
    await make(database)
    with pytest.raises(Conflict, match=rf"\{NUMBER} belongs to another organization"):
        await make(database, slug="second", email="second@example.com", api_key=None)
    assert counts(addresses) == (1, 1, 1, 1, 1)


async def test_owner_of_one_organization_may_own_another(
    addresses: Addresses, database: Database
) -> None:
    await make(database)
    second = await make(
        database, slug="second", email="OWNER@example.com", api_key=None, channels=()
    )
    assert (second.is_new_organization, second.is_new_user) == (True, False)
    assert counts(addresses) == (2, 1, 2, 1, 1)


async def test_password_is_kept_as_argon2id_only(addresses: Addresses, database: Database) -> None:
    await make(database)
    [(kept,)] = rows(addresses, "SELECT password_hash FROM users")
    parameters = extract_parameters(kept)
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= 19 * 1024
    assert PasswordHasher().verify(kept, PASSWORD.reveal())
    dump = str([rows(addresses, f"SELECT * FROM {t}") for t in ("users", "api_keys")])
    assert PASSWORD.reveal() not in dump
    assert KEY.reveal() not in dump


async def test_key_acts_as_the_owner(database: Database) -> None:
    made = await make(database)
    async with database.system() as transaction:
        principal = await find_api_key(transaction, hash_api_key(KEY))
        assert await find_api_key(transaction, hash_api_key(new_api_key())) is None
    assert principal is not None
    assert (principal.organization_id, principal.role) == (made.organization_id, Role.OWNER)


async def test_no_key_is_made_where_none_is_asked_for(
    addresses: Addresses, database: Database
) -> None:
    await make(database, api_key=None)
    assert counts(addresses) == (1, 1, 1, 0, 1)


async def test_key_of_another_organization_is_refused(
    addresses: Addresses, database: Database
) -> None:
    await make(database)
    with pytest.raises(Conflict, match="another organization's"):
        await make(database, slug="second", email="second@example.com", channels=())
    assert counts(addresses) == (1, 1, 1, 1, 1)


async def test_key_that_was_revoked_is_refused(addresses: Addresses, database: Database) -> None:
    await make(database)
    with addresses.connect() as connection:
        connection.execute("UPDATE api_keys SET revoked_at = now()")
    with pytest.raises(Conflict, match="was revoked"):
        await make(database)


def test_keys_are_long_random_and_known_by_their_prefix() -> None:
    keys = {new_api_key().reveal() for _ in range(100)}
    assert len(keys) == 100
    assert {key[:8] for key in keys} == {"cf_live_"}
    assert {len(key) for key in keys} == {8 + 43}
