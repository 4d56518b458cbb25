"""What is counted, for Prometheus. ``docs/monitoring.md`` lists all of it; a test compares them.

Each label has few values: routes are templates, and what a caller makes up is not among them.
"""

import datetime as dt
import functools
import time
from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, Info

from clientflow_core.release import release
from clientflow_host.recent import Recent

WEBHOOKS: Final = Counter(
    "clientflow_webhooks",
    "Webhooks that came in, by what became of them: kept, refused, unreadable, too_large,"
    " too_slow, shed, failed.",
    ["webhook", "outcome"],
)
DEPENDENCY_UP: Final = Gauge(
    "clientflow_dependency_up",
    "Whether what the process needs is there: database, worker, redis, and each provider.",
    ["name"],
)
PROVIDER_STATE: Final = Gauge(
    "clientflow_provider_state",
    "1 for the state that a provider is in: ready, not_opened, waiting, failing, auth_failed or"
    " quarantined.",
    ["provider", "state"],
)
JOB_LAG: Final = Gauge(
    "clientflow_job_lag_seconds",
    "For how long the oldest job of a lane has been due and was not begun.",
    ["lane"],
)
DEAD_JOBS: Final = Gauge(
    "clientflow_dead_jobs", "Jobs of a lane that were given up, 10000 at the most.", ["lane"]
)
RELEASE: Final = Info("clientflow_release", "The release that the process is of.")
RELEASE.info({"release": release()})

_CALLS: Final = Counter(
    "clientflow_provider_calls",
    "Calls to providers, by how they ended: ok; timeout, fault or junk where the plugin is to"
    " blame; cancelled; else the code of the error.",
    ["provider", "operation", "outcome"],
)
_SECONDS: Final = Histogram(
    "clientflow_provider_call_seconds",
    "How long calls to providers took.",
    ["provider", "operation"],
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
)
_HELD: Final = Counter(
    "clientflow_provider_held_loop",
    "Calls in which a plugin kept everything else in its process from running for too long.",
    ["provider", "operation"],
)
_JOBS: Final = Counter(
    "clientflow_jobs",
    "Runs of jobs, by how they ended: done, later, failed; dead besides, if the job was given up.",
    ["lane", "outcome"],
)
_REQUESTS: Final = Histogram(
    "clientflow_http_request_seconds",
    "How long requests took, by the template of their route and the class of the answer.",
    ["route", "method", "status"],
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVER_ERROR: Final = 500

# By the provider, and whether it went well.
_last_calls: Final[dict[tuple[str, bool], float]] = {}
RECENT_REQUESTS: Final = Recent()
RECENT_JOBS: Final = Recent()

# To look a counter up by its labels takes several times as long as to count. There are as many as
# there are operations of the providers that are enabled, and ways to end.
_calls: Final = functools.cache(_CALLS.labels)
_seconds: Final = functools.cache(_SECONDS.labels)
_jobs: Final = functools.cache(_JOBS.labels)
_requests: Final = functools.cache(_REQUESTS.labels)


class PrometheusMeter:
    """Counts the calls to providers."""

    def record_call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Count a call that took *seconds* and ended in *outcome*."""
        _calls(provider, operation, outcome).inc()
        _seconds(provider, operation).observe(seconds)
        _last_calls[provider, outcome == "ok"] = time.time()

    def record_held_loop(self, provider: str, operation: str, seconds: float) -> None:
        """Count a call that kept everything else from running; how long is in the log."""
        _HELD.labels(provider, operation).inc()


class PrometheusJobMeter:
    """Counts the runs of jobs."""

    def record_job(self, lane: str, outcome: str) -> None:
        """Count a run of a job."""
        _jobs(lane, outcome).inc()
        if outcome != "dead":
            RECENT_JOBS.note(is_failure=outcome == "failed")


def last_call(provider: str, *, is_good: bool) -> dt.datetime | None:
    """Tell when a call to *provider* has last ended well, or failed, in this process."""
    moment = _last_calls.get((provider, is_good))
    return None if moment is None else dt.datetime.fromtimestamp(moment, dt.UTC)


def record_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count a request that was answered.

    Args:
        route: the template of its path.
        method: as it was asked; one that nobody knows counts as another.
        status: of the answer.
        seconds: how long it took.
    """
    known = method if method in _METHODS else "other"
    _requests(route, known, f"{status // 100}xx").observe(seconds)
    RECENT_REQUESTS.note(is_failure=status >= _SERVER_ERROR)


CHECKLIST_AGENT: Final = "clientflow-checklist"
"""By this as its User-Agent, the checklist is not taken for somebody who watches."""


class Scrapes:
    """Remembers when somebody has last taken the metrics.

    Attributes:
        last_at: None before the first time.
    """

    def __init__(self) -> None:
        self.last_at: dt.datetime | None = None


SCRAPES: Final = Scrapes()


def set_states(states: Mapping[str, str]) -> None:
    """Tell the state of each provider, and no other."""
    PROVIDER_STATE.clear()
    for provider, state in states.items():
        PROVIDER_STATE.labels(provider, state).set(1)
