"""A plugin of the torture's own, so that the code around plugins is reached as well."""

import asyncio
from collections.abc import Iterable
from typing import Final

import attrs
from typing_extensions import override

from clientflow_core import (
    DomainEvent,
    Draft,
    EventKind,
    EventListener,
    Hooks,
    JobContext,
    JobSpec,
    PluginContext,
    PluginWebhook,
    ReceivedWebhook,
    Reject,
    Role,
    RouteRequest,
    RouteSpec,
    SendPhase,
    SendStep,
    SignatureRefused,
    Verified,
    WebhookRequest,
    hookimpl,
    setting,
)

# Long enough to be killed within, and short enough to leave room in the lane for what is resumed.
_HOLD_SECONDS: Final = 4.0


@attrs.frozen(kw_only=True)
class TortureNote:
    """Says that a job is asked for."""

    is_asked_for: bool


async def ask_for_note(request: RouteRequest[None, None, None]) -> TortureNote:
    """Ask for a job that goes well."""
    request.enqueue("note")
    return TortureNote(is_asked_for=True)


async def ask_for_failure(request: RouteRequest[None, None, None]) -> TortureNote:
    """Ask for a job that never goes well."""
    request.enqueue("fail")
    return TortureNote(is_asked_for=True)


async def ask_for_hold(request: RouteRequest[None, None, None]) -> TortureNote:
    """Ask for a job that takes a while the first time."""
    request.enqueue("hold")
    return TortureNote(is_asked_for=True)


async def note(context: JobContext) -> None:
    context.log.info("torture_note", attempt=context.attempt)


async def hold(context: JobContext) -> None:
    context.log.info("torture_holds", attempt=context.attempt)
    if context.attempt == 1:
        await asyncio.sleep(_HOLD_SECONDS)


async def fail(context: JobContext) -> None:
    msg = f"attempt {context.attempt} fails, as it was asked to"
    raise ValueError(msg)


async def hear(event: DomainEvent, context: PluginContext) -> None:
    context.log.info("torture_heard", message_id=str(event.message.id))


async def look(draft: Draft, context: PluginContext) -> Draft | Reject | None:
    context.log.info("torture_looked", message_id=str(draft.message_id))
    return None


@attrs.frozen(kw_only=True)
class TortureSettings:
    """Who calls is believed: there is nobody else on this machine."""

    is_open: bool = setting(env="TORTURE_IS_OPEN", help="whether forms are taken", default=True)


def verify(request: WebhookRequest, settings: TortureSettings) -> Verified:
    name = request.headers.get("x-id")
    if name is None:
        msg = "the form has no name"
        raise SignatureRefused(msg)
    return Verified(external_id=name, account="torture")


async def receive(received: ReceivedWebhook, context: JobContext) -> None:
    context.log.info("torture_received", form=received.external_id)
    context.enqueue("note")


class Torture(Hooks):
    @override
    @hookimpl
    def clientflow_settings(self) -> Iterable[type]:
        return [TortureSettings]

    @override
    @hookimpl
    def clientflow_webhooks(self) -> Iterable[PluginWebhook]:
        return [
            PluginWebhook(
                name="torture-form",
                settings=TortureSettings,
                verify=verify,
                handle=receive,
                keep_headers=frozenset({"x-id"}),
            )
        ]

    @override
    @hookimpl
    def clientflow_routes(self) -> Iterable[RouteSpec]:
        member = Role.MEMBER
        return [
            RouteSpec(method="POST", path="/notes", role=member, handle=ask_for_note),
            RouteSpec(method="POST", path="/failures", role=member, handle=ask_for_failure),
            RouteSpec(method="POST", path="/holds", role=member, handle=ask_for_hold),
        ]

    @override
    @hookimpl
    def clientflow_jobs(self) -> Iterable[JobSpec]:
        return [
            JobSpec(name="note", handle=note),
            JobSpec(name="hold", handle=hold, deadline_seconds=2 * _HOLD_SECONDS),
            JobSpec(name="fail", handle=fail, max_attempts=1),
        ]

    @override
    @hookimpl
    def clientflow_on_event(self) -> Iterable[EventListener]:
        return [EventListener(name="ear", kinds=[EventKind.MESSAGE_RECEIVED], handle=hear)]

    @override
    @hookimpl
    def clientflow_before_send(self) -> Iterable[SendStep]:
        return [SendStep(name="look", phase=SendPhase.COMPLIANCE, handle=look)]


plugin = Torture()
