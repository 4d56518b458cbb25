"""Processes as they show themselves, without running them."""

from collections.abc import Mapping
from typing import Any

from clientflow_core.persistence.repositories.heartbeats import beat
from clientflow_core.release import release
from clientflow_host.assembly import Assembly
from clientflow_host.self_description import describe_process
from clientflow_host.worker import worker_lanes, worker_schedules

LOG = {"level": "info", "format": "json", "tells_statements": False}


async def show(
    assembly: Assembly, kind: str, *, of: str | None = None, name: str = "one", **changes: Any
) -> None:
    """Let a process of a *kind* show itself, of the release *of*; its details can be changed."""
    is_worker = kind == "worker"
    said = await describe_process(
        assembly,
        lanes=worker_lanes(assembly) if is_worker else (),
        schedules=worker_schedules(assembly) if is_worker else (),
    )
    details: Mapping[str, Any] = {**said, "log": LOG, **changes}
    async with assembly.database.system() as transaction:
        await beat(
            transaction,
            process=f"{kind}@{name}:1",
            kind=kind,
            release=of or release(),
            details=details,
        )


async def show_both(assembly: Assembly, **changes: Any) -> None:
    """Let a host and a worker show themselves."""
    await show(assembly, "serve", **changes)
    await show(assembly, "worker", **changes)
