"""A plugin is told of what has happened: after the commit, and again until it has heard."""

from clientflow_core import failpoints
from clientflow_core.contributions.context import PluginContext
from clientflow_core.contributions.events import DomainEvent, EventKind, EventListener
from clientflow_core.domain.jobs import Job
from clientflow_core.errors import NotFound
from clientflow_core.jobs.handlers import JobRun
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.messages import read_delivery
from clientflow_core.registry.bound import context_for
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.fence import fenced


async def tell_listener(
    run: JobRun, *, plugin: Plugin, listener: EventListener, context: PluginContext
) -> None:
    """Tell *listener* of the event of *run*; one whose message is gone is told to nobody.

    Raises:
        PluginError: it took too long.
        Exception: its own.
    """
    async with run.transaction() as transaction:
        event = await _read_event(transaction, run.job)
    if event is not None:
        told, theirs = event, context_for(context, event.organization_id)
        await fenced(
            lambda: listener.handle(told, theirs),
            plugin=plugin,
            what=f"the listener {listener.name!r}",
            deadline_seconds=listener.deadline_seconds,
        )
    failpoints.hit("tell_listener.told")
    async with run.last_transaction():
        return


async def _read_event(transaction: Transaction, job: Job) -> DomainEvent | None:
    try:
        delivery = await read_delivery(transaction, job.id_arg("subject_id"))
    except NotFound:
        return None
    return DomainEvent(
        id=job.id_arg("event_id"),
        kind=EventKind(job.args["event"]),
        organization_id=transaction.scope,
        message=delivery.message,
        provider=delivery.channel.provider,
        own_address=delivery.channel.address,
        client_address=delivery.recipient,
        attempt=job.attempts,
    )
