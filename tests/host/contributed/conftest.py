"""A plugin that brings everything but a provider, from a distribution of its own on disk."""

import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from types import ModuleType
from typing import Any, Final

import pytest

from clientflow_core.domain.roles import Role
from clientflow_host.assembly import Assembly
from clientflow_host.worker import working
from tests.core.registry.conftest import Install, install
from tests.host.conftest import Host

__all__ = ["install"]

HEAD: Final = """
import asyncio
import sys
import typing
import attrs
from clientflow_core import *

SEEN = []
FAILING = set()

def fail_if_asked(what):
    SEEN.append(what)
    if what in FAILING:
        raise ValueError("it was asked to fail")
"""

ACME: Final = (
    HEAD
    + """
@attrs.frozen(kw_only=True)
class AcmeOrderPath:
    order_id: str

@attrs.frozen(kw_only=True)
class AcmeQuery:
    verbose: bool = False

@attrs.frozen(kw_only=True)
class AcmeOrder:
    amount: int

@attrs.frozen(kw_only=True)
class AcmeAnswer:
    order_id: str
    amount: int
    organization: str

async def place_order(request: RouteRequest[AcmeOrderPath, AcmeQuery, AcmeOrder]) -> AcmeAnswer:
    \"\"\"Place an order.\"\"\"
    if request.body.amount == 13:
        raise InvalidInput("too many", [FieldError("/amount", "nobody wants that many")])
    if request.body.amount == 14:
        raise KeyError("a fault of its own")
    if request.body.amount == 15:
        return AcmeOrder(amount=1)
    request.enqueue("ship", {"order_id": request.path.order_id})
    if request.body.amount == 16:
        raise NotFound("there is no such order")
    return AcmeAnswer(
        order_id=request.path.order_id,
        amount=request.body.amount,
        organization=str(request.organization_id),
    )

async def dawdle(request: RouteRequest[None, None, None]) -> None:
    \"\"\"Take too long.\"\"\"
    await asyncio.sleep(60)

async def hello(request: RouteRequest[None, None, None]) -> None:
    \"\"\"Say hello to anybody.\"\"\"
    SEEN.append(("hello", request.caller))

async def ship(context: JobContext) -> None:
    SEEN.append(("ship", context.organization_id, dict(context.args), context.attempt))
    fail_if_asked("ship")
    context.log.info("shipped", order_id=context.args.get("order_id"))
    context.enqueue("bill", {"order_id": context.args["order_id"]})

async def bill(context: JobContext) -> None:
    SEEN.append(("bill", context.organization_id, dict(context.args)))

async def tidy(context: JobContext) -> None:
    SEEN.append(("tidy", context.organization_id, dict(context.args), context.plugin))

async def hear(event: DomainEvent, context: PluginContext) -> None:
    SEEN.append((event.kind, event.message.body, event.own_address, event.client_address))
    fail_if_asked("hear")

class Acme(Hooks):
    @hookimpl
    def clientflow_routes(self):
        return [
            RouteSpec(method="POST", path="/orders/{order_id}", role=Role.MEMBER,
                      handle=place_order),
            RouteSpec(method="GET", path="/slow", role="viewer", handle=dawdle,
                      deadline_seconds=0.05),
            RouteSpec(method="GET", path="/hello", role=Role.PUBLIC, handle=hello),
        ]

    @hookimpl
    def clientflow_jobs(self):
        return [
            JobSpec(name="ship", handle=ship, max_attempts=2),
            JobSpec(name="bill", handle=bill),
            JobSpec(name="tidy", handle=tidy, max_attempts=3),
        ]

    @hookimpl
    def clientflow_schedules(self):
        return [ScheduleSpec(name="often", every_seconds=3600, job="tidy")]

    @hookimpl
    def clientflow_on_event(self):
        return [EventListener(name="ear", kinds={"message.received"}, handle=hear)]

plugin = Acme()
"""
)


@pytest.fixture
def body() -> str:
    """The code of the plugin."""
    return ACME


@pytest.fixture(autouse=True)
def installed(install: Install, body: str) -> None:
    """The plugin ``acme`` is installed; it needs no settings, so it is enabled."""
    install("acme", body=body)


@pytest.fixture
def acme(assembly: Assembly) -> ModuleType:
    """The module of the plugin, once it is assembled."""
    return sys.modules["acme_dist"]


@pytest.fixture
async def working_host(host: Host, acme: ModuleType) -> AsyncIterator[Host]:
    """The host beside a worker."""
    async with working(host.assembly):
        yield host


def told(logs: Iterable[Mapping[str, Any]], event: str) -> str:
    """Give what the log says of the exceptions behind the lines of an event."""
    errors = [one["exc_info"] for one in logs if one["event"] == event]
    assert errors, logs
    return "\n".join(
        line for error in errors for line in (str(error), *getattr(error, "__notes__", ()))
    )


def jobs(host: Host) -> list[tuple[Any, ...]]:
    """Give lane, kind, arguments and most attempts of every job."""
    return host.rows("SELECT lane, kind, args, max_attempts FROM jobs ORDER BY id")


def viewer(host: Host) -> Any:
    """Make a key that may only look."""
    return host.add_key(Role.VIEWER)
