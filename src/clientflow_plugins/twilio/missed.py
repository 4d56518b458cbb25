"""Texts that came in, as the account lists them, turned into the webhooks that told of them.

Twilio asks a host that does not answer no second time, but for what a connection overrides:
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides. The list:
https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from clientflow_core.providers.catch_up import MissedWebhook
from clientflow_plugins.twilio.webhooks import FORM_TYPE, INBOUND


def as_webhook(item: Any, media_urls: Sequence[str]) -> MissedWebhook:
    """Give the webhook of a listed text.

    Args:
        item: as the SDK lists it.
        media_urls: where its attachments are.
    """
    fields = {
        "AccountSid": item.account_sid,
        "MessageSid": item.sid,
        "From": item.from_,
        "To": item.to,
        "Body": item.body or "",
        "NumMedia": str(len(media_urls)),
        **{f"MediaUrl{number}": url for number, url in enumerate(media_urls)},
    }
    if item.messaging_service_sid:
        fields["MessagingServiceSid"] = item.messaging_service_sid
    return MissedWebhook(
        webhook=INBOUND.name,
        external_id=item.sid,
        account=item.account_sid,
        body=urlencode(fields).encode(),
        occurred_at=_came_in_at(item),
        headers={"content-type": FORM_TYPE},
        recipient=item.to,
    )


def _came_in_at(item: Any) -> dt.datetime:
    moment: dt.datetime = item.date_sent or item.date_created
    return moment
