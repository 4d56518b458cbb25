"""Events as Stripe posts them, and their signature; webhooks.py reads them."""

import json
from collections.abc import Mapping
from typing import Any

import stripe

from clientflow_core.sandbox import SignedRequest


def sign(url: str, event: Mapping[str, Any], *, secret: str, at: int) -> SignedRequest:
    """Give the webhook that posts *event*, signed at *at*, in seconds since 1970."""
    body = json.dumps(event, indent=2)
    header = stripe.WebhookSignature.generate_signature_header(body, secret, at)
    return SignedRequest(
        url=url,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": header,
        },
        body=body.encode(),
        label=f"{event['id']} {event['type']}",
    )
