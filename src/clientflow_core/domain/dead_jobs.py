"""Jobs as people see them: what was given up, what it was about, and what can be done about it."""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from typing import Any

import attrs


class Remedy(enum.StrEnum):
    """What a person can do, beside discarding it.

    *retry*: have it done again, which does no harm. *decide*: say whether a message was sent, since
    nobody else can. *none*: nothing; what it was about is done, gone, or asked for elsewhere.
    """

    RETRY = "retry"
    DECIDE = "decide"
    NONE = "none"


class JobState(enum.StrEnum):
    """Whether a job is still to be done; one that is done is not there any more."""

    WAITING = "waiting"
    RUNNING = "running"
    GIVEN_UP = "given_up"
    DISCARDED = "discarded"


@attrs.frozen(kw_only=True)
class JobRecord:
    """A job that is not done.

    Attributes:
        organization_id: whose it is; None where it is nobody's, or not known yet.
        args: ids only.
        attempts: how often it was begun.
        claimed_by: the number of the worker that has it; None where none has.
        last_error: the code of what went wrong last.
        created_at: when it was asked for.
        dead_at: when it was given up; None where it was not.
        discarded_at: when somebody decided that nobody needs it; None while nobody has.
        discarded_by: who has.
        discard_reason: why.
    """

    id: int
    lane: str
    kind: str
    organization_id: uuid.UUID | None
    args: Mapping[str, Any]
    attempts: int
    max_attempts: int
    claimed_by: int | None
    last_error: str | None
    created_at: dt.datetime
    dead_at: dt.datetime | None
    discarded_at: dt.datetime | None
    discarded_by: str | None
    discard_reason: str | None

    @property
    def state(self) -> JobState:
        """Whether it is still to be done."""
        if self.discarded_at is not None:
            return JobState.DISCARDED
        if self.dead_at is not None:
            return JobState.GIVEN_UP
        return JobState.WAITING if self.claimed_by is None else JobState.RUNNING

    def id_arg(self, name: str) -> uuid.UUID:
        """Read an id from the arguments."""
        return uuid.UUID(self.args[name])


@attrs.frozen(kw_only=True)
class DeadJobFilter:
    """Which dead jobs; what is None does not matter.

    Attributes:
        organization_id: only its own.
        error: the code of the last error.
        is_discarded: only those that were discarded, or were not.
    """

    kind: str | None = None
    lane: str | None = None
    error: str | None = None
    organization_id: uuid.UUID | None = None
    is_discarded: bool = False


@attrs.frozen(kw_only=True)
class Diagnosis:
    """What is known of a dead job.

    Attributes:
        about: what it was about, in words, such as *the message msg_…*.
        why: why the remedy is what it is, in a sentence.
        page: where that is shown to people of the organization; None where nowhere.
    """

    remedy: Remedy
    about: str
    why: str
    page: str | None = None
