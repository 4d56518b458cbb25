"""Way in, for a webhook of a plugin's own: its code runs between transactions, once it is kept."""

from clientflow_core import failpoints
from clientflow_core.contributions.context import Asking, PluginContext
from clientflow_core.contributions.jobs import JobContext
from clientflow_core.contributions.webhooks import PluginWebhook, ReceivedWebhook
from clientflow_core.domain.inbound_events import InboundEvent, InboundEventState
from clientflow_core.errors import BadPayload
from clientflow_core.jobs.handlers import JobRun
from clientflow_core.persistence.repositories.inbound_events import (
    finish_inbound_event,
    read_inbound_event,
)
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.fence import fenced
from clientflow_core.services.run_plugin_job import enqueue_asked


async def handle_plugin_webhook(
    run: JobRun, *, plugin: Plugin, webhook: PluginWebhook, context: PluginContext
) -> None:
    """Let *plugin* handle the event of *run*; one that was handled is left alone.

    Raises:
        PluginError: it took too long.
        Exception: its own.
    """
    event_id = run.job.id_arg("event_id")
    async with run.transaction() as transaction:
        event = await read_inbound_event(transaction, event_id)
    asking = Asking(plugin.contributions.job_names)
    state, reason = InboundEventState.DONE, None
    if event.state is not InboundEventState.DONE:
        try:
            await fenced(
                lambda: webhook.handle(_received(event), _job_context(run, context, asking)),
                plugin=plugin,
                what=f"the webhook {webhook.name!r}",
                deadline_seconds=webhook.deadline_seconds,
            )
        except BadPayload as error:
            state, reason = InboundEventState.FAILED, str(error)
        failpoints.hit("handle_plugin_webhook.handled")
    async with run.last_transaction() as transaction:
        await finish_inbound_event(transaction, event_id, state=state, reason=reason)
        if state is InboundEventState.DONE:
            await enqueue_asked(transaction, plugin, asking.jobs)


def _received(event: InboundEvent) -> ReceivedWebhook:
    return ReceivedWebhook(
        id=event.id,
        account=event.account,
        external_id=event.external_id,
        method=event.method,
        url=event.url,
        headers=event.headers,
        body=event.body,
        received_at=event.received_at,
    )


def _job_context(run: JobRun, context: PluginContext, asking: Asking) -> JobContext:
    return JobContext(
        plugin=context.plugin,
        providers=context.providers,
        clock=context.clock,
        log=context.log,
        own_settings=context.own_settings,
        open_own=context.open_own,
        organization_id=None,
        args={},
        attempt=run.job.attempts,
        asking=asking,
    )
