"""For who runs the service: what was given up, and what becomes of it."""

from collections.abc import Mapping
from typing import Annotated, Final

import attrs
from aiohttp import web
from msgspec import Meta

from clientflow_core.domain.dead_jobs import DeadJobFilter
from clientflow_core.domain.roles import Role
from clientflow_core.errors import FieldError, InvalidInput
from clientflow_core.ids import IdPrefix, from_public_id
from clientflow_core.persistence.repositories.dead_jobs import count_dead_jobs
from clientflow_core.persistence.repositories.unknown_messages import list_unknown_messages
from clientflow_core.services.discard_job import discard_job
from clientflow_core.services.retry_job import RetryOutcome, retry_job
from clientflow_core.services.settle_unknown import settle_unknown
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.dead_letters import read_letters, read_reason, retry_letters, say_error
from clientflow_host.middleware.sessions import SIGNED_IN
from clientflow_host.openapi import LONG_SECONDS, ApiRequest, Operation
from clientflow_host.pages.rendering import render

_PATH: Final = "/operation/jobs"
_SHOWN: Final = 50
_OUTCOMES: Final[Mapping[str, str]] = {
    "retried": "It is done again now.",
    "under-way": "It is under way already, or done: nothing more was asked for.",
    "discarded": "It was discarded; who has and why is kept.",
    "not-there": "It was not there any more: nothing was changed.",
    "settled": "What you said is kept with the message.",
}


@attrs.frozen(kw_only=True)
class JobPath:
    """Names a job."""

    job_id: str


@attrs.frozen(kw_only=True)
class MessagePath:
    """Names a message of an organization."""

    organization_id: str
    message_id: str


@attrs.frozen(kw_only=True)
class JobsPageQuery:
    """Which jobs are shown, and what has come of what was asked for before."""

    kind: Annotated[str, Meta(max_length=200)] | None = None
    before: Annotated[int, Meta(ge=1, le=2**62)] | None = None
    outcome: Annotated[str, Meta(max_length=20)] | None = None
    retried: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    left: Annotated[int, Meta(ge=0, le=10**9)] = 0


async def show_jobs(request: ApiRequest[None, JobsPageQuery, None]) -> web.Response:
    """Show what was given up, and the messages that may have been sent."""
    query = request.query
    async with request.raw.app[ASSEMBLY].database.system() as transaction:
        unknown = await list_unknown_messages(transaction, most=_SHOWN)
        counts = await count_dead_jobs(transaction, DeadJobFilter())
        which = DeadJobFilter(kind=query.kind)
        letters = await read_letters(transaction, which, before=query.before, most=_SHOWN + 1)
    return render(
        request.raw,
        "jobs.html",
        outcome=_outcome(query),
        unknown=unknown if query.before is None else (),
        counts=counts,
        kind=query.kind,
        letters=letters[:_SHOWN],
        has_more=len(letters) > _SHOWN,
        say_error=say_error,
        own_id=request.principal.organization_id,
    )


async def retry(request: ApiRequest[JobPath, None, None]) -> web.StreamResponse:
    """Have a job done again, and go back; whoever presses twice has it done once."""
    job_id = from_public_id(IdPrefix.JOB, request.path.job_id).int
    async with request.raw.app[ASSEMBLY].database.system() as transaction:
        outcome = await retry_job(transaction, job_id)
    raise _back("retried" if outcome is RetryOutcome.RETRIED else "under-way")


async def retry_all(request: ApiRequest[None, None, None]) -> web.StreamResponse:
    """Have all jobs done again, or those of a kind, and go back."""
    form = await request.raw.post()
    which = DeadJobFilter(kind=str(form.get("kind") or "") or None)
    retried = await retry_letters(request.raw.app[ASSEMBLY].database, which)
    raise web.HTTPSeeOther(f"{_PATH}?retried={retried.done}&left={len(retried.left)}")


async def discard(request: ApiRequest[JobPath, None, None]) -> web.StreamResponse:
    """Discard a job with a reason, and go back."""
    job_id = from_public_id(IdPrefix.JOB, request.path.job_id).int
    reason = read_reason(str((await request.raw.post()).get("reason", "")))
    async with request.raw.app[ASSEMBLY].database.system() as transaction:
        is_done = await discard_job(transaction, job_id, by=_person(request.raw), reason=reason)
    raise _back("discarded" if is_done else "not-there")


async def settle(request: ApiRequest[MessagePath, None, None]) -> web.StreamResponse:
    """Say whether a message was sent, or have it sent again, and go back."""
    path, form = request.path, await request.raw.post()
    organization_id = from_public_id(IdPrefix.ORGANIZATION, path.organization_id)
    message_id = from_public_id(IdPrefix.MESSAGE, path.message_id)
    reason = read_reason(str(form.get("reason", "")))
    was_sent = _read_was_sent(str(form.get("was_sent", "")))
    by = _person(request.raw)
    async with request.raw.app[ASSEMBLY].database.organization(organization_id) as transaction:
        await settle_unknown(transaction, message_id, was_sent=was_sent, by=by, reason=reason)
    raise _back("settled")


def _back(outcome: str) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"{_PATH}?outcome={outcome}")


def _outcome(query: JobsPageQuery) -> str | None:
    if query.retried is None:
        return _OUTCOMES.get(query.outcome or "")
    return f"{query.retried} are done again now; {query.left} were left alone."


def _person(request: web.Request) -> str:
    return request[SIGNED_IN].email


def _read_was_sent(text: str) -> bool:
    if text in ("yes", "no"):
        return text == "yes"
    rule = "must be yes or no"
    raise InvalidInput(f"was_sent {rule}.", [FieldError("/was_sent", rule)])


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_PATH,
        role=Role.VIEWER,
        for_operators=True,
        handler=show_jobs,
        tag="pages",
        media_type="text/html",
    ),
    Operation(
        method="POST",
        path=f"{_PATH}/retry",
        role=Role.VIEWER,
        for_operators=True,
        handler=retry_all,
        tag="pages",
        operation_id="retry_jobs_on_page",
        foreign=True,
        deadline_seconds=LONG_SECONDS,
    ),
    Operation(
        method="POST",
        path=f"{_PATH}/{{job_id}}/retry",
        role=Role.VIEWER,
        for_operators=True,
        handler=retry,
        tag="pages",
        operation_id="retry_job_on_page",
        foreign=True,
    ),
    Operation(
        method="POST",
        path=f"{_PATH}/{{job_id}}/discard",
        role=Role.VIEWER,
        for_operators=True,
        handler=discard,
        tag="pages",
        operation_id="discard_job_on_page",
        foreign=True,
    ),
    Operation(
        method="POST",
        path="/operation/messages/{organization_id}/{message_id}/settle",
        role=Role.VIEWER,
        for_operators=True,
        handler=settle,
        tag="pages",
        operation_id="settle_message_on_page",
        foreign=True,
    ),
)
