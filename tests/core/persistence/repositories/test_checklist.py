"""What the checklist keeps: answers by release, and signatures that are never lost."""

import datetime as dt
from typing import Final

import pytest

from clientflow_core.errors import NotFound
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.checklist import (
    SignOff,
    StoredResult,
    add_sign_off,
    keep_results,
    list_results,
    list_sign_offs,
    revoke_sign_offs,
)

NOW: Final = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


def result(item_id: str, found: str = "it") -> StoredResult:
    return StoredResult(
        item_id=item_id, status="passed", found=found, expected="", hint="", checked_at=NOW
    )


async def sign(database: Database, item_id: str = "FP5") -> SignOff:
    async with database.system() as transaction:
        return await add_sign_off(
            transaction,
            item_id=item_id,
            signed_by="Ada",
            evidence="ticket 7",
            is_not_applicable=False,
            expires_at=NOW,
        )


async def test_a_run_takes_the_place_of_the_one_before_on_its_release(database: Database) -> None:
    async with database.system() as transaction:
        await keep_results(transaction, release="1", results=[result("EA1"), result("EA2")])
        await keep_results(transaction, release="2", results=[result("EA1", "other")])
        await keep_results(transaction, release="1", results=[result("EA2", "new")])
        await keep_results(transaction, release="3", results=[])
    async with database.system() as transaction:
        assert await list_results(transaction, release="1") == [result("EA2", "new")]
        assert await list_results(transaction, release="2") == [result("EA1", "other")]
        assert await list_results(transaction, release="3") == []


async def test_revoked_signature_stays_in_the_list(database: Database) -> None:
    first, second = await sign(database), await sign(database)
    other = await sign(database, "RB4")
    async with database.system() as transaction:
        count = await revoke_sign_offs(
            transaction, item_id="FP5", revoked_by="Bob", because="another build"
        )
        assert count == 2
    async with database.system() as transaction:
        listed = await list_sign_offs(transaction)
        assert [one.id for one in listed] == [other.id, second.id, first.id]
        of_item = await list_sign_offs(transaction, item_id="FP5")
    assert {(one.revoked_by, one.revoked_because) for one in of_item} == {("Bob", "another build")}
    async with database.system() as transaction:
        with pytest.raises(NotFound, match="nobody has signed FP5, or it was revoked"):
            await revoke_sign_offs(transaction, item_id="FP5", revoked_by="Bob", because="again")


async def test_signature_is_good_until_it_ends_or_is_revoked(database: Database) -> None:
    signed = await sign(database)
    assert signed.is_good(at=NOW - dt.timedelta(seconds=1))
    assert not signed.is_good(at=NOW)
