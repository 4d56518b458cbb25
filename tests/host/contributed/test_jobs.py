"""A plugin's jobs and schedules, in the worker."""

from types import ModuleType

import pytest

from clientflow_core.contributions.context import Asking
from clientflow_core.jobs.schedules import tick
from clientflow_host.plugin_work import plugin_lanes, plugin_schedules
from clientflow_host.worker import job_handlers, working
from tests.host.conftest import Host, until
from tests.host.contributed.conftest import jobs

# What a worker holds is left alone, and locks are not waited for: the worker is in our own loop.
_DUE = """
    UPDATE jobs SET run_at = now() WHERE id IN (
        SELECT id FROM jobs WHERE last_error IS NOT NULL AND claimed_by IS NULL
        FOR UPDATE SKIP LOCKED)
"""


async def test_job_is_done_for_its_organization_and_asks_for_the_next(
    working_host: Host, acme: ModuleType
) -> None:
    assert (await working_host.post("/x/acme/orders/o7", {"amount": 1})).status == 200
    await working_host.quiet()
    ours = working_host.ours.id
    assert ("ship", ours, {"order_id": "o7"}, 1) in acme.SEEN
    assert ("bill", ours, {"order_id": "o7"}) in acme.SEEN


async def test_job_that_fails_is_tried_again_and_then_given_up(
    working_host: Host, acme: ModuleType
) -> None:
    acme.FAILING.add("ship")
    await working_host.post("/x/acme/orders/o7", {"amount": 1})

    async def is_dead() -> bool:
        working_host.rows(_DUE)
        return working_host.rows("SELECT 1 FROM jobs WHERE dead_at IS NOT NULL") != []

    await until(is_dead)
    rows = working_host.rows("SELECT kind, attempts, last_error FROM jobs WHERE kind ~ '^acme'")
    assert rows == [("acme.ship", 2, "ValueError")]
    assert acme.SEEN.count("ship") == 2
    assert not [one for one in acme.SEEN if one[0] == "bill"]


async def test_schedule_is_done_once_for_a_slot_with_the_attempts_of_its_job(
    host: Host, acme: ModuleType
) -> None:
    schedules = plugin_schedules(host.assembly.registry.plugins)
    for _ in range(3):
        await tick(host.assembly.database, schedules)
    assert jobs(host) == [("plugin.acme", "acme.tidy", {}, 3)]
    async with working(host.assembly):
        await host.quiet()
    assert [one for one in acme.SEEN if one[0] == "tidy"] == [("tidy", None, {}, "acme")]


async def test_lane_is_the_plugins_own_and_plugins_without_work_have_none(
    host: Host, acme: ModuleType
) -> None:
    plugins = host.assembly.registry.plugins
    assert [plugin.name for plugin in plugins] == ["acme", "twilio"]
    assert list(plugin_lanes(plugins)) == ["plugin.acme"]
    kinds = {kind for kind in job_handlers(host.assembly) if "." in kind}
    assert kinds == {"acme.ship", "acme.bill", "acme.tidy", "acme.on_event.ear"}


@pytest.mark.parametrize("args", [{"order_id": "x" * 201}, {"order_id": 3}])
async def test_arguments_are_short_texts(
    args: dict[str, str], host: Host, acme: ModuleType
) -> None:
    asking = Asking(frozenset({"ship"}))
    with pytest.raises(ValueError, match="'order_id' of a job must be an id or a code"):
        asking.ask("ship", args, delay_seconds=0)
    with pytest.raises(LookupError, match="no job 'shop'"):
        asking.ask("shop", {}, delay_seconds=0)
    assert asking.jobs == []
