"""A job of a plugin's own: its code runs between transactions, like a call to a provider."""

from collections.abc import Sequence

from clientflow_core import failpoints
from clientflow_core.contributions.context import AskedJob, Asking, PluginContext
from clientflow_core.contributions.jobs import JobContext, JobSpec
from clientflow_core.domain.jobs import plugin_lane
from clientflow_core.jobs.handlers import JobRun
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.registry.bound import context_for, job_kind
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.fence import fenced


async def run_plugin_job(
    run: JobRun, *, plugin: Plugin, spec: JobSpec, context: PluginContext
) -> None:
    """Do the job of *run*; the jobs that it asks for exist if it ends well.

    Raises:
        PluginError: it took too long.
        Exception: its own.
    """
    asking = Asking(plugin.contributions.job_names)
    context = context_for(context, run.job.organization_id)
    job_context = JobContext(
        plugin=context.plugin,
        providers=context.providers,
        clock=context.clock,
        log=context.log,
        own_settings=context.own_settings,
        open_own=context.open_own,
        organization_id=run.job.organization_id,
        args=run.job.args,
        attempt=run.job.attempts,
        asking=asking,
    )
    await fenced(
        lambda: spec.handle(job_context),
        plugin=plugin,
        what=f"the job {spec.name!r}",
        deadline_seconds=spec.deadline_seconds,
    )
    failpoints.hit("run_plugin_job.run")
    async with run.last_transaction() as transaction:
        await enqueue_asked(transaction, plugin, asking.jobs)


async def enqueue_asked(
    transaction: Transaction, plugin: Plugin, asked: Sequence[AskedJob]
) -> None:
    """Write down the jobs that the code of *plugin* has asked for, for the same organization."""
    specs = {spec.name: spec for spec in plugin.contributions.jobs}
    for job in asked:
        await enqueue(
            transaction,
            lane=plugin_lane(plugin.name),
            kind=job_kind(plugin.name, job.name),
            args=job.args,
            delay_seconds=job.delay_seconds,
            max_attempts=specs[job.name].max_attempts,
        )
