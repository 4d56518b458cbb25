"""``/api/v1/jobs``: work of the organization that was given up, and what becomes of it."""

import uuid
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

import attrs
from msgspec import Meta

from clientflow_core.domain.dead_jobs import DeadJobFilter, JobState, Remedy
from clientflow_core.domain.roles import Principal, Role
from clientflow_core.ids import IdPrefix, from_public_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.services.discard_job import discard_job
from clientflow_core.services.retry_job import retry_job
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.dead_letters import (
    LONGEST_REASON,
    DeadLetter,
    read_letter,
    read_letters,
    retry_letters,
)
from clientflow_host.openapi import LONG_SECONDS, ApiRequest, Link, Operation, Page, Timestamp
from clientflow_host.routes.lists import give_page
from clientflow_host.routes.views import Limit

_PATH: Final = "/api/v1/jobs"
_JOB: Final = f"{_PATH}/{{job_id}}"
_EXAMPLES: Final = ["job_00000000000000000000000000002a10"]
JobId: TypeAlias = Annotated[str, Meta(pattern="^job_[0-9a-f]{32}$", examples=_EXAMPLES)]
JobIdInPath: TypeAlias = Annotated[str, Meta(examples=_EXAMPLES)]
Kind: TypeAlias = Annotated[
    str, Meta(max_length=200, description="only those of this kind", examples=["deliver_message"])
]
ErrorCode: TypeAlias = Annotated[
    str,
    Meta(
        max_length=200,
        description="only those whose last error has this code",
        examples=["provider_unavailable"],
    ),
]
Reason: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_REASON,
        pattern=r"\S",
        description="kept with who has said so, and when",
        examples=["The client was called instead."],
    ),
]


@attrs.frozen(kw_only=True)
class JobPath:
    """Names a job."""

    job_id: JobIdInPath


@attrs.frozen(kw_only=True)
class JobsQuery:
    """Which page of the jobs that were given up; *discarded* are those that were then discarded."""

    limit: Limit = 20
    starting_after: JobId | None = None
    kind: Kind | None = None
    error: ErrorCode | None = None
    discarded: bool = False


@attrs.frozen(kw_only=True)
class JobChoice:
    """Which of the jobs that were given up are done again; all, where nothing is said."""

    kind: Kind | None = None
    error: ErrorCode | None = None


@attrs.frozen(kw_only=True)
class JobDiscard:
    """Why nobody needs a job."""

    reason: Reason


@attrs.frozen(kw_only=True)
class JobView:
    """Work that is not done.

    Attributes:
        about: what it is about, in words.
        remedy: whether it can be repeated.
        why: why it can be, or cannot.
        page: where people of the organization see what it is about.
    """

    id: JobId
    kind: str
    state: JobState
    about: str
    remedy: Remedy
    why: str
    page: str | None
    attempts: int
    last_error: str | None
    created_at: Timestamp
    dead_at: Timestamp | None
    discarded_at: Timestamp | None
    discarded_by: str | None
    discard_reason: str | None

    @classmethod
    def of(cls, letter: DeadLetter) -> "JobView":
        """Show *letter*."""
        job, known = letter.job, letter.diagnosis
        return cls(
            id=_public_id(job.id),
            kind=job.kind,
            state=job.state,
            about=known.about,
            remedy=known.remedy,
            why=known.why,
            page=known.page,
            attempts=job.attempts,
            last_error=job.last_error,
            created_at=job.created_at,
            dead_at=job.dead_at,
            discarded_at=job.discarded_at,
            discarded_by=job.discarded_by,
            discard_reason=job.discard_reason,
        )


@attrs.frozen(kw_only=True)
class JobsRetried:
    """How many jobs are done again, and how many are not, since they must not be."""

    retried: int
    left: int


async def list_all(request: ApiRequest[None, JobsQuery, None]) -> Page[JobView]:
    """List the jobs of the organization that were given up, the newest first.

    A webhook belongs to nobody before it is read: whoever runs the service sees those.
    """
    query = request.query
    which = DeadJobFilter(
        kind=query.kind,
        error=query.error,
        organization_id=request.principal.organization_id,
        is_discarded=query.discarded,
    )
    before = _id(query.starting_after) if query.starting_after else None

    async def load(transaction: Transaction, most: int) -> Sequence[DeadLetter]:
        return await read_letters(transaction, which, before=before, most=most)

    return await give_page(
        request, load, show=JobView.of, cursor=lambda letter: _public_id(letter.job.id)
    )


