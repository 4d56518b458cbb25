"""Whether somebody who watches would see what goes wrong: metrics, log, and how long both last."""

import asyncio
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from clientflow_core.contributions.checks import CheckResult, failed, passed, skipped
from clientflow_core.errors import ClientFlowError
from clientflow_core.persistence.repositories.expiry import list_expired_kinds
from clientflow_core.persistence.repositories.heartbeats import Process
from clientflow_core.providers.spec import ProviderKind
from clientflow_host.checklist.host_checks import HostCheck, HostCheckContext
from clientflow_host.checklist.processes_seen import (
    START,
    WORKER,
    ago,
    detail,
    fresh_processes,
    last_seen,
    names,
)
from clientflow_host.logs import redacted
from clientflow_host.metrics import CHECKLIST_AGENT
from clientflow_host.redaction import trace_of

_GAUGE: Final = re.compile(r'^clientflow_dependency_up\{name="([^"]+)"\} ([0-9.]+)', re.MULTILINE)
_SCRAPED_WITHIN: Final = dt.timedelta(minutes=5)
# The purge comes every hour; what it has not reached after a day it does not reach.
_GRACE: Final = dt.timedelta(days=1)
_MOST_SERVER_ERRORS: Final = 0.01
_MOST_FAILED_JOBS: Final = 0.05
# Of fewer, no share can be told.
_LEAST_FAILURES: Final = 5
_REQUEST_ID: Final = "checklist.ML1"
_CANARIES: Final = (
    "+14155550123",
    "ada@example.com",
    "cf_live_4f9a8b7c6d5e4f3a2b1c",
    "leaks again",
)
_PAST_PROXY: Final = "Ask past the proxy: `clientflow checklist --url http://HOST:PORT` of serve."


async def check_database_watched(context: HostCheckContext) -> CheckResult:
    """Look whether the metrics and the page tell that the database is there."""
    return await _check_dependency(context, "database")


async def check_redis_watched(context: HostCheckContext) -> CheckResult:
    """Look whether the metrics and the page tell that Redis is there."""
    if context.settings.redis_url is None:
        found, hint = "REDIS_URL is not set", "Nothing is to be done: no Redis is needed."
        return skipped(found, expected="the metrics and /ready tell of Redis", hint=hint)
    return await _check_dependency(context, "redis")


async def _check_dependency(context: HostCheckContext, name: str) -> CheckResult:
    expected = f'clientflow_dependency_up{{name="{name}"}} is 1, and /ready says ok of it'
    status, gauges = await _read_gauges(context)
    if status != HTTPStatus.OK:
        return skipped(f"/metrics answers {status}", expected=expected, hint=_PAST_PROXY)
    async with context.http.get(f"{context.url}/ready") as answer:
        told = (await answer.json(content_type=None))["checks"].get(name, "nothing")
    found = f"the gauge is {gauges.get(name, 'not there')}, /ready says {told}"
    if gauges.get(name) == 1 and told == "ok":
        return passed(found, expected=expected)
    hint = f"Look whether the {name} runs, and whether serve reaches it; its log says why not."
    return failed(found, expected=expected, hint=hint)


async def _read_gauges(context: HostCheckContext) -> tuple[int, Mapping[str, float]]:
    # By this name it is not taken for somebody who watches.
    agent = {"User-Agent": CHECKLIST_AGENT}
    async with context.http.get(f"{context.url}/metrics", headers=agent) as answer:
        text = await answer.text(errors="replace")
    return answer.status, {name: float(value) for name, value in _GAUGE.findall(text)}


async def check_providers_watched(context: HostCheckContext) -> CheckResult:
    """Ask each provider whether our credentials work, and each process how it stands to them."""
    expected = "each provider accepts our credentials, and no process leaves it alone"
    outside = [
        name
        for name, enabled in context.registry.providers.items()
        if enabled.spec.kind is not ProviderKind.OBSERVER and not enabled.spec.is_local
    ]
    if not outside:
        hint = "Set the keys of a provider, such as TWILIO_ACCOUNT_SID, to have one."
        return skipped("no outside provider is enabled", expected=expected, hint=hint)
    verdicts = await asyncio.gather(*(_verify(context, name) for name in outside))
    processes = await fresh_processes(context)
    wrong = [*filter(None, verdicts), *_unfit(processes, outside)]
    if wrong:
        hint = (
            "Correct the credentials that were refused, and restart; what only does not answer is"
            " tried again by itself. `clientflow plugin verify` asks once more."
        )
        return failed("; ".join(wrong), expected=expected, hint=hint)
    told = "; ".join(_told_of_calls(context, processes, name) for name in outside)
    return passed(f"each answers now: {told}", expected=expected)


