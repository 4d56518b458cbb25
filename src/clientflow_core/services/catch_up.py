"""What came while nobody was there to take it: asked for at regular times, and kept once."""

import datetime as dt
from collections.abc import Sequence
from typing import Final, cast

import structlog

from clientflow_core import failpoints
from clientflow_core.clock import Clock
from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.domain.jobs import UPKEEP
from clientflow_core.errors import ClientFlowError
from clientflow_core.ids import new_id
from clientflow_core.jobs.handlers import JobRun
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.repositories.inbound_events import store_inbound_events
from clientflow_core.providers.catch_up import MissedWebhook, SupportsCatchUp
from clientflow_core.providers.spec import Capability, ProviderKind
from clientflow_core.registry.registry import ProviderRegistry

CATCH_UP: Final = Schedule(name="catch_up", every_seconds=900, lane=UPKEEP, kind="catch_up")
# Longer than an outage that nobody has noticed; what is known already costs a look and no more.
_LOOK_BACK: Final = dt.timedelta(days=1)

log = structlog.get_logger(__name__)


def can_catch_up(registry: ProviderRegistry) -> Sequence[str]:
    """Give the enabled providers that can be asked what they could not deliver."""
    return [
        name
        for name, enabled in registry.providers.items()
        if Capability.CATCH_UP in enabled.spec.capabilities
    ]


async def catch_up(
    run: JobRun, *, registry: ProviderRegistry, public_url: str, clock: Clock
) -> None:
    """Keep what the providers tell of since a day ago, each once, with the jobs that handle it.

    A provider that does not answer is in nobody's way: it is asked again with the next slot. Asked
    are those of the operator; what an organization has set for itself is not.

    Args:
        run: of the system's job.
        registry: the enabled providers.
        public_url: where the webhooks would have come to.
        clock: tells the time.
    """
    events: list[InboundEvent] = []
    since = clock.now() - _LOOK_BACK
    for name in can_catch_up(registry):
        try:
            provider = await _open(registry, name)
            missed = await provider.list_missed(since=since)
        except ClientFlowError as error:
            log.warning("catch_up_failed", provider=name, error=error.code)
            continue
        events += [_as_event(name, one, public_url) for one in missed]
    failpoints.hit("catch_up.asked")
    async with run.last_transaction() as transaction:
        new = await store_inbound_events(transaction, events) if events else 0
    if new:
        log.warning("webhooks_were_missed", events=new)


async def _open(registry: ProviderRegistry, name: str) -> SupportsCatchUp:
    is_billing = registry.spec(name).kind is ProviderKind.BILLING
    opened = await (registry.billing(name) if is_billing else registry.channel(name))
    # What a spec declares is proven when its provider is opened.
    return cast("SupportsCatchUp", opened)


def _as_event(provider: str, missed: MissedWebhook, public_url: str) -> InboundEvent:
    return InboundEvent(
        id=new_id(),
        provider=provider,
        webhook=missed.webhook,
        account=missed.account,
        external_id=missed.external_id,
        method="POST",
        url=f"{public_url}/webhooks/{missed.webhook}",
        headers=dict(missed.headers),
        body=missed.body,
        received_at=missed.occurred_at,
    )
