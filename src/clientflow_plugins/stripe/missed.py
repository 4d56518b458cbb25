"""Events that were not taken, as the account lists them, turned into the webhooks that they were.

https://docs.stripe.com/webhooks/process-undelivered-events. A listed event keeps the shape of the
version that the account had when it happened.
"""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from clientflow_core.providers.catch_up import MissedPage, MissedWebhook
from clientflow_plugins.stripe.webhooks import OWN_ACCOUNT, WEBHOOK


def read_missed(page: Mapping[str, Any]) -> MissedPage:
    """Give the webhooks of a page of events; the next page begins after the last of them."""
    events = page["data"]
    return MissedPage(
        webhooks=[_as_webhook(one) for one in events],
        next_cursor=events[-1]["id"] if page["has_more"] and events else None,
    )


def _as_webhook(event: Mapping[str, Any]) -> MissedWebhook:
    return MissedWebhook(
        webhook=WEBHOOK.name,
        external_id=event["id"],
        account=event.get("account") or OWN_ACCOUNT,
        # The SDK reads decimal numbers out of texts; as texts they were sent.
        body=json.dumps(event, default=str).encode(),
        occurred_at=dt.datetime.fromtimestamp(event["created"], tz=dt.UTC),
        headers={"content-type": WEBHOOK.body_type},
    )
