"""The records of providers: in the database and in memory they behave the same."""

import asyncio
import uuid
from typing import Any

import pytest

from clientflow_core.errors import EditConflict, InvalidInput, PluginError
from clientflow_core.ids import new_id
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.records import StoredRecordStore
from clientflow_core.providers.records import MemoryRecordStore, OnlyRecords, Records, RecordStore
from tests.conftest import add_business
from tests.databases import Addresses

OTHER = uuid.UUID(int=2)


@pytest.fixture
def ours(addresses: Addresses) -> uuid.UUID:
    return add_business(addresses, address="+1").organization_id


@pytest.fixture(params=["memory", "stored"])
def store(request: pytest.FixtureRequest, database: Database) -> RecordStore:
    if request.param == "memory":
        return MemoryRecordStore()
    return StoredRecordStore(database, "sms")


@pytest.fixture
def records(store: RecordStore, ours: uuid.UUID) -> Records:
    return store.of(ours)


async def keys(records: Records, **how: Any) -> list[str]:
    return [record.key for record in await records.list("c", **how)]


async def test_what_was_put_is_got_and_changes_its_version(records: Records) -> None:
    assert await records.get("c", "k") is None
    first = await records.put("c", "k", {"token": [1, None, "é"]})
    assert await records.get("c", "k") == first
    assert (first.key, first.value) == ("k", {"token": [1, None, "é"]})
    second = await records.put("c", "k", "another")
    assert second.version > first.version
    found = await records.get("c", "k")
    assert found is not None
    assert found.value == "another"


async def test_a_change_of_what_somebody_else_has_changed_is_refused(records: Records) -> None:
    first = await records.put("c", "k", 1, if_version=0)
    second = await records.put("c", "k", 2, if_version=first.version)
    for version in (0, first.version, second.version + 1):
        with pytest.raises(EditConflict, match="'k'"):
            await records.put("c", "k", 3, if_version=version)
    with pytest.raises(EditConflict):
        await records.put("c", "nowhere", 3, if_version=second.version)
    with pytest.raises(EditConflict):
        await records.delete("c", "k", if_version=first.version)
    found = await records.get("c", "k")
    assert found is not None
    assert found.value == 2


async def test_of_many_who_change_the_same_version_one_wins(records: Records) -> None:
    first = await records.put("c", "k", 0)
    outcomes = await asyncio.gather(
        *(records.put("c", "k", number, if_version=first.version) for number in range(5)),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, EditConflict)]
    assert len(refused) == 4
    outcomes = await asyncio.gather(
        *(records.put("c", "new", number, if_version=0) for number in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, EditConflict) for outcome in outcomes) == 4


async def test_what_was_deleted_is_gone_and_its_versions_do_not_come_back(
    records: Records,
) -> None:
    first = await records.put("c", "k", 1)
    assert await records.delete("c", "k", if_version=first.version)
    assert await records.get("c", "k") is None
    assert not await records.delete("c", "k")
    again = await records.put("c", "k", 2)
    assert again.version > first.version


async def test_lists_are_in_order_and_go_on_after_a_key(records: Records) -> None:
    for key in ("b", "a%", "a_", "aé", "B", "ab"):
        await records.put("c", key, key)
    await records.put("other", "a", 1)
    assert await keys(records) == ["B", "a%", "a_", "ab", "aé", "b"]
    assert await keys(records, prefix="a") == ["a%", "a_", "ab", "aé"]
    assert await keys(records, prefix="a_") == ["a_"]
    assert await keys(records, prefix="a", after="a_", most=1) == ["ab"]


async def test_what_cannot_be_kept_is_refused(records: Records) -> None:
    for key in ("", "x" * 201, "a\x00"):
        with pytest.raises(InvalidInput):
            await records.put("c", key, 1)
        with pytest.raises(InvalidInput):
            await records.get(key, "k")
    for value in (float("nan"), object(), "\x00", "x" * 70_000):
        with pytest.raises(InvalidInput):
            await records.put("c", "k", value)
    with pytest.raises(InvalidInput):
        await records.list("c", most=0)
    assert await keys(records) == []


async def test_a_value_is_not_changed_by_who_holds_it(records: Records) -> None:
    value = {"a": 1}
    await records.put("c", "k", value)
    value["a"] = 2
    found = await records.get("c", "k")
    assert found is not None
    assert found.value == {"a": 1}


async def test_organizations_and_providers_keep_apart(
    database: Database, addresses: Addresses, ours: uuid.UUID
) -> None:
    theirs = add_business(addresses, address="+2").organization_id
    sms, fax = StoredRecordStore(database, "sms"), StoredRecordStore(database, "fax")
    await sms.of(ours).put("c", "k", "ours")
    for other in (sms.of(theirs), fax.of(ours), sms.of(new_id())):
        assert await other.get("c", "k") is None
        assert await other.list("c") == []
        assert not await other.delete("c", "k")
    await sms.of(theirs).put("c", "k", "theirs", if_version=0)
    found = await sms.of(ours).get("c", "k")
    assert found is not None
    assert found.value == "ours"


def test_who_was_opened_for_one_organization_gets_no_others_records() -> None:
    bound = OnlyRecords(MemoryRecordStore(), uuid.UUID(int=1))
    assert bound.of(uuid.UUID(int=1)) is bound.store.of(uuid.UUID(int=1))
    with pytest.raises(PluginError, match="records of another"):
        bound.of(OTHER)
