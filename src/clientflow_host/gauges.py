"""What is looked up each time that somebody takes the metrics: one small query, for a moment."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import psycopg
import sqlalchemy as sa

from clientflow_core.domain.jobs import LANES, plugin_lane
from clientflow_core.jobs.wake_queue import WakeQueue
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.job_lanes import LaneState, read_lanes
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_host.metrics import DEAD_JOBS, DEPENDENCY_UP, JOB_LAG, set_states

_ANSWER_SECONDS: Final = 2.0
_AWAY: Final = (sa.exc.SQLAlchemyError, psycopg.Error, OSError)

# The loop itself would let go of a task that nobody holds.
_looks: Final[set[asyncio.Task[Sequence[LaneState] | None]]] = set()


async def read_gauges(database: Database, queue: WakeQueue, registry: ProviderRegistry) -> None:
    """Bring up to date what the metrics say of the present; raises nothing.

    What cannot be looked up is left out, and not told as it was before.
    """
    lanes, carriers = await asyncio.gather(_look(database, known_lanes(registry)), queue.check())
    _set_lanes(lanes)
    for name, found in carriers.items():
        DEPENDENCY_UP.labels(name).set(found == "ok")
    states = provider_states(registry)
    set_states(states)
    for name, state in states.items():
        DEPENDENCY_UP.labels(name).set(state in {"ready", "not_opened"})


def known_lanes(registry: ProviderRegistry) -> Sequence[str]:
    """Give the lanes in which there may be work."""
    busy = [one.name for one in registry.plugins if one.contributions.has_work]
    return [*LANES, *map(plugin_lane, busy)]


def provider_states(registry: ProviderRegistry) -> Mapping[str, str]:
    """Give the state of each provider in this process, in one word."""
    lifecycles = registry.lifecycles()
    states = {name: one.state.value.replace(" ", "_") for name, one in lifecycles.items()}
    return {**states, **{one.name: "quarantined" for one in registry.quarantined}}


def _set_lanes(lanes: Sequence[LaneState] | None) -> None:
    for gauge in (JOB_LAG, DEAD_JOBS, DEPENDENCY_UP):
        gauge.clear()
    DEPENDENCY_UP.labels("database").set(lanes is not None)
    for lane in lanes or ():
        JOB_LAG.labels(lane.lane).set(lane.lag_seconds)
        DEAD_JOBS.labels(lane.lane).set(lane.dead)
        DEPENDENCY_UP.labels("worker").set(lane.has_worker)


async def _look(database: Database, lanes: Sequence[str]) -> Sequence[LaneState] | None:
    """Give how the lanes are; None if the database does not say so in time."""
    look = asyncio.create_task(_read(database, lanes))
    _looks.add(look)
    look.add_done_callback(_looks.discard)
    try:
        await asyncio.wait([look], timeout=_ANSWER_SECONDS)
        return look.result() if look.done() else None
    finally:
        # Not waited for: psycopg takes ten seconds to give up what a silent server does.
        look.cancel()


async def _read(database: Database, lanes: Sequence[str]) -> Sequence[LaneState] | None:
    try:
        async with database.system() as transaction:
            return await read_lanes(transaction, lanes)
    except _AWAY:
        return None
