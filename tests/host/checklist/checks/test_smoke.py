"""The checks of what the last smoke test has found."""

import datetime as dt

import pytest

from clientflow_core.contributions.checks import CheckStatus
from clientflow_core.release import release
from clientflow_host.smoke.results import Report, StepResult, StepStatus
from clientflow_host.smoke.running import keep_report
from tests.host.checklist.conftest import Context, ask
from tests.host.conftest import Host

NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


def step(item: str, status: StepStatus, found: str = "what was there") -> StepResult:
    hint = "" if status is StepStatus.PASSED else "Do this."
    return StepResult(
        name=f"step of {item}", item=item, status=status, milliseconds=5, found=found, hint=hint
    )


async def keep(host: Host, *steps: StepResult, of: str | None = None) -> None:
    report = Report(
        url="http://127.0.0.1",
        release=of or release(),
        started_at=NOW,
        finished_at=NOW,
        steps=steps,
    )
    async with host.assembly.database.system() as transaction:
        await keep_report(transaction, report)


async def test_run_that_went_well_answers_every_item(context: Context, host: Host) -> None:
    await keep(host, *(step(f"TS{number}", StepStatus.PASSED) for number in range(1, 7)))
    for item in (*(f"TS{number}" for number in range(1, 7)), "FP2"):
        found = await ask(item, context())
        assert found.status is CheckStatus.PASSED, (item, found)
        assert "2026-11-30" in found.found


async def test_step_that_failed_is_found_with_its_hint(context: Context, host: Host) -> None:
    await keep(host, step("TS2", StepStatus.PASSED), step("TS6", StepStatus.FAILED, "it was 200"))
    assert (await ask("TS2", context())).status is CheckStatus.PASSED
    for item in ("TS6", "FP2"):
        found = await ask(item, context())
        assert (found.status, "it was 200" in found.found) == (CheckStatus.FAILED, True)
        assert "clientflow smoke" in found.hint
    assert "Do this." in (await ask("TS6", context())).hint


@pytest.mark.parametrize("status", [StepStatus.SKIPPED, StepStatus.MISSING])
async def test_step_that_was_not_taken_passes_nothing(
    context: Context, host: Host, status: StepStatus
) -> None:
    await keep(host, step("TS4", status))
    assert (await ask("TS4", context())).status is CheckStatus.SKIPPED
    assert (await ask("FP2", context())).status is CheckStatus.PASSED


async def test_run_of_another_release_counts_for_nothing(context: Context, host: Host) -> None:
    await keep(host, step("TS1", StepStatus.PASSED), of="0.0.1")
    for item in ("TS1", "FP2"):
        local = await ask(item, context())
        assert (local.status, "clientflow smoke" in local.hint) == (CheckStatus.SKIPPED, True)
        deployed = await ask(item, context(url="https://clientflow.example.com:443"))
        assert deployed.status is CheckStatus.FAILED
        assert "--url https://clientflow.example.com:443" in deployed.hint
