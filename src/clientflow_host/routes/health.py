"""``/health``, ``/ready`` and ``/metrics``: for whoever watches over the processes."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Literal

import attrs
from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from clientflow_core.domain.roles import Role
from clientflow_core.persistence.readiness import read_readiness
from clientflow_host.assembly import ASSEMBLY, Assembly
from clientflow_host.gauges import read_gauges
from clientflow_host.metrics import CHECKLIST_AGENT, SCRAPES
from clientflow_host.openapi import ApiRequest, Operation, Reply
from clientflow_host.serving import SERVING


class ReadyStatus(StrEnum):
    """Whether requests can be served; *degraded* serves, but something behind it is missing."""

    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


@attrs.frozen(kw_only=True)
class Health:
    """The process runs."""

    status: Literal["ok"] = "ok"


@attrs.frozen(kw_only=True)
class Readiness:
    """What the process needs, and how each of it is.

    Attributes:
        checks: for each, ``ok`` or what is wrong.
        plugins: for each provider, how it is in this process: ``ready``, ``not opened``, or what is
            wrong with it.
    """

    status: ReadyStatus
    checks: Mapping[str, str]
    plugins: Mapping[str, str]


async def health(request: ApiRequest[None, None, None]) -> Health:
    """Tell that the process runs."""
    return Health()


async def ready(request: ApiRequest[None, None, None]) -> Reply[Readiness]:
    """Tell whether requests can be served, and what is missing."""
    readiness = await check_readiness(
        request.raw.app[ASSEMBLY], is_draining=request.raw.app[SERVING].is_draining
    )
    is_unavailable = readiness.status is ReadyStatus.UNAVAILABLE
    status = HTTPStatus.SERVICE_UNAVAILABLE if is_unavailable else HTTPStatus.OK
    return Reply(body=readiness, status=status)


async def metrics(request: ApiRequest[None, None, None]) -> web.Response:
    """Give what is counted, for Prometheus."""
    assembly = request.raw.app[ASSEMBLY]
    await read_gauges(assembly.database, assembly.queue, assembly.registry)
    if request.raw.headers.get(hdrs.USER_AGENT) != CHECKLIST_AGENT:
        SCRAPES.last_at = assembly.clock.now()
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def check_readiness(assembly: Assembly, *, is_draining: bool) -> Readiness:
    """Look at everything that the process needs; takes a few seconds at the most.

    One that is stopping looks at nothing: who spreads requests is to know of it at once.
    """
    if is_draining:
        checks = {"process": "stopping"}
        return Readiness(status=ReadyStatus.UNAVAILABLE, checks=checks, plugins={})
    found = await read_readiness(assembly.database)
    needed = {
        "database": found.database,
        "schema": found.schema,
        "process": "ok",
    }
    wanted = {"workers": found.workers, **await assembly.queue.check()}
    status = ReadyStatus.OK
    lifecycles, quarantined = assembly.registry.lifecycles(), assembly.registry.quarantined
    is_missing = bool(quarantined) or not all(one.is_fit for one in lifecycles.values())
    if is_missing or any(answer != "ok" for answer in wanted.values()):
        status = ReadyStatus.DEGRADED
    if any(answer != "ok" for answer in needed.values()):
        status = ReadyStatus.UNAVAILABLE
    return Readiness(
        status=status,
        checks=needed | wanted,
        plugins={name: one.describe() for name, one in lifecycles.items()}
        | {one.name: f"quarantined: {one.summary}" for one in quarantined},
    )


OPERATIONS: Final = (
    Operation(method="GET", path="/health", role=Role.PUBLIC, handler=health, tag="operation"),
    Operation(
        method="GET",
        path="/ready",
        role=Role.PUBLIC,
        handler=ready,
        tag="operation",
        other_statuses=(HTTPStatus.SERVICE_UNAVAILABLE,),
    ),
    Operation(
        method="GET",
        path="/metrics",
        role=Role.PUBLIC,
        handler=metrics,
        tag="operation",
        media_type="text/plain",
    ),
)
