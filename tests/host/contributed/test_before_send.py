"""What plugins may do to a message before a provider has seen it."""

import sys
from types import ModuleType
from typing import Any

import pytest
from structlog.testing import capture_logs

from clientflow_core.domain.jobs import OUTBOUND
from clientflow_core.jobs.handlers import JobRun
from clientflow_core.persistence.repositories.jobs import claim_jobs
from clientflow_core.registry.bound import send_steps
from clientflow_core.services.prepare_message import prepare_message
from clientflow_host.assembly import assemble
from clientflow_host.worker import working
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.core.registry.conftest import Install
from tests.host.conftest import Host
from tests.host.contributed.conftest import HEAD, told
from tests.texts import CLIENT

# Each step does what ORDERS says of it; one of which it says nothing leaves the message alone.
STEPS = (
    HEAD
    + """
ORDERS = {}

def step(phase):
    async def handle(draft: Draft, context: PluginContext) -> Draft | Reject | None:
        SEEN.append((phase, draft.body))
        order = ORDERS.get(phase)
        match order:
            case None:
                return None
            case "fail":
                raise ValueError("it was asked to fail")
            case "hang":
                await asyncio.sleep(60)
            case "reject":
                return Reject(code="quiet_hours", reason="nobody is written to at night")
            case "redirect":
                return attrs.evolve(draft, recipient="+14155550199")
            case "junk":
                return "junk"
            case "exit":
                sys.exit(1)
            case _:
                return attrs.evolve(draft, body=draft.body + order)

    return SendStep(name=phase, phase=phase, handle=handle, deadline_seconds=1.0)

class Acme(Hooks):
    @hookimpl
    def clientflow_before_send(self):
        return [step("compliance"), step("transform"), step("enrich"), step("validate")]

plugin = Acme()
"""
)
PHASES = ["validate", "enrich", "transform", "compliance"]


@pytest.fixture
def body() -> str:
    """The code of the plugin."""
    return STEPS


async def send(host: Host, sandbox: TwilioSandbox, *, until: str = "delivered") -> Any:
    """Answer a client, and give the message when it is in a state."""
    conversation = await host.conversation()
    answer = await host.post(f"/conversations/{conversation['id']}/messages", {"body": "Yes."})
    assert answer.status == 202
    return await host.message_in(until, answer.body["id"])


def texts(sandbox: TwilioSandbox) -> list[str]:
    """Give what has reached the client."""
    return [one["body"] for one in sandbox.state()["messages"] if one["to"] == CLIENT]


async def test_message_passes_the_phases_in_order_and_is_kept_as_it_was_sent(
    working_host: Host, acme: ModuleType, sandbox: TwilioSandbox
) -> None:
    acme.ORDERS.update(enrich=" Bye", transform="!")
    message = await send(working_host, sandbox)
    bodies = ["Yes.", "Yes.", "Yes. Bye", "Yes. Bye!"]
    assert list(zip(PHASES, bodies, strict=True)) == acme.SEEN
    assert texts(sandbox) == [message["body"]] == ["Yes. Bye!"]


@pytest.mark.parametrize("order", ["fail", "hang", "redirect", "junk", "exit", "x" * 1600])
async def test_step_that_fails_is_skipped_and_named_in_the_log(
    order: str,
    working_host: Host,
    acme: ModuleType,
    sandbox: TwilioSandbox,
) -> None:
    acme.ORDERS.update(validate=" Bye", transform=order)
    with capture_logs() as logs:
        await send(working_host, sandbox)
    assert texts(sandbox) == ["Yes. Bye"]
    said = told(logs, "before_send_failed")
    assert "the step 'transform' of the plugin 'acme' of acme-dist 1.2" in said


@pytest.mark.parametrize("order", ["fail", "hang", "redirect", "junk", "exit"])
async def test_failure_in_the_phase_of_compliance_rejects_the_message(
    order: str, working_host: Host, acme: ModuleType, sandbox: TwilioSandbox
) -> None:
    acme.ORDERS.update(compliance=order)
    message = await send(working_host, sandbox, until="failed")
    assert message["error_code"] == "acme.before_send_failed"
    assert "the plugin 'acme' of acme-dist 1.2 rejected it" in message["error_detail"]
    assert "'compliance' failed" in message["error_detail"]
    assert texts(sandbox) == []
    await working_host.quiet()


@pytest.mark.parametrize("phase", PHASES)
async def test_reject_of_any_phase_rejects_the_message_with_code_and_plugin(
    phase: str, working_host: Host, acme: ModuleType, sandbox: TwilioSandbox
) -> None:
    acme.ORDERS[phase] = "reject"
    message = await send(working_host, sandbox, until="failed")
    assert message["error_code"] == "acme.quiet_hours"
    assert message["error_detail"] == (
        "the plugin 'acme' of acme-dist 1.2 rejected it: nobody is written to at night"
    )
    assert message["attempts"] == []
    assert [one[0] for one in acme.SEEN] == PHASES[: PHASES.index(phase) + 1]
    assert texts(sandbox) == []


async def test_message_passes_once_however_often_it_is_tried(
    working_host: Host, acme: ModuleType, sandbox: TwilioSandbox
) -> None:
    acme.ORDERS.update(transform="!")
    await working_host.conversation()
    url = f"{sandbox.base_url}/_control/faults"
    fault = {"calls": 1, "answer": "429", "retry_after_seconds": 1, "spares_reading": True}
    async with working_host.http.post(url, json=fault) as answer:
        assert answer.status == 200, await answer.text()
    message = await send(working_host, sandbox)
    assert len(message["attempts"]) == 2
    assert len(acme.SEEN) == 4
    assert texts(sandbox) == ["Yes.!"]


async def test_worker_that_dies_behind_the_steps_leaves_a_message_that_is_not_changed_again(
    host: Host, acme: ModuleType
) -> None:
    acme.ORDERS.update(transform="!")
    async with working(host.assembly):
        conversation = await host.conversation()
    await host.post(f"/conversations/{conversation['id']}/messages", {"body": "Yes."})
    registry, database = host.assembly.registry, host.assembly.database
    steps = send_steps(registry.plugins, providers=registry, clock=host.assembly.clock)
    for worker in (1, 2):
        async with database.system() as transaction:
            [job] = await claim_jobs(transaction, lane=OUTBOUND, worker=worker, most=1)
        assert await prepare_message(JobRun(database, job), steps=steps)
        host.rows("UPDATE jobs SET claimed_by = NULL, run_at = now()")
    assert host.rows("SELECT body FROM messages WHERE direction = 'out'") == [("Yes.!",)]
    assert len(acme.SEEN) == 4


async def test_plugins_follow_each_other_within_a_phase_by_name(
    install: Install, values: dict[str, str], host: Host, acme: ModuleType
) -> None:
    install("aaa", body=STEPS)
    for names, expected in ((None, ["aaa", "acme"]), ("acme,aaa", ["acme", "aaa"])):
        given = values if names is None else {**values, "CLIENTFLOW_PLUGINS": names}
        async with assemble(given) as made:
            steps = send_steps(made.registry.plugins, providers=made.registry, clock=made.clock)
        validating = [one.plugin.name for one in steps if one.step.phase == "validate"]
        assert validating == expected
        assert [one.step.phase for one in steps][::2] == PHASES
    assert sys.modules["aaa_dist"].SEEN == []


async def test_without_steps_no_statement_more_is_run(host: Host, acme: ModuleType) -> None:
    # Whatever the run is, it is not even looked at.
    assert await prepare_message(None, steps=()) is True  # type: ignore[arg-type]  # not looked at
    assert acme.SEEN == []
