"""A part of what a provider could not deliver: kept once, together with what asks for the next."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs
import structlog

from clientflow_core import failpoints
from clientflow_core.domain.inbound_events import InboundEvent
from clientflow_core.domain.jobs import UPKEEP
from clientflow_core.errors import ClientFlowError
from clientflow_core.ids import new_id
from clientflow_core.jobs.handlers import JobRun
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.catch_ups import note_caught_up
from clientflow_core.persistence.repositories.inbound_events import store_inbound_events
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.providers.catch_up import MissedPage, MissedWebhook, SupportsCatchUp
from clientflow_core.providers.spec import ProviderKind
from clientflow_core.registry.registry import ProviderRegistry

LIST_MISSED: Final = "list_missed"

log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class MissedPart:
    """A part of what a provider could not deliver, before it is read.

    Attributes:
        provider: its name.
        since: an aware moment, the same for all parts.
        until: when the first part was asked for.
        cursor: where the part begins; None with the first.
    """

    provider: str
    since: dt.datetime
    until: dt.datetime
    cursor: str | None = None


async def ask_for_part(transaction: Transaction, part: MissedPart) -> None:
    """Ask for *part*, and for those that follow it."""
    args = {
        "provider": part.provider,
        "since": part.since.isoformat(),
        "until": part.until.isoformat(),
        "cursor": part.cursor,
    }
    await enqueue(transaction, lane=UPKEEP, kind=LIST_MISSED, args=args)


def _part_of(args: Mapping[str, Any]) -> MissedPart:
    return MissedPart(
        provider=args["provider"],
        since=dt.datetime.fromisoformat(args["since"]),
        until=dt.datetime.fromisoformat(args["until"]),
        cursor=args["cursor"],
    )


async def list_missed(run: JobRun, *, registry: ProviderRegistry, public_url: str) -> None:
    """Keep one part of what a provider tells of, each webhook once, and ask for the next part.

    However much there is, what was read stays, also where the worker ends; only one part is in
    memory. Where the provider does not answer, that is all until the next slot of the schedule,
    which asks for everything since all was last read to its end.

    Args:
        run: of the system's job.
        registry: the enabled providers.
        public_url: where the webhooks would have come to.
    """
    part = _part_of(run.job.args)
    page = await _read(registry, part)
    events = [_as_event(part.provider, one, public_url) for one in page.webhooks] if page else []
    failpoints.hit("list_missed.asked")
    async with run.last_transaction() as transaction:
        new = await store_inbound_events(transaction, events) if events else 0
        if page is not None:
            await _go_on(transaction, part, page)
    if new:
        log.warning("webhooks_were_missed", provider=part.provider, events=new)


async def _read(registry: ProviderRegistry, part: MissedPart) -> MissedPage | None:
    try:
        provider = await _open(registry, part.provider)
        return await provider.list_missed(since=part.since, cursor=part.cursor)
    except ClientFlowError as error:
        log.warning("catch_up_failed", provider=part.provider, error=error.code)
        return None


async def _go_on(transaction: Transaction, part: MissedPart, page: MissedPage) -> None:
    if page.next_cursor is None:
        await note_caught_up(transaction, part.provider, part.until)
        return
    await ask_for_part(transaction, attrs.evolve(part, cursor=page.next_cursor))


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
