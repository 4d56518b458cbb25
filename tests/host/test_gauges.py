"""What is looked up each time that somebody takes the metrics."""

from prometheus_client.parser import text_string_to_metric_families

from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.release import release
from tests.host.conftest import Host, database_away


async def read(host: Host) -> dict[tuple[str, ...], float]:
    """Take the metrics; gives each value by its name and the values of its labels."""
    text = (await host.bare("GET", "/metrics")).body
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_what_is_needed_is_told_to_be_there(host: Host, worker: None) -> None:
    found = await read(host)
    up = {key[1]: value for key, value in found.items() if key[0] == "clientflow_dependency_up"}
    assert up == {"database": 1, "worker": 1, "twilio": 1}
    assert found["clientflow_provider_state", "twilio", "not_opened"] == 1
    assert found["clientflow_release_info", release()] == 1


async def test_without_a_worker_that_is_told(host: Host) -> None:
    assert (await read(host))["clientflow_dependency_up", "worker"] == 0


async def test_provider_that_is_left_alone_is_in_that_one_state(host: Host) -> None:
    host.assembly.registry.lifecycles()["twilio"].refuse("no")
    found = await read(host)
    assert found["clientflow_dependency_up", "twilio"] == 0
    states = [key for key in found if key[0] == "clientflow_provider_state"]
    assert states == [("clientflow_provider_state", "twilio", "auth_failed")]


async def test_lag_and_dead_jobs_are_those_of_each_lane(host: Host) -> None:
    host.rows(
        "INSERT INTO jobs (lane, kind, args, run_at, dead_at) VALUES"
        " ('inbound', 'x', '{}', now() - interval '90 s', NULL),"
        " ('inbound', 'x', '{}', now() - interval '30 s', NULL),"
        " ('outbound', 'x', '{}', now() + interval '1 h', NULL),"
        " ('outbound', 'x', '{}', now() - interval '1 h', now())"
    )
    found = await read(host)
    assert 90 <= found["clientflow_job_lag_seconds", "inbound"] < 100
    assert found["clientflow_job_lag_seconds", "outbound"] == 0
    assert found["clientflow_dead_jobs", "inbound"] == 0
    assert found["clientflow_dead_jobs", "outbound"] == 1


async def test_without_its_database_a_process_still_tells_of_itself(
    host: Host, server: EmbeddedPostgres
) -> None:
    assert ("clientflow_job_lag_seconds", "inbound") in await read(host)
    with database_away(server, host.addresses):
        found = await read(host)
    assert found["clientflow_dependency_up", "database"] == 0
    # What cannot be looked up is not told as it was before.
    assert ("clientflow_job_lag_seconds", "inbound") not in found
    assert ("clientflow_dependency_up", "worker") not in found


async def test_runs_of_jobs_are_counted(host: Host, worker: None) -> None:
    done = ("clientflow_jobs_total", "inbound", "done")
    before = (await read(host)).get(done, 0)
    await host.conversation()
    assert (await read(host))[done] == before + 1
