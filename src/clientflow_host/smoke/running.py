"""Runs the smoke test: each step on a deadline of its own, all of them within half a minute."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.runs import Run, RunKind, add_run
from clientflow_core.release import release
from clientflow_host.smoke.results import Report, StepEnded, StepResult, StepStatus
from clientflow_host.smoke.steps import STEPS, Smoke, Step
from clientflow_host.smoke.target import Caller, Target

_STEP_SECONDS: Final = 8.0
_ALL_SECONDS: Final = 28.0

Tell = Callable[[StepResult | str], None]
"""Is told the name of each step as it begins, and its result as it ends."""


async def run_smoke(
    target: Target,
    *,
    tell: Tell = lambda _: None,
    steps: Sequence[Step] = STEPS,
    clock: Clock | None = None,
) -> Report:
    """Try every step on *target*, one after the other.

    Args:
        target: what is tried.
        tell: is told how it goes.
        steps: for tests.
        clock: for tests.
    """
    clock, ends = clock or SystemClock(), time.monotonic() + _ALL_SECONDS
    started_at, results = clock.now(), []
    # Also those of an address without a name, as `up` has.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        smoke = Smoke(Caller(target, http))
        for step in steps:
            tell(step.name)
            results.append(await _take(step, smoke, ends=ends))
            tell(results[-1])
    return Report(
        url=target.url,
        release=smoke.release,
        started_at=started_at,
        finished_at=clock.now(),
        steps=results,
    )


async def keep_report(transaction: Transaction, report: Report) -> None:
    """Keep *report* under the release that it is about, for the checklist."""
    run = Run(
        kind=RunKind.SMOKE,
        release=report.release or release(),
        started_at=report.started_at,
        finished_at=report.finished_at,
        is_good=report.is_good,
        report=report.as_json(),
    )
    await add_run(transaction, run)


async def _take(step: Step, smoke: Smoke, *, ends: float) -> StepResult:
    begun = time.monotonic()
    status, found, hint = await _outcome(step, smoke, seconds=min(_STEP_SECONDS, ends - begun))
    return StepResult(
        name=step.name,
        item=step.item,
        status=status,
        milliseconds=round(1000 * (time.monotonic() - begun)),
        found=found,
        hint=hint,
    )


async def _outcome(step: Step, smoke: Smoke, *, seconds: float) -> tuple[StepStatus, str, str]:
    url = smoke.caller.target.url
    try:
        async with asyncio.timeout(seconds):
            return StepStatus.PASSED, await step.run(smoke), ""
    except StepEnded as ended:
        return ended.status, str(ended), ended.hint
    except TimeoutError:
        hint = "Is the worker running? `/ready` tells, and so does its log."
        return StepStatus.FAILED, f"not done within {max(0.0, seconds):.0f} s", hint
    except aiohttp.ClientError as error:
        found = f"{url} cannot be reached: {type(error).__name__}"
        return StepStatus.FAILED, found, "Is it the right address, and is the service running?"
    except (KeyError, IndexError, TypeError, ValueError) as error:
        found = f"it answered what was not to be expected: {type(error).__name__} {error}"
        return StepStatus.FAILED, found, "Is this release the one that is deployed there?"
