"""Contacts and their addresses, also where several are added at the same moment."""

import asyncio
import uuid
from contextlib import suppress

import pytest

from clientflow_core.domain.contacts import ContactPoint, ContactPointKind
from clientflow_core.errors import NotFound
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.contacts import (
    find_or_add_contact_point,
    list_contacts,
    read_contact,
)
from tests.conftest import Business, add_business
from tests.core.persistence.conftest import wait_for_locks
from tests.databases import Addresses


class Undo(Exception):
    """Ends a transaction without its effect."""


NUMBER = "+15550100123"


async def find_or_add(
    database: Database, business: Business, value: str = NUMBER, name: str | None = None
) -> tuple[ContactPoint, bool]:
    async with database.organization(business.organization_id) as transaction:
        return await find_or_add_contact_point(
            transaction, kind=ContactPointKind.PHONE, value=value, name=name
        )


async def test_a_new_address_makes_a_contact_with_its_name(
    database: Database, business: Business
) -> None:
    point, is_new = await find_or_add(database, business, name="Ann")
    assert is_new
    async with database.organization(business.organization_id) as transaction:
        contact = await read_contact(transaction, point.contact_id)
    assert (contact.name, contact.points) == ("Ann", (point,))
    assert point.kind is ContactPointKind.PHONE
    assert contact.created_at.tzinfo is not None


async def test_a_known_address_is_found_and_keeps_its_name(
    database: Database, business: Business
) -> None:
    first, _ = await find_or_add(database, business, name="Ann")
    assert await find_or_add(database, business, name="Bob") == (first, False)
    async with database.organization(business.organization_id) as transaction:
        assert (await read_contact(transaction, first.contact_id)).name == "Ann"


async def test_an_address_may_be_added_and_found_in_one_transaction(
    database: Database, business: Business
) -> None:
    async with database.organization(business.organization_id) as transaction:
        found = [
            await find_or_add_contact_point(transaction, kind=ContactPointKind.PHONE, value=NUMBER)
            for _ in range(2)
        ]
    assert [is_new for _, is_new in found] == [True, False]
    assert found[0][0] == found[1][0]


async def test_one_address_that_comes_twenty_times_at_once_makes_one_contact(
    addresses: Addresses, business: Business
) -> None:
    database = Database(addresses.application, pool_size=20)
    found = await asyncio.gather(*(find_or_add(database, business) for _ in range(20)))
    assert len({point.id for point, _ in found}) == 1
    assert sum(is_new for _, is_new in found) == 1
    async with database.organization(business.organization_id) as transaction:
        (contact,) = await list_contacts(transaction, after=None, most=10)
    assert contact.points == (found[0][0],)
    await database.close()


async def test_whoever_waits_for_an_address_that_is_then_not_added_adds_it(
    addresses: Addresses, database: Database, business: Business
) -> None:
    waiting: list[asyncio.Task[tuple[ContactPoint, bool]]] = []
    with suppress(Undo):
        async with database.organization(business.organization_id) as transaction:
            await find_or_add_contact_point(transaction, kind=ContactPointKind.PHONE, value=NUMBER)
            waiting.append(asyncio.create_task(find_or_add(database, business)))
            await asyncio.to_thread(wait_for_locks, addresses, 1)
            raise Undo
    (_, is_new) = await waiting[0]
    assert is_new


async def test_two_organizations_have_a_contact_each_at_the_same_address(
    addresses: Addresses, database: Database, business: Business
) -> None:
    other = add_business(addresses, address="+14155550199")
    ours, is_new_for_us = await find_or_add(database, business)
    theirs, is_new_for_them = await find_or_add(database, other)
    assert (is_new_for_us, is_new_for_them) == (True, True)
    assert ours.contact_id != theirs.contact_id
    async with database.organization(other.organization_id) as transaction:
        with pytest.raises(NotFound):
            await read_contact(transaction, ours.contact_id)


async def test_a_contact_that_is_not_there_is_named_in_the_error(
    database: Database, business: Business
) -> None:
    missing = new_id()
    async with database.organization(business.organization_id) as transaction:
        with pytest.raises(NotFound, match=f"no contact con_{missing.hex}"):
            await read_contact(transaction, missing)
        with pytest.raises(NotFound, match=f"con_{missing.hex}"):
            await list_contacts(transaction, after=missing, most=10)


async def list_in_pages(transaction: Transaction, most: int) -> list[uuid.UUID]:
    listed: list[uuid.UUID] = []
    while page := await list_contacts(transaction, after=listed[-1] if listed else None, most=most):
        assert len(page) <= most
        listed += [contact.id for contact in page]
    return listed


async def test_the_pages_have_every_contact_once_the_newest_first(
    database: Database, business: Business
) -> None:
    added = [(await find_or_add(database, business, f"+1555010{n:04}"))[0] for n in range(7)]
    newest_first = sorted((point.contact_id for point in added), reverse=True)
    async with database.organization(business.organization_id) as transaction:
        for most in (1, 2, 3, 7, 10):
            assert await list_in_pages(transaction, most) == newest_first, most
