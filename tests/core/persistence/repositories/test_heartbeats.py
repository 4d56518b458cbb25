import datetime as dt

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.heartbeats import beat, list_processes
from tests.databases import Addresses


async def test_process_is_listed_as_it_showed_itself_last(database: Database) -> None:
    async with database.system() as transaction:
        await beat(transaction, process="one", kind="worker", release="0.1.0", details={})
    async with database.system() as transaction:
        await beat(transaction, process="one", kind="worker", release="0.2.0", details={})
        await beat(transaction, process="two", kind="serve", release="0.2.0", details={})

        two, one = await list_processes(transaction, seen_within_seconds=60)

    assert (one.process, one.kind, one.release) == ("one", "worker", "0.2.0")
    assert one.started_at < one.seen_at
    assert one.seen_at.utcoffset() == dt.timedelta(0)
    assert (two.process, two.kind) == ("two", "serve")
    assert two.started_at == two.seen_at


async def test_process_that_was_not_seen_lately_is_not_listed(
    database: Database, addresses: Addresses
) -> None:
    async with database.system() as transaction:
        await beat(transaction, process="old", kind="worker", release="0.1.0", details={})
        await beat(transaction, process="new", kind="worker", release="0.1.0", details={})
    with addresses.connect() as connection:
        connection.execute(
            "UPDATE heartbeats SET seen_at = now() - interval '31 s' WHERE process = 'old'"
        )

    async with database.system() as transaction:
        lately = await list_processes(transaction, seen_within_seconds=30)
        ever = await list_processes(transaction, seen_within_seconds=60)

    assert [process.process for process in lately] == ["new"]
    assert [process.process for process in ever] == ["new", "old"]