async def read(request: ApiRequest[JobPath, None, None]) -> JobView:
    """Read a job that is not done."""
    async with _own(request) as transaction:
        return await _show(transaction, request.path)


async def retry(request: ApiRequest[JobPath, None, None]) -> JobView:
    """Have a job that was given up done again.

    One that is under way stays as it is, so that whoever asks twice has it done once. What must not
    be repeated, such as a message that may have been sent, is a conflict.
    """
    async with _own(request) as transaction:
        await retry_job(transaction, _id(request.path.job_id), organization_id=transaction.scope)
        return await _show(transaction, request.path)


async def discard(request: ApiRequest[JobPath, None, JobDiscard]) -> JobView:
    """Discard a job that was given up, or still waits; one that was discarded stays as it is."""
    async with _own(request) as transaction:
        await discard_job(
            transaction,
            _id(request.path.job_id),
            by=name_of(request.principal),
            reason=request.body.reason,
            organization_id=transaction.scope,
        )
        return await _show(transaction, request.path)


async def retry_all(request: ApiRequest[None, None, JobChoice]) -> JobsRetried:
    """Have all jobs of the organization that were given up done again, or those of a choice."""
    which = DeadJobFilter(
        kind=request.body.kind,
        error=request.body.error,
        organization_id=request.principal.organization_id,
    )
    retried = await retry_letters(request.raw.app[ASSEMBLY].database, which)
    return JobsRetried(retried=retried.done, left=len(retried.left))


def name_of(principal: Principal) -> str:
    """Name who acts, for what is kept."""
    if principal.api_key_id is not None:
        return to_public_id(IdPrefix.API_KEY, principal.api_key_id)
    if principal.user_id is not None:
        return to_public_id(IdPrefix.USER, principal.user_id)
    return "somebody"


def _own(request: ApiRequest[Any, Any, Any]) -> AbstractAsyncContextManager[Transaction]:
    database = request.raw.app[ASSEMBLY].database
    return database.organization(request.principal.organization_id)


async def _show(transaction: Transaction, path: JobPath) -> JobView:
    job_id, whose = _id(path.job_id), transaction.scope
    return JobView.of(await read_letter(transaction, job_id, organization_id=whose))


def _public_id(job_id: int) -> str:
    return to_public_id(IdPrefix.JOB, uuid.UUID(int=job_id))


def _id(text: str) -> int:
    return from_public_id(IdPrefix.JOB, text).int


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.ADMIN,
        handler=list_all,
        tag="jobs",
        operation_id="list_jobs",
        links=(Link("read_job", {"job_id": "/data/0/id"}),),
    ),
    Operation(
        method="GET",
        path=_JOB,
        role=Role.ADMIN,
        handler=read,
        tag="jobs",
        operation_id="read_job",
        links=(
            Link("retry_job", {"job_id": "/id"}),
            Link("discard_job", {"job_id": "/id"}),
        ),
    ),
    Operation(
        method="POST",
        path=f"{_JOB}/retry",
        role=Role.ADMIN,
        handler=retry,
        tag="jobs",
        operation_id="retry_job",
        status=HTTPStatus.ACCEPTED,
        errors=(HTTPStatus.CONFLICT,),
        links=(Link("read_job", {"job_id": "/id"}),),
    ),
    Operation(
        method="POST",
        path=f"{_JOB}/discard",
        role=Role.ADMIN,
        handler=discard,
        tag="jobs",
        operation_id="discard_job",
        links=(Link("read_job", {"job_id": "/id"}),),
    ),
    Operation(
        method="POST",
        path="/api/v1/job-retries",
        role=Role.ADMIN,
        handler=retry_all,
        tag="jobs",
        operation_id="retry_jobs",
        deadline_seconds=LONG_SECONDS,
    ),
)
