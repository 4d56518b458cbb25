"""Organizations, who may act for them, and the channels by which they are reached."""

import datetime as dt

import pytest
import sqlalchemy as sa

from clientflow_core.domain.roles import Principal, Role
from clientflow_core.errors import Conflict
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.organizations import (
    add_api_key,
    add_channel,
    add_membership,
    add_organization,
    add_user,
    find_api_key,
)
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from tests.conftest import Business, add_business
from tests.databases import Addresses

HASH = b"\x00" * 32
HOUR = dt.timedelta(hours=1)


async def find(database: Database, key_hash: bytes = HASH) -> Principal | None:
    async with database.system() as transaction:
        return await find_api_key(transaction, key_hash)


async def add_key(database: Database, business: Business, key_hash: bytes = HASH) -> None:
    async with database.organization(business.organization_id) as transaction:
        await add_api_key(transaction, name="x", key_hash=key_hash, role=Role.ADMIN)


async def test_a_good_key_says_for_whom_it_acts(
    addresses: Addresses, database: Database, business: Business
) -> None:
    await add_key(database, business)
    with addresses.connect() as connection:
        row = connection.execute("SELECT id FROM api_keys").fetchone()
    assert row is not None
    principal = await find(database)
    assert principal is not None
    assert principal.organization_id == business.organization_id
    assert (principal.role, principal.api_key_id, principal.user_id) == (Role.ADMIN, row[0], None)


@pytest.mark.parametrize("key_hash", [b"", b"\x00" * 31, b"\x00" * 31 + b"\x01"])
async def test_an_unknown_key_is_for_nobody(
    database: Database, business: Business, key_hash: bytes
) -> None:
    await add_key(database, business)
    assert await find(database, key_hash) is None


@pytest.mark.parametrize(
    ("change", "is_good"),
    [
        ("expires_at = now() + interval '1 minute'", True),
        ("expires_at = now()", False),
        ("expires_at = now() - interval '1 minute'", False),
        ("revoked_at = now()", False),
        ("revoked_at = now(), expires_at = now() + interval '1 minute'", False),
    ],
)
async def test_a_key_that_has_expired_or_was_revoked_is_good_no_more(
    addresses: Addresses, database: Database, business: Business, change: str, is_good: bool
) -> None:
    await add_key(database, business)
    with addresses.connect() as connection:
        connection.execute(f"UPDATE api_keys SET {change}")
    assert (await find(database) is not None) == is_good


async def test_a_key_of_one_organization_is_not_given_to_another(
    addresses: Addresses, database: Database, business: Business
) -> None:
    await add_key(database, business)
    await add_key(database, add_business(addresses, address="+14155550199"))
    principal = await find(database)
    assert principal is not None
    assert principal.organization_id == business.organization_id


async def test_an_organization_is_made_once_for_each_slug(database: Database) -> None:
    async with database.system() as transaction:
        first = await add_organization(transaction, name="One", slug="one")
        again = await add_organization(transaction, name="Other", slug="one")
        second = await add_organization(transaction, name="Two", slug="two")
    assert (first.is_new, again.is_new, second.is_new) == (True, False, True)
    assert first.id == again.id != second.id
    async with database.organization(first.id) as transaction:
        names = await transaction.execute(sa.text("SELECT name FROM organizations"))
        assert names.scalars().all() == ["One"]


async def test_a_user_is_made_once_for_each_address_in_whatever_case(
    addresses: Addresses, database: Database
) -> None:
    async with database.system() as transaction:
        first = await add_user(transaction, email="ann@example.com", password_hash="1")
        again = await add_user(transaction, email="Ann@Example.com", password_hash="2")
    assert (first.is_new, again.is_new) == (True, False)
    assert first.id == again.id
    with addresses.connect() as connection:
        users = connection.execute("SELECT email, password_hash FROM users").fetchall()
    assert users == [("ann@example.com", "1")]


async def test_a_member_keeps_the_role_they_have(
    addresses: Addresses, database: Database, business: Business
) -> None:
    async with database.system() as transaction:
        user = await add_user(transaction, email="ann@example.com", password_hash="1")
    async with database.organization(business.organization_id) as transaction:
        for role in (Role.OWNER, Role.VIEWER):
            await add_membership(transaction, user_id=user.id, role=role)
    with addresses.connect() as connection:
        assert connection.execute("SELECT role FROM memberships").fetchall() == [("owner",)]


async def test_an_address_is_a_channel_of_one_organization(
    addresses: Addresses, database: Database, business: Business
) -> None:
    other = add_business(addresses, address="+14155550199")
    async with database.organization(business.organization_id) as transaction:
        had = await add_channel(
            transaction, provider="twilio", address=business.address, name="Again"
        )
        new = await add_channel(transaction, provider="twilio", address="+14155550111", name="New")
        elsewhere = await add_channel(
            transaction, provider="other", address=other.address, name="Elsewhere"
        )
        with pytest.raises(Conflict, match=r"\+14155550199 belongs to another organization"):
            await add_channel(transaction, provider="twilio", address=other.address, name="x")
    assert (had.id, had.is_new) == (business.channel_id, False)
    assert new.is_new
    assert elsewhere.is_new


async def test_what_changes_is_noted_for_those_who_watch(
    addresses: Addresses, database: Database, business: Business
) -> None:
    subject_id = new_id()
    async with database.organization(business.organization_id) as transaction:
        await add_stream_event(transaction, "message.received", subject_id)
    with addresses.connect() as connection:
        noted = connection.execute("SELECT organization_id, kind, subject_id FROM stream_events")
        assert noted.fetchall() == [(business.organization_id, "message.received", subject_id)]
