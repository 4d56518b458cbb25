import asyncio

import pytest

from clientflow_core.jobs.schedules import Schedule, tick
from clientflow_core.persistence.database import Database
from tests.conftest import Addresses
from tests.core.jobs.conftest import LANE, NOTE, Runners, Table

HOURLY = Schedule(name="hourly", every_seconds=3_600, lane=LANE, kind="note")
DAILY = Schedule(name="daily", every_seconds=86_400, lane="other", kind="count")
SECONDLY = Schedule(name="secondly", every_seconds=1, lane=LANE, kind="note")

SLOTS = (
    "SELECT name, slot = date_bin(make_interval(secs => %s), slot, 'epoch'),"
    " now() - slot < make_interval(secs => %s) FROM scheduled_slots WHERE name = %s"
)


async def test_schedule_that_is_due_asks_for_its_job_once(database: Database, table: Table) -> None:
    for _ in range(3):
        await tick(database, [HOURLY, DAILY])

    assert table.query("SELECT lane, kind, organization_id, args FROM jobs ORDER BY lane") == [
        ("other", "count", None, {}),
        (LANE, "note", None, {}),
    ]
    assert table.query(SLOTS, 3_600, 3_600, "hourly") == [("hourly", True, True)]
    assert table.query(SLOTS, 86_400, 86_400, "daily") == [("daily", True, True)]


async def test_any_number_of_workers_ask_once_for_each_slot(
    addresses: Addresses, table: Table
) -> None:
    databases = [Database(addresses.application, pool_size=4) for _ in range(3)]

    for _ in range(6):
        await asyncio.gather(*(tick(one, [HOURLY, SECONDLY]) for one in databases * 4))
        await asyncio.sleep(0.3)

    ((slots,),) = table.query("SELECT count(*) FROM scheduled_slots")
    assert 3 <= slots <= 6
    assert table.left() == slots
    for one in databases:
        await one.close()


async def test_of_the_slots_that_were_missed_only_the_present_one_is_made_up_for(
    database: Database, table: Table
) -> None:
    await tick(database, [HOURLY])
    table.query("UPDATE scheduled_slots SET slot = slot - interval '5 hours'")

    await tick(database, [HOURLY])

    assert table.left() == 2


async def test_new_slot_wakes_its_lane(addresses: Addresses) -> None:
    woken: list[frozenset[str]] = []
    database = Database(addresses.application, wake=woken.append, pool_size=1)

    await tick(database, [HOURLY, DAILY])
    await tick(database, [HOURLY, DAILY])

    assert woken == [{LANE, "other"}]
    await database.close()


async def test_no_schedule_asks_for_nothing(database: Database, table: Table) -> None:
    await tick(database, [])

    assert table.left() == 0


async def test_slot_and_job_are_made_both_or_neither(database: Database, table: Table) -> None:
    table.query("ALTER TABLE jobs ADD CHECK (kind <> 'note')")

    with pytest.raises(Exception, match="violates check constraint"):
        await tick(database, [HOURLY])

    assert table.query("SELECT count(*) FROM scheduled_slots") == [(0,)]


async def test_running_workers_do_each_slot_once(runners: Runners, table: Table) -> None:
    for _ in range(3):
        await runners.start({"note": NOTE}, schedules=[SECONDLY])

    await asyncio.sleep(5)
    for runner in runners.started:
        await runner.stop(grace_seconds=5)

    ((slots,),) = table.query("SELECT count(*) FROM scheduled_slots")
    assert slots >= 4
    assert len(table.effects()) + table.left() == slots


def test_slot_has_a_length() -> None:
    with pytest.raises(ValueError, match="every_seconds"):
        Schedule(name="never", every_seconds=0, lane=LANE, kind="note")