async def _verify(context: HostCheckContext, name: str) -> str | None:
    try:
        await context.registry.verify(name)
    except ClientFlowError as error:
        return f"{name}: {error}"
    return None


def _told_of_calls(context: HostCheckContext, processes: Sequence[Process], name: str) -> str:
    """Tell when a process has last called a provider, with and without success."""
    calls = [(detail(one, "last_calls") or {}).get(name) or {} for one in processes]
    told = []
    for how in ("ok", "failed"):
        moments = [moment for one in calls if (moment := _moment(one.get(how)))]
        if moments:
            told.append(f"{how} {ago(context, max(moments))} ago")
    return f"{name} (calls: {', '.join(told) or 'none yet'})"


def _unfit(processes: Sequence[Process], outside: Sequence[str]) -> list[str]:
    return [
        f"{name} is {state.replace('_', ' ')} in {one.process}"
        for one in processes
        for name, state in (detail(one, "providers") or {}).items()
        if name in outside and state not in {"ready", "not_opened"}
    ]


async def check_request_log(context: HostCheckContext) -> CheckResult:
    """Look whether requests are named, and told in lines that programs read."""
    expected = "a JSON line for each request, under the X-Request-Id that the answer has too"
    headers = {"X-Request-Id": _REQUEST_ID}
    async with context.http.get(f"{context.url}/health", headers=headers) as answer:
        named = answer.headers.get("X-Request-Id", "none")
    if named != _REQUEST_ID:
        hint = "Let the proxy hand on X-Request-Id both ways, or make one that the answer keeps."
        return failed(f"the answer is named {named}", expected=expected, hint=hint)
    found = await fresh_processes(context)
    if not found:
        return failed("no process is there", expected=expected, hint=START)
    if plain := [one for one in found if (detail(one, "log") or {}).get("format") != "json"]:
        told = f"not JSON: {names(plain)}"
        hint = "Send standard error to a file or a collector: only on a terminal it is no JSON."
        return (skipped if context.is_local else failed)(told, expected=expected, hint=hint)
    return passed(f"JSON: {names(found)}; the id came back", expected=expected)


async def check_retention(context: HostCheckContext) -> CheckResult:
    """Look whether what is done with goes when its time is over."""
    expected = "nothing is kept for a day longer than is set for its kind"
    workers = await fresh_processes(context, kind=WORKER)
    if not workers:
        return failed(await last_seen(context, WORKER), expected=expected, hint=START)
    days: Mapping[str, float] = detail(workers[0], "kept_days") or {}
    periods = {kind: dt.timedelta(days=count) + _GRACE for kind, count in days.items()}
    async with context.database.system() as transaction:
        late = await list_expired_kinds(transaction, periods)
    if late:
        hint = (
            "The worker removes them every hour, by the job purge_expired: look at `clientflow jobs"
            " list --dead` and into its log."
        )
        return failed(f"kept for too long: {', '.join(late)}", expected=expected, hint=hint)
    told = ", ".join(f"{kind} {count:g}" for kind, count in sorted(days.items()))
    return passed(f"days: {told}", expected=expected)


async def check_redaction(context: HostCheckContext) -> CheckResult:
    """Plant what must not stand in any log, and look what would be written."""
    expected = "nothing of a telephone number, an address, a key or a text of somebody's is written"
    fields = {f"field_{number}": [{"inside": one}] for number, one in enumerate(_CANARIES)}
    errors = [str(trace_of(ValueError(one))) for one in _CANARIES]
    written = f"{redacted(fields)} {errors}"
    if any(one in written for one in _CANARIES):
        hint = "This is a fault of ours, or of a plugin's redaction rule: tell its author."
        return failed("something of it is written", expected=expected, hint=hint)
    rules = sum(len(one.contributions.redactions) for one in context.registry.plugins)
    return passed(f"nothing; {rules} more rules by plugins", expected=expected)


