"""The checks of backups: a fresh one that is good, and one that was proved."""

import datetime as dt

import pytest

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.checks import CheckStatus
from clientflow_core.persistence.repositories.runs import Run, RunKind, add_run
from tests.host.checklist.conftest import Context, ask
from tests.host.conftest import Host

FAR = "https://clientflow.example.com"
KINDS = {"DD4": RunKind.BACKUP, "FO2": RunKind.BACKUP_VERIFY}


async def add(
    host: Host, kind: RunKind, *, hours_ago: float, is_good: bool = True, error: str = ""
) -> None:
    moment = SystemClock().now() - dt.timedelta(hours=hours_ago)
    run = Run(
        kind=kind,
        release="0",
        started_at=moment,
        finished_at=moment,
        is_good=is_good,
        report={"error": error},
    )
    async with host.assembly.database.system() as transaction:
        await add_run(transaction, run)


@pytest.mark.parametrize(("item", "hours"), [("DD4", 25), ("FO2", 700)])
async def test_a_fresh_one_is_no_fault(
    host: Host, context: Context, item: str, hours: float
) -> None:
    await add(host, KINDS[item], hours_ago=hours)
    found = await ask(item, context(url=FAR))
    assert (found.status, found.found) == (CheckStatus.PASSED, f"{hours} h ago")


@pytest.mark.parametrize(("item", "hours"), [("DD4", 27), ("FO2", 750)])
async def test_one_that_is_too_old_is_found(
    host: Host, context: Context, item: str, hours: float
) -> None:
    await add(host, KINDS[item], hours_ago=hours)
    found = await ask(item, context())
    assert (found.status, found.found) == (CheckStatus.FAILED, f"it is {hours} h ago")
    assert "clientflow backup" in found.hint


@pytest.mark.parametrize("item", KINDS)
async def test_one_that_has_failed_since_is_found(host: Host, context: Context, item: str) -> None:
    await add(host, KINDS[item], hours_ago=2)
    await add(host, KINDS[item], hours_ago=1, is_good=False, error="it is damaged")
    found = await ask(item, context())
    assert (found.status, found.found) == (CheckStatus.FAILED, "it failed 1 h ago: it is damaged")


@pytest.mark.parametrize("item", KINDS)
async def test_none_at_all_is_found_save_on_a_machine_for_trying(
    context: Context, item: str
) -> None:
    assert (await ask(item, context(url=FAR))).status is CheckStatus.FAILED
    assert (await ask(item, context())).status is CheckStatus.SKIPPED
