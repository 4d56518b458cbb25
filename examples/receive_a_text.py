"""Receive texts inside an aiohttp application of your own.

Set TWILIO_... as for send_a_text.py; at Twilio, let the number's webhook be
https://your.address/webhooks/twilio; then

CLIENTFLOW_PUBLIC_URL=https://your.address python examples/receive_a_text.py 8080
"""

import os
import sys
from functools import partial

from aiohttp import web

from clientflow_core import (
    BoundWebhook,
    DeliveryReported,
    MessageReceived,
    ProviderRegistry,
    SettingsError,
    WebhookError,
    WebhookRequest,
)

PUBLIC_URL = os.environ.get("CLIENTFLOW_PUBLIC_URL", "http://127.0.0.1:8080")


async def receive(webhook: BoundWebhook, request: web.Request) -> web.Response:
    """Take what Twilio sends, and nothing that anybody else does."""
    received = WebhookRequest(
        method=request.method,
        # Twilio signs the address that it calls; the Host header is the caller's choice.
        url=PUBLIC_URL + request.raw_path,
        headers=request.headers,
        body=await request.read(),
    )
    try:
        webhook.verify(received)
        events = webhook.parse(received)
    except WebhookError as error:
        print(f"refused: {error}")
        return web.Response(status=403)
    for event in events:
        if isinstance(event, MessageReceived):
            print(f"{event.sender} writes: {event.body}")
        elif isinstance(event, DeliveryReported):
            print(f"{event.provider_message_id} is {event.status}")
    return web.Response(text=webhook.spec.reply_body, content_type=webhook.spec.reply_type)


if __name__ == "__main__":
    try:
        registry = ProviderRegistry.from_values(os.environ, names=["twilio"])
    except SettingsError as error:
        sys.exit(f"not started: {error}")
    app = web.Application()
    for webhook in registry.webhooks.values():  # one for texts, one for delivery reports
        app.router.add_post(webhook.spec.path, partial(receive, webhook))
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 8080)
