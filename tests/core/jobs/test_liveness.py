import os
import signal

import psycopg
import pytest

from clientflow_core.jobs import liveness as liveness_module
from clientflow_core.jobs.liveness import Liveness
from clientflow_core.persistence.repositories.jobs import LIVENESS_LOCKS
from tests.core.jobs.conftest import Table
from tests.databases import Addresses

LOCKS = (
    "SELECT objid::int FROM pg_locks JOIN pg_database ON pg_database.oid = database"
    " WHERE classid = %s AND objsubid = 2 AND datname = current_database() ORDER BY 1"
)
BACKEND = "SELECT pid FROM pg_locks WHERE classid = %s AND objid = %s"


async def test_each_worker_has_a_number_of_its_own_and_a_lock_on_it(
    addresses: Addresses, table: Table
) -> None:
    one, two = Liveness(addresses.conninfo), Liveness(addresses.conninfo)

    numbers = [await one.acquire(), await two.acquire()]

    assert len(set(numbers)) == 2
    assert [row[0] for row in table.query(LOCKS, LIVENESS_LOCKS)] == sorted(numbers)
    assert await one.is_held()
    await one.release()
    assert table.query(LOCKS, LIVENESS_LOCKS) == [(two.worker,)]
    await two.release()


async def test_lost_lock_is_noticed_and_the_next_number_is_another(
    addresses: Addresses, table: Table
) -> None:
    liveness = Liveness(addresses.conninfo)
    first = await liveness.acquire()
    table.query(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE classid = %s AND objid = %s",
        *(LIVENESS_LOCKS, first),
    )

    assert not await liveness.is_held()
    assert liveness.worker is None
    assert await liveness.acquire() != first
    assert await liveness.is_held()
    await liveness.release()


async def test_server_that_does_not_answer_is_as_good_as_gone(
    addresses: Addresses, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness_module, "_ANSWER_SECONDS", 0.2)
    liveness = Liveness(addresses.conninfo)
    number = await liveness.acquire()
    ((backend,),) = table.query(BACKEND, LIVENESS_LOCKS, number)

    os.kill(backend, signal.SIGSTOP)
    try:
        assert not await liveness.is_held()
    finally:
        os.kill(backend, signal.SIGCONT)

    assert liveness.worker is None


async def test_without_a_number_nothing_is_held(addresses: Addresses) -> None:
    liveness = Liveness(addresses.conninfo)

    assert not await liveness.is_held()
    await liveness.release()


async def test_number_that_cannot_be_locked_leaves_no_connection(
    addresses: Addresses, table: Table
) -> None:
    table.query("DROP SEQUENCE worker_numbers")
    liveness = Liveness(addresses.conninfo)

    with pytest.raises(psycopg.errors.UndefinedTable):
        await liveness.acquire()

    assert liveness.worker is None
    assert not await liveness.is_held()
