"""What the worker is given: for each kind of job, who does it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs

from clientflow_core.domain.jobs import Job
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.jobs import finish_jobs, hold_job


class RetryLater(Exception):
    """The job cannot go on now. Put it back; this is not a fault.

    Args:
        reason: a code for the listing.
        delay_seconds: when to try again; None leaves it to the schedule.
        is_attempt: whether it counts as one of the tries after which a job is given up. A look at
            how an earlier try has ended does not.
    """

    def __init__(
        self, reason: str, *, delay_seconds: float | None = None, is_attempt: bool = True
    ) -> None:
        super().__init__(reason)
        self.delay_seconds = delay_seconds
        self.is_attempt = is_attempt


class FenceLost(Exception):
    """The job was given to another worker meanwhile; nothing of this run may stay."""


class JobRun:
    """One run of a job that needs more than one transaction, since it calls a provider.

    Reserve in :meth:`transaction`, call, record in :meth:`last_transaction`.
    """

    def __init__(self, database: Database, job: Job) -> None:
        self._database = database
        self.job = job
        self.is_finished = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction of the job's organization, as long as the job is ours.

        Raises:
            FenceLost: it is not.
        """
        async with open_scope(self._database, self.job) as transaction:
            if not await hold_job(transaction, self.job):
                raise FenceLost
            yield transaction

    @asynccontextmanager
    async def last_transaction(self) -> AsyncIterator[Transaction]:
        """Open the transaction that ends the job: its effect stays only if the job was ours.

        Raises:
            FenceLost: it was not; everything in the transaction is undone.
        """
        async with open_scope(self._database, self.job) as transaction:
            yield transaction
            if not await finish_jobs(transaction, [self.job]):
                raise FenceLost
        self.is_finished = True


InTransaction = Callable[[Transaction, Job], Awaitable[None]]
InSteps = Callable[[JobRun], Awaitable[None]]
OnDead = Callable[[Transaction, Job, str], Awaitable[None]]


async def _nothing(_: Transaction, __: Job, ___: str) -> None:
    """Do nothing more than the dead letter itself."""


@attrs.frozen(kw_only=True)
class DatabaseJob:
    """A kind of job that only reads and writes the database; a whole batch shares a transaction.

    Attributes:
        handle: does the work in the given transaction.
        on_dead: runs in the transaction that makes a dead letter of it, with the error's code.
    """

    handle: InTransaction
    on_dead: OnDead = _nothing


@attrs.frozen(kw_only=True)
class ProviderJob:
    """A kind of job that calls a provider between its transactions.

    Attributes:
        handle: does the work; must end with :meth:`JobRun.last_transaction` or raise.
        on_dead: as in :class:`DatabaseJob`.
        deadline_seconds: a run that takes longer is cancelled and tried again.
    """

    handle: InSteps
    on_dead: OnDead = _nothing
    deadline_seconds: float = 60.0


Handler = DatabaseJob | ProviderJob


@asynccontextmanager
async def open_scope(database: Database, job: Job) -> AsyncIterator[Transaction]:
    """Open the transaction that *job* belongs in: its organization's, or the system's."""
    if job.organization_id is None:
        async with database.system() as transaction:
            yield transaction
    else:
        async with database.organization(job.organization_id) as transaction:
            yield transaction
