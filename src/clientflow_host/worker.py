"""The worker: runs the jobs, hears the wake-ups, and answers for itself on a port of its own."""

import contextlib
import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import psycopg
from aiohttp import web

from clientflow_core.clock import Clock
from clientflow_core.contributions.context import Process
from clientflow_core.domain.jobs import ASSISTANCE, BILLING, CALENDARS, INBOUND, OUTBOUND, UPKEEP
from clientflow_core.errors import DatabaseUnfit
from clientflow_core.jobs.handlers import DatabaseJob, Handler, JobRun, ProviderJob
from clientflow_core.jobs.liveness import Liveness
from clientflow_core.jobs.runner import JobRunner
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.jobs.worker import JobWorker
from clientflow_core.persistence.server import connection_string
from clientflow_core.providers.observers import Observers
from clientflow_core.registry.bound import BoundRouter, BoundStep, send_steps
from clientflow_core.registry.bound import routers as bound_routers
from clientflow_core.registry.plugin_webhooks import webhook_jobs
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.catch_up import CATCH_UP, can_catch_up, catch_up
from clientflow_core.services.deliver_message import deliver_message
from clientflow_core.services.draft_reply import draft_reply, give_up_draft
from clientflow_core.services.echo import ECHO, echo
from clientflow_core.services.handle_inbound_event import (
    give_up_inbound_event,
    handle_inbound_event,
)
from clientflow_core.services.list_missed import LIST_MISSED, list_missed
from clientflow_core.services.prepare_message import prepare_message
from clientflow_core.services.purge_expired import PURGE_EXPIRED, purge_expired
from clientflow_core.services.record_attempt import give_up_message
from clientflow_core.services.request_draft import DRAFT_REPLY
from clientflow_core.services.send_message import DELIVER_MESSAGE
from clientflow_host.assembly import ASSEMBLY, Assembly, assemble, require_schema
from clientflow_host.billing_work import billing_handlers, billing_schedules
from clientflow_host.calendar_work import calendar_handlers, calendar_schedules
from clientflow_host.heartbeat import beating
from clientflow_host.metrics import PrometheusJobMeter
from clientflow_host.middleware.access import log_requests
from clientflow_host.middleware.authentication import authenticate
from clientflow_host.middleware.edge import send_default_headers
from clientflow_host.middleware.problems import answer_problems
from clientflow_host.openapi import add_operations
from clientflow_host.plugin_moments import plugins_running
from clientflow_host.plugin_work import plugin_handlers, plugin_lanes, plugin_schedules
from clientflow_host.routes import health
from clientflow_host.self_description import describe_process
from clientflow_host.serving import leaving_in_time, listening, wait_for_stop

# How many jobs of a lane run at once; those that wait for a provider hold no connection.
_LANES: Final = {INBOUND: 100, OUTBOUND: 50, UPKEEP: 1, BILLING: 20, CALENDARS: 20, ASSISTANCE: 10}
# Before it /ready says for half a second that it stops, and after it there is a second to leave.
_GRACE_SECONDS: Final = 7.5
_DELIVERY_SECONDS: Final = 60.0
_SCHEDULES: Final = (PURGE_EXPIRED,)


def job_handlers(assembly: Assembly) -> dict[str, Handler]:
    """Give who does which kind of job."""
    registry = assembly.registry
    steps = send_steps(registry.plugins, providers=registry, clock=assembly.clock)
    return {
        "handle_inbound_event": DatabaseJob(
            handle=functools.partial(
                handle_inbound_event, registry=registry, passed_on=webhook_jobs(registry.plugins)
            ),
            on_dead=give_up_inbound_event,
        ),
        DELIVER_MESSAGE: ProviderJob(
            handle=functools.partial(
                _deliver_message,
                steps=steps,
                registry=registry,
                clock=assembly.clock,
                routers=bound_routers(registry.plugins, observers=assembly.observers),
                observers=assembly.observers,
            ),
            on_dead=give_up_message,
            deadline_seconds=_DELIVERY_SECONDS + sum(one.step.deadline_seconds for one in steps),
        ),
        PURGE_EXPIRED.kind: DatabaseJob(
            handle=functools.partial(purge_expired, periods=assembly.settings.keep.periods)
        ),
        ECHO: DatabaseJob(handle=echo),
        CATCH_UP.kind: DatabaseJob(
            handle=functools.partial(catch_up, registry=registry, clock=assembly.clock)
        ),
        LIST_MISSED: ProviderJob(
            handle=functools.partial(
                list_missed, registry=registry, public_url=assembly.settings.url
            )
        ),
        DRAFT_REPLY: ProviderJob(
            handle=functools.partial(draft_reply, registry=registry), on_dead=give_up_draft
        ),
        **calendar_handlers(registry, public_url=assembly.settings.url, clock=assembly.clock),
        **billing_handlers(registry),
        **plugin_handlers(assembly),
    }


