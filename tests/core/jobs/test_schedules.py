import asyncio
import datetime as dt

import attrs
import pytest

from clientflow_core.jobs.schedules import CatchUp, Schedule, tick
from clientflow_core.persistence.database import Database
from tests.core.jobs.conftest import LANE, NOTE, Runners, Table
from tests.databases import Addresses

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


@pytest.mark.parametrize(("catch_up", "jobs"), [("once", 1), ("all", 5)])
async def test_slots_that_were_missed_are_made_up_for_as_the_schedule_says(
    database: Database, table: Table, catch_up: str, jobs: int
) -> None:
    schedule = attrs.evolve(HOURLY, catch_up=CatchUp(catch_up))
    await tick(database, [schedule])
    table.query("UPDATE scheduled_slots SET slot = slot - interval '5 hours'")
    table.query("DELETE FROM jobs")

    for _ in range(3):
        await tick(database, [schedule])

    assert table.left() == jobs
    assert table.query("SELECT count(*) FROM scheduled_slots") == [(jobs + 1,)]


async def test_each_of_all_that_were_missed_is_told_of_its_own_slot(
    database: Database, table: Table
) -> None:
    table.query("INSERT INTO scheduled_slots VALUES ('hourly', now() - interval '3 hours')")
    await tick(database, [attrs.evolve(HOURLY, catch_up=CatchUp.ALL)])
    told = table.query(
        "SELECT (args ->> 'slot')::timestamptz - date_bin('1 hour', now(), 'epoch')"
        " FROM jobs ORDER BY id"
    )
    assert told == [(dt.timedelta(hours=-hours),) for hours in (2, 1, 0)]


async def test_missed_for_ever_so_long_is_made_up_for_little_by_little(
    database: Database, table: Table
) -> None:
    schedule = attrs.evolve(SECONDLY, catch_up=CatchUp.ALL)
    table.query("INSERT INTO scheduled_slots VALUES ('secondly', now() - interval '25 minutes')")
    await tick(database, [schedule])
    assert table.left() == 1_000
    await tick(database, [schedule])
    assert table.left() >= 1_500


@pytest.mark.parametrize(("seconds_ago", "jobs"), [(3_000, 0), (5, 1)])
async def test_slot_that_is_good_only_at_its_time_is_left_out_if_it_was_missed(
    database: Database, table: Table, seconds_ago: int, jobs: int
) -> None:
    # A slot long enough that the present one began just so long ago.
    ((epoch,),) = table.query("SELECT extract(epoch FROM now())::int")
    schedule = attrs.evolve(HOURLY, every_seconds=epoch - seconds_ago, catch_up=CatchUp.SKIP)
    await tick(database, [schedule])
    assert table.left() == jobs


async def test_the_night_in_which_the_clocks_change_has_as_many_slots_as_hours(
    addresses: Addresses,
) -> None:
    """Whatever zone the server is set to: the slots are counted in UTC."""
    with addresses.connect() as connection:
        connection.execute("SET timezone = 'Europe/Berlin'")
        rows = connection.execute(
            "SELECT count(DISTINCT date_bin('1 hour', at, timestamptz 'epoch')), count(*)"
            " FROM generate_series(timestamptz '2026-10-25 00:00', '2026-10-25 23:59', '1 hour') at"
        ).fetchall()
    assert rows == [(25, 25)]


async def test_clock_of_the_server_that_goes_back_asks_for_nothing(
    database: Database, table: Table
) -> None:
    table.query("INSERT INTO scheduled_slots VALUES ('hourly', now() + interval '2 hours')")
    await tick(database, [attrs.evolve(HOURLY, catch_up=CatchUp.ALL)])
    assert table.left() == 0


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
