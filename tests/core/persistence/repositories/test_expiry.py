"""What nobody asks for any more goes, of all organizations; what is still needed stays."""

import pytest

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.expiry import purge
from tests.conftest import Addresses, Business, add_business

# For each table: how to add a row of some age, and how old the row may be, in hours.
ROWS = {
    "idempotency_keys": (
        (
            "INSERT INTO idempotency_keys"
            " SELECT id, 'POST /', gen_random_uuid(), '', 200, '', now() - %s * interval '1 hour'"
            " FROM organizations"
        ),
        48,
    ),
    "stream_events": (
        (
            "INSERT INTO stream_events (organization_id, kind, subject_id, created_at)"
            " SELECT id, 'x', id, now() - %s * interval '1 hour' FROM organizations"
        ),
        1,
    ),
    "heartbeats": (
        (
            "INSERT INTO heartbeats SELECT gen_random_uuid(), 'worker', '1', now(),"
            " now() - %s * interval '1 hour' FROM organizations"
        ),
        24,
    ),
    "scheduled_slots": (
        (
            "INSERT INTO scheduled_slots SELECT id, now() - a.hours * interval '1 hour',"
            " now() - a.hours * interval '1 hour' FROM organizations, (VALUES (%s)) AS a (hours)"
        ),
        7 * 24,
    ),
}


@pytest.fixture(autouse=True)
def other(addresses: Addresses, business: Business) -> Business:
    """A second organization, with things of its own that expire."""
    return add_business(addresses, address="+14155550199")


def add(addresses: Addresses, table: str, hours: float) -> None:
    """Add one row of this age for each of the two organizations."""
    with addresses.connect() as connection:
        connection.execute(ROWS[table][0].encode(), [hours])


def left(addresses: Addresses, table: str) -> int:
    with addresses.connect() as connection:
        row = connection.execute(f"SELECT count(*)::int FROM {table}").fetchone()
    assert row is not None
    return int(str(row[0]))


async def run(database: Database, most: int = 100) -> int:
    async with database.system() as transaction:
        return await purge(transaction, most=most)


@pytest.mark.parametrize("table", sorted(ROWS))
async def test_what_is_old_goes_and_what_is_young_stays(
    addresses: Addresses, database: Database, table: str
) -> None:
    _, longest = ROWS[table]
    for hours in (longest + 0.1, longest - 0.1, 0):
        add(addresses, table, hours)
    assert await run(database) == 2
    assert left(addresses, table) == 4
    assert await run(database) == 0


@pytest.mark.parametrize("table", sorted(ROWS))
async def test_no_more_goes_at_once_than_was_asked_for(
    addresses: Addresses, database: Database, table: str
) -> None:
    for hours in (1_001, 1_002, 1_003, 0):
        add(addresses, table, hours)
    assert [await run(database, most=4) for _ in range(3)] == [4, 2, 0]
    assert left(addresses, table) == 2


async def test_the_newest_slot_of_a_schedule_stays_however_old(
    addresses: Addresses, database: Database
) -> None:
    """Without it the schedule would be due."""
    for hours in (1_000, 2_000):
        add(addresses, "scheduled_slots", hours)
    assert await run(database) == 2
    with addresses.connect() as connection:
        rows = connection.execute(
            "SELECT now() - slot < interval '1500 hours' FROM scheduled_slots"
        )
        assert rows.fetchall() == [(True,), (True,)]
