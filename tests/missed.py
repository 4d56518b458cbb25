"""What a provider says that it could not deliver, all of its parts together."""

import datetime as dt
from collections.abc import Sequence

from clientflow_core.providers.catch_up import MissedWebhook, SupportsCatchUp


async def all_missed(provider: SupportsCatchUp, *, since: dt.datetime) -> Sequence[MissedWebhook]:
    """Read part by part."""
    found: list[MissedWebhook] = []
    cursor: str | None = None
    while True:
        page = await provider.list_missed(since=since, cursor=cursor)
        found += page.webhooks
        cursor = page.next_cursor
        if cursor is None:
            return found
