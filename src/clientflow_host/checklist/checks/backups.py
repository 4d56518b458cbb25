"""Backups: whether there is a new one, and whether one was proved to help."""

import datetime as dt
from typing import Final

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.persistence.repositories.runs import Run, RunKind, last_run
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext

_FRESH: Final = dt.timedelta(hours=26)
_PROVED: Final = dt.timedelta(days=31)
_TAKE: Final = (
    "Run `clientflow backup` every day, from cron or a timer, and copy it to another machine;"
    " docs/operation.md has a line for it. A provider that backs up by itself is signed off."
)
_PROVE: Final = "Run `clientflow backup verify FILE` on the latest one, every month at least."


async def check_backups(context: HostCheckContext) -> CheckResult:
    """Look when the database was last backed up."""
    expected = "the last backup ended well, within 26 hours"
    return _judge(await _last(context, RunKind.BACKUP), context, _FRESH, expected, _TAKE)


async def check_verification(context: HostCheckContext) -> CheckResult:
    """Look when a backup was last restored elsewhere and compared."""
    expected = "the last verification ended well, within 31 days"
    return _judge(await _last(context, RunKind.BACKUP_VERIFY), context, _PROVED, expected, _PROVE)


async def _last(context: HostCheckContext, kind: RunKind) -> Run | None:
    async with context.database.system() as transaction:
        return await last_run(transaction, kind)


def _judge(
    run: Run | None, context: HostCheckContext, most: dt.timedelta, expected: str, hint: str
) -> CheckResult:
    if run is None and context.is_local:
        return skipped("none yet, of a service for this machine only", expected=expected, hint=hint)
    if run is None:
        return failed("there is none", expected=expected, hint=hint)
    hours = (context.now - run.finished_at).total_seconds() / 3600
    if not run.is_good:
        why = str(run.report.get("error", "it does not say why"))
        return failed(f"it failed {hours:.0f} h ago: {why}", expected=expected, hint=hint)
    if context.now - run.finished_at > most:
        return failed(f"it is {hours:.0f} h ago", expected=expected, hint=hint)
    return passed(f"{hours:.0f} h ago", expected=expected)


CHECKS: Final = (
    HostCheck(id="DD4", run=check_backups),
    HostCheck(id="FO2", run=check_verification),
)