async def _deliver_message(
    run: JobRun,
    *,
    steps: Sequence[BoundStep],
    registry: ProviderRegistry,
    clock: Clock,
    routers: Sequence[BoundRouter],
    observers: Observers,
) -> None:
    if await prepare_message(run, steps=steps, observers=observers):
        await deliver_message(run, registry=registry, clock=clock, routers=routers)


def worker_lanes(assembly: Assembly) -> Mapping[str, int]:
    """Give the lanes that a worker works on, and how many jobs of each run at once."""
    return {**_LANES, **plugin_lanes(assembly.registry.plugins)}


def worker_schedules(assembly: Assembly) -> Sequence[Schedule]:
    """Give what a worker sees to at regular times."""
    return [
        *_SCHEDULES,
        *((CATCH_UP,) if can_catch_up(assembly.registry) else ()),
        *billing_schedules(assembly.registry),
        *calendar_schedules(assembly.registry),
        *plugin_schedules(assembly.registry.plugins),
    ]


@contextlib.asynccontextmanager
async def working(assembly: Assembly) -> AsyncIterator[None]:
    """Run jobs for as long as the block does; then finish what runs, and give back the rest.

    Raises:
        DatabaseUnfit: the worker's own connection to the database cannot be had.
    """
    runner = JobRunner(
        assembly.database,
        Liveness(connection_string(assembly.direct_url)),
        handlers=job_handlers(assembly),
        lanes=worker_lanes(assembly),
        schedules=worker_schedules(assembly),
        observers=assembly.observers,
        meter=PrometheusJobMeter(),
    )
    worker = JobWorker(runner, assembly.queue)
    try:
        await worker.start()
    except (psycopg.Error, TimeoutError) as error:
        what = (str(error).strip() or type(error).__name__).splitlines()[0]
        msg = (
            f"no lasting connection to the database: {what}. Where DATABASE_URL leads through a"
            " transaction pooler, CLIENTFLOW_DIRECT_DATABASE_URL must lead past it"
        )
        raise DatabaseUnfit(msg) from error
    try:
        yield
    finally:
        await worker.stop(grace_seconds=_GRACE_SECONDS)


async def work(values: Mapping[str, str]) -> None:
    """Run the worker until the process is told to stop.

    Raises:
        SettingsError, PluginError, DatabaseUnfit: it cannot be put together as *values* ask.
        PortTaken: something else listens at its port.
    """
    with leaving_in_time() as leaving:
        async with assemble(values) as assembly:
            await require_schema(assembly.database)
            async with _serving(assembly):
                await wait_for_stop()
                leaving.start()


@contextlib.asynccontextmanager
async def _serving(assembly: Assembly) -> AsyncIterator[None]:
    settings = assembly.settings
    describe = functools.partial(
        describe_process,
        assembly,
        lanes=worker_lanes(assembly),
        schedules=worker_schedules(assembly),
    )
    async with (
        plugins_running(assembly, Process.WORKER),
        beating(assembly.database, kind="worker", describe=describe, clock=assembly.clock),
        working(assembly),
        listening(
            _build_app(assembly),
            host=settings.host,
            port=settings.worker_port,
            port_env="CLIENTFLOW_WORKER_PORT",
        ),
    ):
        yield


def _build_app(assembly: Assembly) -> web.Application:
    app = web.Application()
    answer_problems(app, observers=assembly.observers)
    log_requests(app)
    app[ASSEMBLY] = assembly
    send_default_headers(app, url=assembly.settings.url)
    add_operations(app, health.OPERATIONS, authenticate=authenticate)
    return app
