"""What runs, of which release, set alike, and whether work is done."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.domain.jobs import ASSISTANCE
from clientflow_core.persistence.repositories.job_lanes import read_lanes
from clientflow_core.persistence.repositories.scheduled_slots import newest_slots
from clientflow_core.services.echo import hear_echo
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext
from clientflow_host.checklist.processes_seen import (
    KINDS,
    START,
    WORKER,
    detail,
    differing,
    fresh_processes,
    last_seen,
    names,
)
from clientflow_host.gauges import known_lanes

_ECHO_SECONDS: Final = 5.0
# The first look of a worker fills every slot.
_START_SECONDS: Final = 60.0
_NO_REDIS: Final = "REDIS_URL is not set: the wake-ups go over PostgreSQL"
_SET_REDIS: Final = "Nothing is to be done; set REDIS_URL for every process to use one."
_FIT: Final = frozenset({"ready", "not_opened"})


async def check_processes(context: HostCheckContext) -> CheckResult:
    """Look whether each kind of process is there, of one release, and set alike."""
    expected = "a serve and a worker seen in the last 45 s, of one release and with one setting"
    found = await fresh_processes(context)
    kinds = [one.kind for one in found]
    for kind in KINDS:
        if kind not in kinds:
            return failed(await last_seen(context, kind), expected=expected, hint=START)
    releases = sorted({one.release for one in found})
    if len(releases) > 1:
        told = "; ".join(f"{one.process} is of {one.release}" for one in found)
        hint = f"Restart those that are not of the release that you mean, such as {releases[-1]}."
        return failed(f"several releases at once: {told}", expected=expected, hint=hint)
    if differ := differing(found, "settings"):
        told = f"{names(found)} differ in {', '.join(differ)}"
        hint = f"Give every process the same {', '.join(differ)}, and restart them."
        return failed(told, expected=expected, hint=hint)
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in KINDS)
    return passed(f"{counted}, of release {releases[0]}", expected=expected)


async def check_same_carrier(context: HostCheckContext) -> CheckResult:
    """Look whether all processes wake each other over the same Redis and queue."""
    expected = "every process names the same run of Redis, and the same queue"
    found = await fresh_processes(context)
    if not any(one.kind == WORKER for one in found):
        return failed(await last_seen(context, WORKER), expected=expected, hint=START)
    carriers = {str(detail(one, "carrier")) for one in found}
    told = "; ".join(f"{one.process}: {detail(one, 'carrier')}" for one in found)
    if len(carriers) > 1 or any("does not answer" in one for one in carriers):
        hint = "Give every process the same REDIS_URL, which it can reach, and restart them."
        return failed(told, expected=expected, hint=hint)
    if not any(one.startswith("redis:") for one in carriers):
        return skipped(_NO_REDIS, expected=expected, hint=_SET_REDIS)
    return passed(told, expected=expected)


async def check_worker_redis(context: HostCheckContext) -> CheckResult:
    """Look whether the worker reaches Redis, by what it says itself."""
    expected = "the worker names the run of Redis that it is connected to"
    workers = await fresh_processes(context, kind=WORKER)
    if not workers:
        return failed(await last_seen(context, WORKER), expected=expected, hint=START)
    carriers = {str(detail(one, "carrier")) for one in workers}
    if any("does not answer" in one for one in carriers):
        hint = "Start Redis, or correct REDIS_URL of the worker; jobs go on, but a little later."
        return failed("; ".join(sorted(carriers)), expected=expected, hint=hint)
    if not any(one.startswith("redis:") for one in carriers):
        return skipped(_NO_REDIS, expected=expected, hint=_SET_REDIS)
    return passed("; ".join(sorted(carriers)), expected=expected)


async def check_lanes(context: HostCheckContext) -> CheckResult:
    """Look whether somebody works on every lane; and have a job done that does nothing."""
    expected = f"a worker for each lane, and an echo within {_ECHO_SECONDS:g} s"
    workers = await fresh_processes(context, kind=WORKER)
    worked_on = {lane for one in workers for lane in detail(one, "lanes") or ()}
    wanted = known_lanes(context.registry)
    if idle := [lane for lane in wanted if lane not in worked_on]:
        hint = (
            "Start `clientflow worker`, with the same plugins as this command: CLIENTFLOW_PLUGINS,"
            " and the settings that enable one."
        )
        return failed(f"nobody works on {', '.join(idle)}", expected=expected, hint=hint)
    took = await hear_echo(context.database, seconds=_ECHO_SECONDS)
    if took is None:
        hint = (
            "Look whether the worker still does anything (clientflow_jobs_total at its /metrics)"
            " and how far behind it is (clientflow_job_lag_seconds); restart it if it hangs, start"
            " another if there is too much to do."
        )
        return failed("no echo: the job was not done", expected=expected, hint=hint)
    return passed(f"{len(wanted)} lanes; an echo in {took:.1f} s", expected=expected)


async def check_schedules(context: HostCheckContext) -> CheckResult:
    """Compare what the workers see to at regular times with what was asked for last."""
    expected = "each schedule has asked for its job when it was last due"
    workers = await fresh_processes(context, kind=WORKER)
    if not workers:
        return failed(await last_seen(context, WORKER), expected=expected, hint=START)
    schedules = {
        name: every for one in workers for name, every in (detail(one, "schedules") or {}).items()
    }
    async with context.database.system() as transaction:
        newest = await newest_slots(transaction)
    has_run_for = max((context.now - one.started_at).total_seconds() for one in workers)
    late = _late(schedules, newest, context.now) if has_run_for > _START_SECONDS else []
    if late:
        hint = (
            "Look into the log of the worker for `worker_fails`, and restart it; the jobs that are"
            " due then are made up for."
        )
        return failed(f"not asked for in time: {', '.join(late)}", expected=expected, hint=hint)
    return passed(f"{len(schedules)} schedules: {', '.join(sorted(schedules))}", expected=expected)


def _late(
    schedules: Mapping[str, int], newest: Mapping[str, dt.datetime], now: dt.datetime
) -> list[str]:
    """List the schedules whose present slot was not filled; a minute later none is late."""
    found = []
    for name, every_seconds in sorted(schedules.items()):
        slot = newest.get(name)
        ends = slot and slot + dt.timedelta(seconds=every_seconds + _START_SECONDS)
        if ends is None or ends < now:
            found.append(f"{name} (last {slot:%Y-%m-%d %H:%M} UTC)" if slot else f"{name} (never)")
    return found


async def check_dead_letters(context: HostCheckContext) -> CheckResult:
    """Look for jobs that were given up."""
    expected = "no job that was given up and that nobody has looked at"
    async with context.database.system() as transaction:
        lanes = await read_lanes(transaction, known_lanes(context.registry))
    dead = {one.lane: one.dead for one in lanes if one.dead}
    if not dead:
        return passed("none", expected=expected)
    told = ", ".join(f"{count} in {lane}" for lane, count in dead.items())
    hint = (
        "`clientflow jobs list --dead` shows them, with the reason. With the cause mended:"
        " `clientflow events replay --failed` for webhooks, `clientflow jobs retry ID` for others;"
        " `clientflow jobs discard ID --reason WHY` for what nobody needs any more."
    )
    return failed(f"given up: {told}", expected=expected, hint=hint)


async def check_worker_assistant(context: HostCheckContext) -> CheckResult:
    """Look whether the worker has the key of the assistant, and does its jobs."""
    expected = "a worker with openai, whose key is accepted, on the lane of the assistant"
    workers = await fresh_processes(context, kind=WORKER)
    if not workers:
        return failed(await last_seen(context, WORKER), expected=expected, hint=START)
    for one in workers:
        state = (detail(one, "providers") or {}).get("openai")
        if state is None or ASSISTANCE not in (detail(one, "lanes") or ()):
            hint = "Set OPENAI_API_KEY for the worker as for the host, and restart it."
            return failed(f"{one.process} has no openai", expected=expected, hint=hint)
        if state not in _FIT:
            hint = "Correct OPENAI_API_KEY and restart the worker; its log says what was refused."
            return failed(f"{one.process}: openai is {state}", expected=expected, hint=hint)
    return passed(f"{names(workers)}: openai, {ASSISTANCE}", expected=expected)


async def check_worker_sentry(context: HostCheckContext) -> CheckResult:
    """Look whether the worker tells Sentry of its errors, and of which release it is."""
    return await _check_sentry(context, kinds=(WORKER,))


async def check_sentry_everywhere(context: HostCheckContext) -> CheckResult:
    """Look whether all processes tell the same project of their errors."""
    return await _check_sentry(context, kinds=KINDS)


async def _check_sentry(context: HostCheckContext, *, kinds: tuple[str, ...]) -> CheckResult:
    expected = f"each {' and '.join(kinds)} has the same SENTRY_DSN, by its mark, and a release"
    hint = "Set the same SENTRY_DSN for serve and worker, and restart them."
    found = [one for one in await fresh_processes(context) if one.kind in kinds]
    for kind in kinds:
        if not any(one.kind == kind for one in found):
            return failed(await last_seen(context, kind), expected=expected, hint=START)
    marks = {one.process: (detail(one, "observers") or {}).get("sentry") for one in found}
    if without := [name for name, mark in marks.items() if mark is None]:
        return failed(f"without Sentry: {', '.join(without)}", expected=expected, hint=hint)
    states = {(detail(one, "providers") or {}).get("sentry") for one in found}
    if not states <= _FIT:
        told = ", ".join(sorted(str(one) for one in states - _FIT))
        return failed(f"Sentry is {told} in a process", expected=expected, hint=hint)
    if len(set(marks.values())) > 1:
        return failed(f"several projects: {marks}", expected=expected, hint=hint)
    told = ", ".join(f"{one.process} of {one.release}" for one in found)
    return passed(f"{told}; DSN {next(iter(marks.values()))}", expected=expected)


async def check_release_everywhere(context: HostCheckContext) -> CheckResult:
    """Look whether every process is of the same release, and that names a commit."""
    expected = "every process is of one release, which is a version and a commit"
    found = await fresh_processes(context)
    if not found:
        return failed("no process is there", expected=expected, hint=START)
    releases = sorted({one.release for one in found})
    if len(releases) > 1:
        hint = "Restart the processes that are still of the release of before."
        return failed(f"several: {', '.join(releases)}", expected=expected, hint=hint)
    if "+" not in releases[0]:
        hint = "Install a wheel that `nox -s build` has made, which knows its commit."
        return failed(f"{releases[0]}, without a commit", expected=expected, hint=hint)
    return passed(f"{releases[0]} in {names(found)}", expected=expected)


CHECKS: Final = (
    HostCheck(id="EK1", run=check_same_carrier),
    HostCheck(id="EK2", run=check_worker_assistant),
    HostCheck(id="EK3", run=check_worker_sentry),
    HostCheck(id="DK1", run=check_processes),
    HostCheck(id="DK2", run=check_worker_redis),
    HostCheck(id="DK3", run=check_lanes),
    HostCheck(id="DK4", run=check_schedules),
    HostCheck(id="DK5", run=check_dead_letters),
    HostCheck(id="MS2", run=check_sentry_everywhere),
    HostCheck(id="MS5", run=check_release_everywhere),
)
