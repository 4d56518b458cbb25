"""What an operator sets for how long things are kept that nobody needs any more."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.settings import setting

INBOUND_DAYS_ENV: Final = "CLIENTFLOW_KEEP_INBOUND_EVENTS_DAYS"
# Providers may send the same event again for that long; Stripe lists its own for 30 days.
_LEAST_INBOUND_DAYS: Final = 30
_DAYS: Final = r"[1-9][0-9]{0,3}"
# A page asks for what it has missed within seconds.
_NEWS: Final = dt.timedelta(hours=1)
_SLOTS: Final = dt.timedelta(days=7)


@attrs.frozen(kw_only=True)
class RetentionSettings:
    """For how many days each kind of what is done with is kept; the worker removes it then."""

    inbound_events: int = setting(
        env=INBOUND_DAYS_ENV,
        help="webhooks as they came in, in days after they were handled, at least 30: by them a"
        " second delivery is known for one, and a failed one can be handled again",
        default=90,
        pattern=_DAYS,
        example="90",
    )
    idempotency_keys: int = setting(
        env="CLIENTFLOW_KEEP_IDEMPOTENCY_KEYS_DAYS",
        help="answers to requests with an Idempotency-Key, in days",
        default=2,
        pattern=_DAYS,
        example="2",
    )
    sessions: int = setting(
        env="CLIENTFLOW_KEEP_SESSIONS_DAYS",
        help="sessions of people, in days after they have ended",
        default=7,
        pattern=_DAYS,
        example="7",
    )
    dead_jobs: int = setting(
        env="CLIENTFLOW_KEEP_DEAD_JOBS_DAYS",
        help="jobs that were given up, in days after that",
        default=90,
        pattern=_DAYS,
        example="90",
    )
    runs: int = setting(
        env="CLIENTFLOW_KEEP_RUNS_DAYS",
        help="what backups, smoke tests and the checklist have found, in days",
        default=400,
        pattern=_DAYS,
        example="400",
    )
    heartbeats: int = setting(
        env="CLIENTFLOW_KEEP_HEARTBEATS_DAYS",
        help="what processes that are gone said of themselves, in days",
        default=1,
        pattern=_DAYS,
        example="1",
    )

    def check(self) -> Iterable[SettingProblem]:
        """Give a problem where a second delivery would not be known any more."""
        if self.inbound_events < _LEAST_INBOUND_DAYS:
            problem = f"must be at least {_LEAST_INBOUND_DAYS}"
            hint = "providers may send an event again for so long, and it must be known then"
            yield SettingProblem(INBOUND_DAYS_ENV, problem, hint)

    @property
    def periods(self) -> Mapping[str, dt.timedelta]:
        """How long each kind of rows is kept."""
        days = {
            "inbound_events": self.inbound_events,
            "idempotency_keys": self.idempotency_keys,
            "user_sessions": self.sessions,
            "dead_jobs": self.dead_jobs,
            "heartbeats": self.heartbeats,
            "checklist_results": self.runs,
            "runs": self.runs,
        }
        periods = {kind: dt.timedelta(days=count) for kind, count in days.items()}
        return {**periods, "stream_events": _NEWS, "scheduled_slots": _SLOTS}
