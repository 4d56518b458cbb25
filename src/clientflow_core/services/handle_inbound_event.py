"""Way in, second half: what an event means, whose it is, and who does something about it."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from clientflow_core import failpoints
from clientflow_core.domain.changes import CalendarChanged, SubscriptionChanged
from clientflow_core.domain.consent import ConsentReported
from clientflow_core.domain.inbound_events import InboundEvent, InboundEventState
from clientflow_core.domain.jobs import Job
from clientflow_core.domain.messages import DeliveryReported, MessageReceived, ProviderEvent
from clientflow_core.errors import BadPayload
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.calendars import ask_for, route_calendar_change
from clientflow_core.persistence.repositories.exclusive import take
from clientflow_core.persistence.repositories.inbound_events import (
    finish_inbound_event,
    read_inbound_event,
    route_inbound_event,
)
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.registry.plugin_webhooks import WebhookJob
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.follow_subscription import follow_subscription
from clientflow_core.services.receive_consent import receive_consent
from clientflow_core.services.receive_message import receive_message
from clientflow_core.services.record_delivery import record_delivery
from clientflow_core.services.sync_calendar import SYNC_CALENDAR

_OfChannel: TypeAlias = MessageReceived | DeliveryReported | ConsentReported


async def handle_inbound_event(
    transaction: Transaction,
    job: Job,
    *,
    registry: ProviderRegistry,
    passed_on: Mapping[str, WebhookJob] | None = None,
) -> None:
    """Do what the event of *job* asks for, once; an event that was handled is left alone.

    One that cannot be read, or that concerns nobody here, is kept with the reason.

    Args:
        transaction: of the system.
        job: names the event.
        registry: the enabled providers.
        passed_on: the webhooks that belong to no provider, and by which job each is handled.
    """
    event = await read_inbound_event(transaction, job.id_arg("event_id"))
    if event.state is InboundEventState.DONE:
        return
    failpoints.hit("handle_inbound_event.read")
    by_plugin = (passed_on or {}).get(event.webhook)
    if by_plugin is not None:
        # In the plugin's own lane: its code must keep no provider's events waiting.
        args = {"event_id": str(event.id)}
        await enqueue(transaction, lane=by_plugin.lane, kind=by_plugin.kind, args=args)
        return
    state, reason = await _apply(transaction, event, registry)
    await finish_inbound_event(transaction, event.id, state=state, reason=reason)
    failpoints.hit("handle_inbound_event.applied")


async def give_up_inbound_event(transaction: Transaction, job: Job, error: str) -> None:
    """Mark the event of a job that has become a dead letter."""
    await finish_inbound_event(
        transaction, job.id_arg("event_id"), state=InboundEventState.FAILED, reason=error
    )


async def _apply(
    transaction: Transaction, event: InboundEvent, registry: ProviderRegistry
) -> tuple[InboundEventState, str | None]:
    webhook = registry.webhooks.get(event.webhook)
    if webhook is None:
        return InboundEventState.FAILED, f"no enabled plugin has the webhook {event.webhook!r}"
    request = WebhookRequest(
        method=event.method,
        url=event.url,
        headers=event.headers,
        body=event.body,
        received_at=event.received_at,
    )
    try:
        meant = webhook.parse(request)
    except BadPayload as error:
        return InboundEventState.FAILED, str(error)
    await take(transaction, {name for one in meant for name in _names(one)})
    reasons = [await _apply_one(transaction, event, one) for one in meant]
    if any(reason is None for reason in reasons):
        return InboundEventState.DONE, None
    return InboundEventState.IGNORED, "; ".join(filter(None, reasons)) or "it means nothing to us"


async def _apply_one(
    transaction: Transaction, event: InboundEvent, meant: ProviderEvent
) -> str | None:
    """Apply one of the things that *event* means; give the reason if it was ignored."""
    if isinstance(meant, CalendarChanged):
        return await _calendar_changed(transaction, event, meant)
    if isinstance(meant, SubscriptionChanged):
        return await follow_subscription(transaction, event, meant)
    addresses = _ours(meant)
    route = await route_inbound_event(
        transaction,
        event.id,
        provider=event.provider,
        addresses=addresses,
        attempt_id=None if isinstance(meant, MessageReceived) else meant.attempt_id,
    )
    if route is None:
        return _why_nobodys(event.provider, addresses)
    await transaction.switch_to(route.organization_id)
    return await _by_channel(transaction, event, meant, route.channel_id)


async def _by_channel(
    transaction: Transaction, event: InboundEvent, meant: _OfChannel, channel_id: uuid.UUID
) -> str | None:
    """Apply what concerns a channel, in the scope of its organization."""
    at = event.received_at
    is_ours = True
    match meant:
        case MessageReceived():
            await receive_message(transaction, meant, channel_id=channel_id, received_at=at)
        case DeliveryReported():
            is_ours = await record_delivery(transaction, meant, channel_id=channel_id)
        case ConsentReported():
            is_ours = await receive_consent(
                transaction, meant, channel_id=channel_id, received_at=at
            )
    return None if is_ours else f"no message of ours is {meant.provider_message_id}"


async def _calendar_changed(
    transaction: Transaction, event: InboundEvent, meant: CalendarChanged
) -> str | None:
    """Ask for a sync of the calendar; what has changed is not believed, but read."""
    found = await route_calendar_change(
        transaction, event.id, provider=event.provider, watch_id=meant.watch_id
    )
    if found is None:
        return f"no calendar of {event.provider} is watched as {meant.watch_id}"
    organization_id, calendar_id = found
    await transaction.switch_to(organization_id)
    await ask_for(transaction, SYNC_CALENDAR, calendar_id)
    return None


def _names(one: ProviderEvent) -> Iterator[str]:
    """Name the client or the message of ours whose rows will be locked."""
    match one:
        case MessageReceived(sender=client) | ConsentReported(client=str() as client):
            yield f"client {client}"
        case DeliveryReported() | ConsentReported():
            if one.provider_message_id:
                yield f"message {one.provider_message_id}"
            if one.attempt_id:
                yield f"attempt {one.attempt_id}"
        case SubscriptionChanged() | CalendarChanged():
            return


def _why_nobodys(provider: str, addresses: Sequence[str]) -> str:
    if not addresses:
        return "it names no address of ours, and no attempt that we know"
    return f"no channel of {provider} has the address {' or '.join(addresses)}"


def _ours(meant: _OfChannel) -> tuple[str, ...]:
    """Give the addresses of ours that an event arrived at, or is about."""
    ours = meant.recipient if isinstance(meant, MessageReceived) else meant.sender
    return tuple(address for address in (ours, meant.group) if address)
