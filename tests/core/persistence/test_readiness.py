"""What is said of a database that serves, and of one that does not."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from clientflow_core.jobs.liveness import Liveness
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.readiness import (
    DatabaseReadiness,
    expected_revision,
    read_readiness,
)
from tests.core.persistence.conftest import Relay
from tests.databases import Addresses

NO_WORKER = "none is running: start clientflow worker"


@pytest.fixture
async def worker(addresses: Addresses) -> AsyncIterator[Liveness]:
    liveness = Liveness(addresses.conninfo)
    await liveness.acquire()
    yield liveness
    await liveness.release()


async def test_a_database_that_serves_is_ok(database: Database) -> None:
    assert await read_readiness(database) == DatabaseReadiness(
        database="ok", schema="ok", workers=NO_WORKER
    )


async def test_a_worker_is_seen_while_it_lives(database: Database, worker: Liveness) -> None:
    assert (await read_readiness(database)).workers == "ok"
    await worker.release()
    said = "ok"
    for _ in range(100):
        # The server notices a moment later that its client is gone.
        await asyncio.sleep(0.05)
        said = (await read_readiness(database)).workers
        if said != "ok":
            break
    assert said == NO_WORKER


@pytest.mark.parametrize(
    ("revision", "schema"),
    [
        ("0000", f"is at 0000, this release needs {expected_revision()}: run clientflow migrate"),
        # The release before goes on while the next is rolled out, and when it is taken back.
        pytest.param("9999", "ok", marks=pytest.mark.proves("RB2")),
    ],
)
async def test_a_schema_behind_the_code_is_told(
    addresses: Addresses, database: Database, revision: str, schema: str
) -> None:
    with addresses.connect() as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", [revision])
    assert (await read_readiness(database)).schema == schema


async def test_a_schema_that_went_back_to_nothing_is_told(
    addresses: Addresses, database: Database
) -> None:
    with addresses.connect() as connection:
        connection.execute("DELETE FROM alembic_version")
    assert (await read_readiness(database)).schema.startswith("is at nothing, this release needs")


async def test_a_database_that_was_never_migrated_is_told(
    addresses: Addresses, database: Database
) -> None:
    with addresses.connect() as connection:
        connection.execute("DROP TABLE alembic_version")
    assert await read_readiness(database) == DatabaseReadiness(
        database="ok", schema="missing: run clientflow migrate", workers="unknown"
    )


async def test_a_database_that_is_not_there_is_told(addresses: Addresses) -> None:
    database = Database(addresses.application.set(database="nowhere"))
    assert await read_readiness(database) == DatabaseReadiness(
        database="does not answer (OperationalError)", schema="unknown", workers="unknown"
    )
    await database.close()


async def test_a_database_that_stands_still_is_told_in_time(
    addresses: Addresses, relay: Relay
) -> None:
    database = Database(relay.of(addresses.application))
    assert (await read_readiness(database)).database == "ok"
    relay.freeze()
    began = time.monotonic()
    said = await read_readiness(database)
    took = time.monotonic() - began
    relay.thaw()
    assert said.database == "does not answer (TimeoutError)"
    assert took < 5, took
    assert (await read_readiness(database)).database == "ok"
    await database.close()
