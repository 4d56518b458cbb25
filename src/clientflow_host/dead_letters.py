"""What was given up, as people see it: read for a listing, and repeated many at once."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from clientflow_core.domain.dead_jobs import DeadJobFilter, Diagnosis, JobRecord
from clientflow_core.errors import Conflict, FieldError, InvalidInput
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.dead_jobs import list_dead_jobs, read_job
from clientflow_core.services.diagnose_job import diagnose_job
from clientflow_core.services.retry_job import RetryOutcome, retry_job
from clientflow_host.openapi.problem_kinds import error_classes, kind_of_class

LONGEST_REASON: Final = 400
_AT_ONCE: Final = 100
_OTHER: Final = "A fault in what was to be done: the log of the worker says where."
# Errors that are no classes of ours.
_WORDS: Final[Mapping[str, str]] = {
    "too_many_attempts": "It was begun that often and never ended: it may be what ends its worker.",
    "begun_again": "It was begun once more; how that has ended is not written down yet.",
    "worker_died": "Its worker died while it was running: it may be what ends it.",
    "no_handler": "No worker knows how to do it: its plugin may be off, or its release newer.",
    "provider_absent": "The provider never had the message.",
    "provider_lookup_failed": "The provider could not be asked whether it has the message.",
    "TimeoutError": "It took too long, and was stopped.",
    "OperationalError": "The database was away, or too busy.",
    "discarded": "Somebody has decided that nobody needs it.",
}


@attrs.frozen(kw_only=True)
class DeadLetter:
    """A job that was given up, and what is known of it."""

    job: JobRecord
    diagnosis: Diagnosis

    @property
    def organization(self) -> str | None:
        """The organization's public id; None where it is nobody's."""
        whose = self.job.organization_id
        return to_public_id(IdPrefix.ORGANIZATION, whose) if whose else None

    def fields(self) -> Mapping[str, Any]:
        """Give what programs are shown."""
        job = self.job
        return {
            "id": job.id,
            "kind": job.kind,
            "lane": job.lane,
            "state": job.state.value,
            "organization_id": self.organization,
            "about": self.diagnosis.about,
            "last_error": job.last_error,
            "error": say_error(job.last_error),
            "attempts": job.attempts,
            "created_at": job.created_at,
            "dead_at": job.dead_at,
            "remedy": self.diagnosis.remedy.value,
            "why": self.diagnosis.why,
            "page": self.diagnosis.page,
            "discarded_at": job.discarded_at,
            "discarded_by": job.discarded_by,
            "discard_reason": job.discard_reason,
        }


@attrs.frozen(kw_only=True)
class Retried:
    """What has become of many.

    Attributes:
        done: so many are due again.
        left: for each of the others, why it is not.
    """

    done: int
    left: Mapping[int, str]


def say_error(code: str | None) -> str:
    """Say what an error was, in words; its code stands behind them."""
    if code is None:
        return "nothing was noted"
    found = next((error for error in error_classes() if error.code == code), None)
    words = kind_of_class(found).meaning if found else _WORDS.get(code, _OTHER)
    return f"{words} ({code})"


def read_reason(text: str) -> str:
    """Give a reason as it is kept: one line.

    Raises:
        InvalidInput: it says nothing, or too much.
    """
    reason = " ".join(text.replace("\0", "").split())
    if not 1 <= len(reason) <= LONGEST_REASON:
        rule = f"must have 1 to {LONGEST_REASON} characters"
        raise InvalidInput(f"The reason {rule}.", [FieldError("/reason", rule)])
    return reason


async def read_letters(
    transaction: Transaction, which: DeadJobFilter, *, before: int | None = None, most: int
) -> Sequence[DeadLetter]:
    """Read jobs that were given up, the newest first, each with what is known of it."""
    jobs = await list_dead_jobs(transaction, which, before=before, most=most)
    return [DeadLetter(job=job, diagnosis=await diagnose_job(transaction, job)) for job in jobs]


async def read_letter(
    transaction: Transaction, job_id: int, *, organization_id: uuid.UUID | None = None
) -> DeadLetter:
    """Read one job that is not done.

    Raises:
        NotFound: there is none.
    """
    job = await read_job(transaction, job_id, organization_id=organization_id)
    return DeadLetter(job=job, diagnosis=await diagnose_job(transaction, job))


async def retry_letters(database: Database, which: DeadJobFilter) -> Retried:
    """Have all that *which* names done again, save those that must not be.

    What is given up again meanwhile is not repeated twice: it goes through them once.
    """
    done, left, before = 0, dict[int, str](), None
    while True:
        async with database.system() as transaction:
            jobs = await list_dead_jobs(transaction, which, before=before, most=_AT_ONCE)
            for job in jobs:
                try:
                    outcome = await retry_job(transaction, job.id)
                except Conflict as error:
                    left[job.id] = str(error)
                else:
                    done += outcome is RetryOutcome.RETRIED
        if len(jobs) < _AT_ONCE:
            return Retried(done=done, left=left)
        before = jobs[-1].id