async def check_log_level(context: HostCheckContext) -> CheckResult:
    """Look from which level on the processes write, and whether statements are among it."""
    expected = "info or above in every process, and no SQL"
    found = await fresh_processes(context)
    if not found:
        return failed("no process is there", expected=expected, hint=START)
    levels = {one.process: (detail(one, "log") or {}).get("level", "unset") for one in found}
    told = ", ".join(f"{name}: {level}" for name, level in levels.items())
    if "debug" in levels.values():
        hint = "Set CLIENTFLOW_LOG_LEVEL to info, or leave it out, and restart."
        return failed(told, expected=expected, hint=hint)
    if any((detail(one, "log") or {}).get("tells_statements") for one in found):
        hint = "Something sets the logger sqlalchemy.engine to INFO: leave that out."
        return failed(f"{told}; SQL is told", expected=expected, hint=hint)
    return passed(told, expected=expected)


async def check_scraped(context: HostCheckContext) -> CheckResult:
    """Look when somebody has last taken the metrics of each process."""
    expected = "the metrics of each process were taken in the last five minutes"
    found = await fresh_processes(context)
    if not found:
        return failed("no process is there", expected=expected, hint=START)
    scraped = {one.process: _moment(detail(one, "scraped_at")) for one in found}
    told = ", ".join(
        f"{name}: {f'{ago(context, moment)} ago' if moment else 'never'}"
        for name, moment in scraped.items()
    )
    oldest = context.now - _SCRAPED_WITHIN
    if all(moment is not None and moment >= oldest for moment in scraped.values()):
        return passed(told, expected=expected)
    hint = "Let Prometheus take /metrics of each process: deploy/monitoring/prometheus.yaml."
    return (skipped if context.is_local else failed)(told, expected=expected, hint=hint)


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


async def check_error_rate(context: HostCheckContext) -> CheckResult:
    """Look how much of what was done in the last minutes has failed."""
    expected = (
        f"of the last five minutes at most {_MOST_SERVER_ERRORS:.0%} of the requests answered 5xx,"
        f" and {_MOST_FAILED_JOBS:.0%} of the runs of jobs failed"
    )
    found = await fresh_processes(context)
    if not found:
        return failed("no process is there", expected=expected, hint=START)
    sums = {
        name: sum((detail(one, "recent") or {}).get(name, 0) for one in found)
        for name in ("requests", "server_errors", "jobs", "failed_jobs")
    }
    told = (
        f"{sums['server_errors']} of {sums['requests']} requests, {sums['failed_jobs']} of"
        f" {sums['jobs']} runs of jobs"
    )
    if _is_too_many(sums["server_errors"], sums["requests"], _MOST_SERVER_ERRORS):
        hint = "Look into the log of serve for `request_failed` and `request_not_served`."
        return failed(told, expected=expected, hint=hint)
    if _is_too_many(sums["failed_jobs"], sums["jobs"], _MOST_FAILED_JOBS):
        hint = "Look into the log of the worker for `job_failed`, and at `clientflow jobs list`."
        return failed(told, expected=expected, hint=hint)
    return passed(told, expected=expected)


def _is_too_many(failures: int, of: int, most: float) -> bool:
    return failures >= _LEAST_FAILURES and failures > of * most


CHECKS: Final = (
    HostCheck(id="MH3", run=check_database_watched),
    HostCheck(id="MH4", run=check_redis_watched),
    HostCheck(id="MH5", run=check_providers_watched, deadline_seconds=30.0),
    HostCheck(id="ML1", run=check_request_log),
    HostCheck(id="ML3", run=check_retention),
    HostCheck(id="ML4", run=check_redaction),
    HostCheck(id="ML5", run=check_log_level),
    HostCheck(id="FO4", run=check_scraped),
    HostCheck(id="FO5", run=check_error_rate),
)
