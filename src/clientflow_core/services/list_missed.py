"""A part of what a provider could not deliver: kept once, together with what asks for the next."""

import datetime as dt
from typing import Final, cast

import structlog

from clientflow_core import failpoints
from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.domain.jobs import UPKEEP
from clientflow_core.errors import ClientFlowError
from clientflow_core.ids import new_id
from clientflow_core.jobs.handlers import JobRun
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.inbound_events import store_inbound_events
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.providers.catch_up import MissedPage, MissedWebhook, SupportsCatchUp
from clientflow_core.providers.spec import ProviderKind
from clientflow_core.registry.registry import ProviderRegistry

LIST_MISSED: Final = "list_missed"

_NOTHING: Final = MissedPage(webhooks=(), next_cursor=None)

log = structlog.get_logger(__name__)


async def ask_for_page(
    transaction: Transaction, provider: str, *, since: dt.datetime, cursor: str | None
) -> None:
    """Ask for the part of what *provider* could not deliver that begins at *cursor*."""
    args = {"provider": provider, "since": since.isoformat(), "cursor": cursor}
    await enqueue(transaction, lane=UPKEEP, kind=LIST_MISSED, args=args)


async def list_missed(run: JobRun, *, registry: ProviderRegistry, public_url: str) -> None:
    """Keep one part of what a provider tells of, each webhook once, and ask for the next part.

    However much there is, what was read stays, also where the worker ends; only one part is in
    memory. Where the provider does not answer, that is all until the next slot of the schedule.

    Args:
        run: of the system's job.
        registry: the enabled providers.
        public_url: where the webhooks would have come to.
    """
    provider = run.job.args["provider"]
    since = dt.datetime.fromisoformat(run.job.args["since"])
    page = await _read_page(registry, provider, since=since, cursor=run.job.args["cursor"])
    events = [_as_event(provider, one, public_url) for one in page.webhooks]
    failpoints.hit("list_missed.asked")
    async with run.last_transaction() as transaction:
        new = await store_inbound_events(transaction, events) if events else 0
        if page.next_cursor is not None:
            await ask_for_page(transaction, provider, since=since, cursor=page.next_cursor)
    if new:
        log.warning("webhooks_were_missed", provider=provider, events=new)


async def _read_page(
    registry: ProviderRegistry, name: str, *, since: dt.datetime, cursor: str | None
) -> MissedPage:
    try:
        provider = await _open(registry, name)
        return await provider.list_missed(since=since, cursor=cursor)
    except ClientFlowError as error:
        log.warning("catch_up_failed", provider=name, error=error.code)
        return _NOTHING


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
        recipient=missed.recipient,
    )
