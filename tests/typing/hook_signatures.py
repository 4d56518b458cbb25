"""What a type checker says of implementations of hooks: mypy checks this file, nothing runs it.

An argument of another name is the one thing that mypy lets pass; registration refuses it.

A line with an ``ignore`` is wrong on purpose. Were it no longer refused, mypy would report the
``ignore`` as unused.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, assert_type

import attrs
from typing_extensions import override

from clientflow_core import (
    Candidate,
    ChannelProvider,
    DomainEvent,
    Draft,
    EventKind,
    EventListener,
    Hooks,
    HostContext,
    JobContext,
    JobSpec,
    OutgoingMessage,
    PluginContext,
    ProviderSpec,
    RedactionRule,
    Reject,
    Role,
    Router,
    RouteRequest,
    RouteSpec,
    ScheduleSpec,
    SendPhase,
    SendStep,
    hookimpl,
)
from clientflow_core.registry.hook_calls import PluginHooks


@attrs.frozen(kw_only=True)
class Order:
    """What is ordered."""

    amount: int


async def right_job(context: JobContext) -> None:
    """Do a job."""
    context.enqueue("next", {"order_id": "o1"}, delay_seconds=5)


async def right_listener(event: DomainEvent, context: PluginContext) -> None:
    """Listen."""
    assert_type(event.message.body, str)


async def right_step(draft: Draft, context: PluginContext) -> Draft | Reject | None:
    """Change nothing."""
    return attrs.evolve(draft, body=draft.body)


async def right_route(request: RouteRequest[None, None, Order]) -> Order:
    """Place an order."""
    assert_type(request.body.amount, int)
    return request.body


def right_choice(
    message: OutgoingMessage, candidates: tuple[Candidate, ...]
) -> Sequence[uuid.UUID] | None:
    """Prefer the cheap one."""
    return [one.channel_id for one in candidates if one.provider == "cheap"] or None


async def late_choice(
    message: OutgoingMessage, candidates: tuple[Candidate, ...]
) -> Sequence[uuid.UUID] | None:
    """Choose when it is too late."""
    return None


def not_async(context: JobContext) -> None:
    """Do a job at once."""


async def other_context(context: HostContext) -> None:
    """Take what a job is not given."""


async def other_answer(draft: Draft, context: PluginContext) -> str:
    """Give a text."""
    return draft.body


async def one_argument(event: DomainEvent) -> None:
    """Take too little."""


class Right(Hooks):
    """Every hook, as it should be."""

    @override
    @hookimpl
    def clientflow_channels(self) -> Iterable[ProviderSpec[Any, ChannelProvider]]:
        return []

    @override
    @hookimpl
    def clientflow_jobs(self) -> Iterable[JobSpec]:
        return [JobSpec(name="ship", handle=right_job)]

    @override
    @hookimpl
    def clientflow_schedules(self) -> list[ScheduleSpec]:
        return [ScheduleSpec(name="daily", every_seconds=86_400, job="ship")]

    @override
    @hookimpl
    def clientflow_on_event(self) -> Iterable[EventListener]:
        yield EventListener(name="ear", kinds=[EventKind.MESSAGE_RECEIVED], handle=right_listener)

    @override
    @hookimpl
    def clientflow_before_send(self) -> Iterable[SendStep]:
        return [SendStep(name="sign", phase=SendPhase.TRANSFORM, handle=right_step)]

    @override
    @hookimpl
    def clientflow_routes(self) -> Iterable[RouteSpec]:
        return [RouteSpec(method="POST", path="/orders", role=Role.MEMBER, handle=right_route)]

    @override
    @hookimpl
    def clientflow_route(self) -> Iterable[Router]:
        return [Router(name="cheap", choose=right_choice)]

    @override
    @hookimpl
    def clientflow_redactions(self) -> Iterable[RedactionRule]:
        return [RedactionRule(name="card", pattern=r"\d{16}")]

    @override
    @hookimpl
    async def clientflow_startup(self, context: HostContext) -> None:
        context.log.info("started", process=context.process)


class Wrong(Hooks):
    """Hooks of another form."""

    @override
    @hookimpl
    def clientflow_jobs(self) -> Iterable[RouteSpec]:  # type: ignore[override]  # other things
        return []

    @override
    @hookimpl
    def clientflow_schedules(self) -> ScheduleSpec:  # type: ignore[override]  # one, not several
        return ScheduleSpec(name="daily", every_seconds=86_400, job="ship")

    @override
    @hookimpl
    def clientflow_channels(self, settings: Any) -> Any:  # type: ignore[override]  # no such argument
        return []

    @override
    @hookimpl
    async def clientflow_routes(self) -> Iterable[RouteSpec]:  # type: ignore[override]  # async
        return []

    @override
    @hookimpl
    def clientflow_startup(self, context: HostContext) -> None:  # type: ignore[override]  # not async
        return None


class WrongToo(Hooks):
    """Hooks of yet another form."""

    @override
    @hookimpl
    async def clientflow_startup(self, context: JobContext) -> None:  # type: ignore[override]  # its type
        return None

    @override
    @hookimpl
    async def clientflow_shutdown(self, *, context: HostContext) -> None:  # type: ignore[override]  # by keyword
        return None


JobSpec(name="a", handle=not_async)  # type: ignore[arg-type]  # not async
JobSpec(name="a", handle=other_context)  # type: ignore[arg-type]  # of another type
JobSpec(name="a", handle=right_job, retries=3)  # type: ignore[call-arg]  # no such argument
EventListener(name="a", kinds=[EventKind.MESSAGE_READ], handle=one_argument)  # type: ignore[arg-type]  # too few
SendStep(name="a", phase=SendPhase.ENRICH, handle=other_answer)  # type: ignore[arg-type]  # wrong answer
Router(name="a", choose=late_choice)  # type: ignore[arg-type]  # async
RouteSpec(method="POST", path="/a", handle=right_route)  # type: ignore[call-arg]  # no role
RouteSpec(method="GO", path="/a", role=Role.OWNER, handle=right_route)  # type: ignore[arg-type]  # no method


def collected(hooks: PluginHooks) -> None:
    """Collect with the types of the specifications."""
    assert_type(hooks.collect(Hooks.clientflow_jobs, of=JobSpec), list[JobSpec])
    hooks.collect(Hooks.clientflow_startup, of=JobSpec)  # type: ignore[arg-type]  # gives nothing
    hooks.moment(Hooks.clientflow_jobs)  # type: ignore[arg-type]  # nothing to await
