import asyncio
import contextlib

import pytest
from structlog.testing import capture_logs

from clientflow_core import failpoints
from clientflow_core.jobs import loops as loops_module
from clientflow_core.jobs import runner as runner_module
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import JobRun, ProviderJob
from clientflow_core.jobs.liveness import Liveness
from clientflow_core.jobs.runner import JobRunner
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.jobs import LIVENESS_LOCKS
from tests.core.jobs.conftest import (
    LANE,
    NOTE,
    NOTE_IN_STEPS,
    Gate,
    OwnServer,
    Runners,
    Table,
    until,
)
from tests.databases import Addresses

LOCK = b"LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"


async def test_work_that_is_there_is_done(runners: Runners, table: Table) -> None:
    ids = table.add(count=120)

    await runners.start({"note": NOTE})
    await until(lambda: table.left() == 0)

    assert table.effects() == ids


async def test_wake_up_finds_new_work_before_the_sweep_does(
    runners: Runners, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_SWEEP_SECONDS", 60)
    runner = await runners.start({"note": NOTE})
    await asyncio.sleep(0.2)
    ids = table.add()

    runner.wake([LANE, "a lane of somebody else"])
    await until(lambda: table.effects() == ids, seconds=2)


async def test_work_that_nobody_told_of_is_found_by_the_sweep(
    runners: Runners, table: Table
) -> None:
    await runners.start({"note": NOTE})
    await asyncio.sleep(0.2)

    ids = table.add()
    await until(lambda: table.effects() == ids, seconds=3)


async def test_worker_that_begins_takes_over_from_the_dead_at_once(
    runners: Runners, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_SWEEP_SECONDS", 60)
    ids = table.add()
    table.query("UPDATE jobs SET claimed_by = 999999, run_at = now() + interval '1 minute'")

    await runners.start({"note": NOTE})

    await until(lambda: table.effects() == ids, seconds=20)


async def test_never_more_jobs_run_than_the_lane_has_places(runners: Runners, table: Table) -> None:
    table.add("count", count=40)
    running, most = 0, 0

    async def count(run: JobRun) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        async with run.last_transaction():
            pass

    await runners.start({"count": ProviderJob(handle=count)}, slots=7)
    await until(lambda: table.left() == 0)

    assert 5 <= most <= 7


async def test_slow_calls_do_not_keep_the_other_places_empty(
    runners: Runners, table: Table
) -> None:
    gate = Gate()
    slow = table.add("slow", count=9)
    await runners.start({"slow": gate.kind, "note": NOTE}, slots=10)
    await until(lambda: len(gate.begun) == 9)

    ids = table.add("note", count=5)
    await until(lambda: table.effects() == ids, seconds=4)

    gate.opened.set()
    await until(lambda: table.effects() == slow + ids)


async def test_stopping_lets_what_runs_finish(runners: Runners, table: Table) -> None:
    gate = Gate()
    ids = table.add("slow", count=3)
    runner = await runners.start({"slow": gate.kind})
    await until(lambda: len(gate.begun) == 3)

    stopping = asyncio.create_task(runner.stop(grace_seconds=10))
    await asyncio.sleep(0.1)
    late = table.add("slow")
    gate.opened.set()
    await stopping

    assert table.effects() == ids
    assert table.job(late[0])["attempts"] == 0
    assert not runner.is_claiming


async def test_what_takes_longer_than_the_grace_is_given_back_at_once(
    runners: Runners, table: Table
) -> None:
    gate = Gate()
    (job_id,) = table.add("slow")
    runner = await runners.start({"slow": gate.kind})
    await until(lambda: gate.begun)

    await runner.stop(grace_seconds=0.1)

    row = table.job(job_id)
    assert (row["attempts"], row["claimed_by"], row["last_error"]) == (1, None, None)
    assert row["due_in_seconds"] <= 0
    assert table.effects() == []


async def test_what_runs_during_the_grace_is_still_kept_from_others(
    runners: Runners, table: Table
) -> None:
    gate = Gate()
    (job_id,) = table.add("slow")
    runner = await runners.start({"slow": gate.kind}, visibility_seconds=6)
    await until(lambda: gate.begun)

    stopping = asyncio.create_task(runner.stop(grace_seconds=20))
    for _ in range(14):
        await asyncio.sleep(0.5)
        assert table.job(job_id)["due_in_seconds"] > 0
    gate.opened.set()
    await stopping

    assert table.effects() == [job_id]


async def test_job_that_does_not_even_end_when_cancelled_holds_up_no_stop(
    runners: Runners, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_CANCEL_SECONDS", 0.2)
    (job_id,) = table.add("stubborn")
    end = asyncio.Event()
    ended = asyncio.Event()

    async def refuse(_: JobRun) -> None:
        while not end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await end.wait()
        ended.set()

    runner = await runners.start({"stubborn": ProviderJob(handle=refuse)})
    await until(lambda: table.job(job_id)["claimed_by"])
    async with asyncio.timeout(3):
        await runner.stop(grace_seconds=0)

    assert table.job(job_id)["claimed_by"] is None
    end.set()
    await ended.wait()
    await asyncio.sleep(0.1)


async def test_stopping_without_a_database_says_so_and_ends(runners: Runners, table: Table) -> None:
    (job_id,) = table.add("slow")
    gate = Gate()
    runner = await runners.start({"slow": gate.kind})
    await until(lambda: gate.begun)
    await table.change("REVOKE SELECT, UPDATE ON jobs FROM clientflow_app")

    with capture_logs() as logs:
        await runner.stop(grace_seconds=0)

    assert "jobs_not_released" in [entry["event"] for entry in logs]
    await table.change("GRANT SELECT, UPDATE ON jobs TO clientflow_app")
    await runners.start({"slow": NOTE_IN_STEPS})
    await until(lambda: table.effects() == [job_id], seconds=4)


async def test_runner_that_never_started_can_be_stopped(runners: Runners) -> None:
    runner = runners.make({})

    assert not runner.is_claiming
    await runner.stop(grace_seconds=1)


async def test_jobs_of_a_worker_that_is_gone_are_done_by_another(
    runners: Runners, table: Table
) -> None:
    ids = table.add(count=3)
    table.query("UPDATE jobs SET claimed_by = 999, attempts = 1, run_at = now() + interval '60 s'")

    await runners.start({"note": NOTE})
    await until(lambda: table.effects() == ids, seconds=4)


async def test_job_that_is_claimed_again_by_its_own_worker_has_one_effect(
    runners: Runners, table: Table
) -> None:
    (job_id,) = table.add("slow")
    gates = [Gate(), Gate()]
    begun = iter(gates)

    async def wait(run: JobRun) -> None:
        await next(begun).handle(run)

    runner = await runners.start({"slow": ProviderJob(handle=wait)}, visibility_seconds=6)
    await until(lambda: gates[0].begun)
    # As after a long stall of this process: its own time is over before its sweep comes.
    while not gates[1].begun:
        await table.change("UPDATE jobs SET run_at = now() - interval '1 s'")
        runner.wake([LANE])
        await asyncio.sleep(0.1)

    gates[0].opened.set()
    # For longer than a claim lasts that no sweep prolongs; a busy machine may miss some of them.
    for _ in range(14):
        await asyncio.sleep(0.5)
        assert table.job(job_id)["due_in_seconds"] > 0, "the second run is left to others"
    assert table.effects() == []
    gates[1].opened.set()
    await until(lambda: table.left() == 0)

    assert table.effects() == [job_id]


async def test_lost_lock_means_a_new_number_and_no_double_effect(
    runners: Runners, table: Table
) -> None:
    gate = Gate()
    ids = table.add("slow", count=4)
    runner = await runners.start({"slow": gate.kind, "note": NOTE}, slots=20)
    await until(lambda: len(gate.begun) == 4)
    old = table.job(ids[0])["claimed_by"]
    # Not in the middle of the first sweep, which would free them for the old number once more.
    await asyncio.sleep(0.3)

    with capture_logs() as logs:
        table.query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE classid = %s AND objid = %s",
            *(LIVENESS_LOCKS, old),
        )
        # The old runs still wait at the gate while the jobs are begun again under the new number.
        await until(lambda: len(gate.begun) == 8)
        assert table.job(ids[0])["claimed_by"] != old
        gate.opened.set()
        await until(lambda: table.left() == 0)
        await asyncio.sleep(0.2)

    assert table.effects() == ids
    events = [entry["event"] for entry in logs]
    assert events.count("job_taken_over") == 4
    assert events.count("worker_number_renewed") == 1
    assert runner.is_claiming


async def test_terminated_connections_are_made_again(runners: Runners, table: Table) -> None:
    runner = await runners.start({"note": NOTE})
    ids = table.add(count=60)
    await until(lambda: table.left() == 0)

    table.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'clientflow_app'"
    )
    ids += table.add(count=60)
    await until(lambda: table.left() == 0)

    assert table.effects() == ids
    await until(lambda: runner.is_claiming)


async def test_claims_that_fail_are_told_of_once_and_go_on(
    runners: Runners, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops_module, "_PAUSE_AFTER_ERROR_SECONDS", 0.05)
    with capture_logs() as logs:
        runner = await runners.start({"note": NOTE})
        await table.change("ALTER TABLE jobs RENAME TO away")
        await asyncio.sleep(2)
        assert runner.is_claiming
        await table.change("ALTER TABLE away RENAME TO jobs")
        ids = table.add()
        await until(lambda: table.effects() == ids)
        await until(lambda: [e["event"] for e in logs].count("worker_works_again") == 2)

    told = [entry for entry in logs if entry["event"] == "worker_fails"]
    assert sorted(entry["at"] for entry in told) == ["claim:tests", "sweep"]
    assert all("UndefinedTable" in str(entry["exc_info"]) for entry in told)


async def test_fault_of_our_own_in_a_loop_is_told_of_and_the_loop_goes_on(
    runners: Runners, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops_module, "_PAUSE_AFTER_ERROR_SECONDS", 0.05)
    monkeypatch.setattr(failpoints, "_active", {"jobs.claimed": failpoints._Failpoint("raise")})
    with capture_logs() as logs:
        runner = await runners.start({"note": NOTE})
        # It stays claimed until its visibility ends.
        table.add()
        await until(lambda: any(entry["event"] == "worker_fails" for entry in logs))
        monkeypatch.setattr(failpoints, "_active", {})
        ids = table.add()
        await until(lambda: table.effects() == ids)

    (told,) = [entry for entry in logs if entry["event"] == "worker_fails"]
    assert isinstance(told["exc_info"], failpoints.FailpointHit)
    assert runner.is_claiming


async def test_claim_that_hangs_is_given_up_and_made_again(
    runners: Runners, table: Table, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops_module, "_STEP_SECONDS", 0.5)
    with capture_logs() as logs:
        await runners.start({"note": NOTE})
        ids = table.add()
        with addresses.connect() as connection, connection.transaction():
            await asyncio.to_thread(connection.execute, LOCK)
            await until(
                lambda: {entry.get("at") for entry in logs} >= {"claim:tests", "sweep"}, seconds=5
            )
        await until(lambda: table.effects() == ids)

    assert {entry["error"] for entry in logs if entry["event"] == "worker_fails"} == {
        "TimeoutError"
    }


async def test_group_that_ends_in_an_unforeseen_way_gives_its_places_back(
    runners: Runners, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.add(count=3)

    async def fall(_: Execution, __: object) -> None:
        raise ZeroDivisionError

    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(Execution, "run", fall)
        await runners.start({"note": NOTE}, slots=3)
        await until(lambda: any(entry["event"] == "jobs_abandoned" for entry in logs))

    await table.change("UPDATE jobs SET run_at = now()")
    await until(lambda: table.left() == 0, seconds=4)


async def test_poison_that_kills_workers_dies_and_the_others_live(
    runners: Runners, table: Table
) -> None:
    """What is left of a batch whose worker died at every attempt but the last."""
    (poison,) = table.add("note", attempts=14)
    others = table.add("note", attempts=5, count=3)

    await runners.start({"note": NOTE})
    await until(lambda: table.left() == 1)

    assert table.effects() == others
    assert table.job(poison)["last_error"] == "too_many_attempts"


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(name="lane", every_seconds=60, lane="elsewhere", kind="note"),
        Schedule(name="kind", every_seconds=60, lane=LANE, kind="unknown"),
    ],
    ids=["lane", "kind"],
)
async def test_schedule_that_nobody_would_serve_is_refused(
    runners: Runners, schedule: Schedule
) -> None:
    with pytest.raises(ValueError, match=schedule.name):
        runners.make({"note": NOTE}, schedules=[schedule])


async def test_restart_of_the_database_heals_by_itself(own_server: OwnServer) -> None:
    table = own_server.table
    database = Database(table.addresses.application, pool_size=5)
    runner = JobRunner(
        database,
        Liveness(table.addresses.conninfo),
        handlers={"note": NOTE, "steps": NOTE_IN_STEPS},
        lanes={LANE: 20},
    )
    await runner.start()
    ids = table.add(count=200) + table.add("steps", count=50)
    await until(lambda: len(table.effects()) > 20)

    await own_server.stop()
    await until(lambda: not runner.is_claiming, seconds=5)
    await own_server.start()

    # A run that the restart cut off comes again within seconds.
    await until(lambda: table.left() == 0, seconds=20)
    assert table.effects() == ids
    assert runner.is_claiming
    await runner.stop(grace_seconds=5)
    await database.close()
