"""Way out, between the halves: plugins look at a message before any provider has seen it.

This happens once for a message, and what comes of it is kept as its body: what a provider is asked
about later must be what was sent, and a second run would change it a second time.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs
import structlog

from clientflow_core import failpoints
from clientflow_core.contributions.drafts import Draft, Reject, SendPhase
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.errors import PluginError
from clientflow_core.jobs.handlers import FenceLost, JobRun
from clientflow_core.persistence.repositories.jobs import mark_job
from clientflow_core.persistence.repositories.messages import (
    list_attempts,
    read_delivery,
    read_message,
    update_message,
)
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.providers.observers import NOBODY, Observers
from clientflow_core.registry.bound import BoundStep, context_for
from clientflow_core.registry.fence import fenced

PREPARED: Final = "prepared"
FAILED: Final = "before_send_failed"
_REASON_LENGTH: Final = 400

log = structlog.get_logger(__name__)


@attrs.frozen
class _Rejected:
    bound: BoundStep
    reject: Reject


async def prepare_message(
    run: JobRun, *, steps: Sequence[BoundStep], observers: Observers = NOBODY
) -> bool:
    """Let the message of the job pass *steps*; *observers* are told of those that fail.

    Returns:
        False if one rejected it: the message has failed and the job is done.
    """
    if not steps or PREPARED in run.job.args:
        return True
    draft = await _read_draft(run)
    if draft is None:
        return True
    end = await _pass(draft, steps, observers)
    failpoints.hit("prepare_message.passed")
    if isinstance(end, _Rejected):
        await _reject(run, end)
        return False
    await _keep(run, draft, end)
    return True


async def _read_draft(run: JobRun) -> Draft | None:
    """Read the message as it is before its first attempt; None if there was one, or it has gone."""
    async with run.transaction() as transaction:
        delivery = await read_delivery(transaction, run.job.id_arg("message_id"))
        message = delivery.message
        is_new = message.status is MessageStatus.QUEUED
        if not is_new or await list_attempts(transaction, message.id):
            return None
        return Draft(
            message_id=message.id,
            organization_id=transaction.scope,
            provider=delivery.channel.provider,
            sender=delivery.channel.address,
            recipient=delivery.recipient,
            body=message.body,
            medium=delivery.channel.medium,
        )


async def _pass(
    draft: Draft, steps: Sequence[BoundStep], observers: Observers
) -> Draft | _Rejected:
    for bound in steps:
        try:
            answer = await _ask(bound, draft)
        except Exception as error:
            log.warning(
                "before_send_failed",
                plugin=bound.plugin.name,
                step=bound.step.name,
                phase=bound.step.phase.value,
                message_id=str(draft.message_id),
                error=type(error).__name__,
                exc_info=error,
            )
            fields = {"plugin": bound.plugin.name, "step": bound.step.name}
            observers.report_error(error, fields=fields)
            if bound.step.phase is not SendPhase.COMPLIANCE:
                continue
            reason = f"its step {bound.step.name!r} failed ({type(error).__name__})"
            return _Rejected(bound, Reject(code=FAILED, reason=reason))
        if isinstance(answer, Reject):
            return _Rejected(bound, answer)
        draft = answer
    return draft


async def _ask(bound: BoundStep, draft: Draft) -> Draft | Reject:
    """Ask one step.

    Raises:
        PluginError: it took too long, or its answer is none.
        Exception: its own.
    """
    step = bound.step
    what = f"the step {step.name!r}"
    context = context_for(bound.context, draft.organization_id)
    answer: Any = await fenced(
        lambda: step.handle(draft, context),
        plugin=bound.plugin,
        what=what,
        deadline_seconds=step.deadline_seconds,
    )
    if answer is None:
        return draft
    if isinstance(answer, Reject):
        return answer
    if not isinstance(answer, Draft) or attrs.evolve(answer, body=draft.body) != draft:
        msg = f"{what} of {bound.plugin.source} must give the draft with another body, or a Reject"
        raise PluginError(msg)
    body: Any = answer.body
    longest = draft.medium.longest_body
    if not (isinstance(body, str) and 1 <= len(body) <= longest):
        limits = f"1 to {longest} characters long"
        msg = f"{what} of {bound.plugin.source} gives a body that is not {limits}"
        raise PluginError(msg)
    return answer


async def _keep(run: JobRun, before: Draft, after: Draft) -> None:
    async with run.transaction() as transaction:
        message = await read_message(transaction, before.message_id, is_locked=True)
        if message.status is MessageStatus.QUEUED and before.body != after.body:
            await update_message(transaction, message.id, body=after.body)
        if not await mark_job(transaction, run.job, PREPARED):
            raise FenceLost


async def _reject(run: JobRun, rejected: _Rejected) -> None:
    plugin, reject = rejected.bound.plugin, rejected.reject
    async with run.last_transaction() as transaction:
        message_id = run.job.id_arg("message_id")
        message = await read_message(transaction, message_id, is_locked=True)
        if message.status is not MessageStatus.QUEUED:
            return
        await update_message(
            transaction,
            message_id,
            status=MessageStatus.FAILED.value,
            error_code=f"{plugin.name}.{reject.code}",
            error_detail=f"{plugin.source} rejected it: {reject.reason[:_REASON_LENGTH]}",
        )
        await add_stream_event(transaction, f"message.{MessageStatus.FAILED.value}", message_id)
