"""What the last smoke test of this release has found."""

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.persistence.repositories.runs import Run, RunKind, last_run
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext

_EXPECTED: Final[Mapping[str, str]] = {
    "TS1": "the service answers, and is ready",
    "TS2": "a contact is made and read, and taken away again",
    "TS3": "a deal is made, moved and won",
    "TS4": "a message is sent by a stand-in, and delivered",
    "TS5": "somebody signs in and out, and the session is over then",
    "TS6": "a signed webhook has one effect, once more none, and a forged one is refused",
}
_ALL: Final = "the last smoke test of this release has found nothing wrong"


async def check_step(context: HostCheckContext, *, item: str) -> CheckResult:
    """Tell what the steps of one item have found."""
    expected, run = _EXPECTED[item], await _last(context)
    if run is None:
        return _never_run(context, expected=expected)
    steps = [step for step in run.report["steps"] if step["item"] == item]
    found = "; ".join(f"{step['name']}: {step['status']}, {step['found']}" for step in steps)
    by_status = {status: _of(steps, status) for status in ("failed", "passed")}
    if by_status["failed"]:
        hints = " ".join(step["hint"] for step in by_status["failed"])
        return failed(found, expected=expected, hint=f"{hints} Then: {_command(context)}")
    if by_status["passed"]:
        return passed(f"{found} ({_when(run)})", expected=expected)
    hints = " ".join(dict.fromkeys(step["hint"] for step in steps))
    return skipped(found or "no such step", expected=expected, hint=hints)


async def check_run(context: HostCheckContext) -> CheckResult:
    """Tell whether the whole of it has gone well."""
    run = await _last(context)
    if run is None:
        return _never_run(context, expected=_ALL)
    steps: Sequence[Mapping[str, Any]] = run.report["steps"]
    wrong = _of(steps, "failed")
    if wrong:
        found = "; ".join(f"{step['name']}: {step['found']}" for step in wrong)
        return failed(found, expected=_ALL, hint=f"Mend it, then: {_command(context)}")
    found = f"{len(_of(steps, 'passed'))} of {len(steps)} steps passed, none failed ({_when(run)})"
    return passed(found, expected=_ALL)


async def _last(context: HostCheckContext) -> Run | None:
    async with context.database.system() as transaction:
        return await last_run(transaction, RunKind.SMOKE, release=context.release)


def _never_run(context: HostCheckContext, *, expected: str) -> CheckResult:
    found = f"there was no smoke test of {context.release} yet"
    end = skipped if context.is_local else failed
    return end(found, expected=expected, hint=f"Run {_command(context)}")


def _of(steps: Sequence[Mapping[str, Any]], status: str) -> list[Mapping[str, Any]]:
    return [step for step in steps if step["status"] == status]


def _command(context: HostCheckContext) -> str:
    return "`clientflow smoke`" if context.is_local else f"`clientflow smoke --url {context.url}`"


def _when(run: Run) -> str:
    return f"{run.finished_at.astimezone(dt.UTC):%Y-%m-%d %H:%MZ}"


CHECKS: Final = (
    *(HostCheck(id=item, run=functools.partial(check_step, item=item)) for item in _EXPECTED),
    HostCheck(id="FP2", run=check_run),
)
