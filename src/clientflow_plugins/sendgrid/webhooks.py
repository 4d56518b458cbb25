"""What SendGrid posts to us: e-mail that comes in, and how far ours has come.

Neither names the account: where an organization has one of its own, the addresses that it sets at
SendGrid end with ``?account=`` and the address that its clients write to.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.errors import SignatureRefused
from clientflow_core.providers.webhooks import MEBIBYTE, Verified, WebhookRequest, WebhookSpec
from clientflow_plugins.sendgrid.events import read_events
from clientflow_plugins.sendgrid.inbound import identify, read_inbound
from clientflow_plugins.sendgrid.settings import SendgridSettings
from clientflow_plugins.sendgrid.signatures import check_signature, check_token, query_value

# SendGrid takes e-mail of up to 30 MB, https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/inbound-email;
# in the form it is a little more. What is answered 413 is lost: SendGrid repeats after 5xx only.
MOST_INBOUND_BYTES: Final = 32 * MEBIBYTE
# It posts events when they are 768 kB together,
# https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook
MOST_EVENT_BYTES: Final = 2 * MEBIBYTE


def verify_inbound(request: WebhookRequest, settings: SendgridSettings, /) -> Verified:
    """Check an e-mail that came in: by the security policy's key, or where there is none our token.

    Raises:
        SignatureRefused: nothing, or the wrong thing, proves that SendGrid has sent it.
    """
    if settings.inbound_public_key:
        key = settings.inbound_public_key
        check_signature(request, key, setting="SENDGRID_INBOUND_PUBLIC_KEY")
    elif settings.inbound_token:
        check_token(request, settings.inbound_token)
    else:
        msg = (
            "nothing proves who sends e-mail in: set SENDGRID_INBOUND_PUBLIC_KEY to the key of a "
            "security policy, or SENDGRID_INBOUND_TOKEN to a token in the address"
        )
        raise SignatureRefused(msg)
    external_id, recipient = identify(request.headers.get("content-type", ""), request.body)
    return Verified(external_id=external_id, account=settings.own_address, recipient=recipient)


def verify_events(request: WebhookRequest, settings: SendgridSettings, /) -> Verified:
    """Check a body of events; the same body is its own repetition.

    Raises:
        SignatureRefused: the signature is missing, wrong or too old, or there is no key.
    """
    if not settings.public_key:
        msg = "nothing proves who sends events: set SENDGRID_PUBLIC_KEY"
        raise SignatureRefused(msg)
    check_signature(request, settings.public_key, setting="SENDGRID_PUBLIC_KEY")
    external_id = hashlib.sha256(request.body).hexdigest()[:40]
    return Verified(external_id=external_id, account=settings.own_address)


def parse_inbound(request: WebhookRequest) -> Sequence[ProviderEvent]:
    """Read an e-mail that came in, once for each address of its envelope.

    Raises:
        BadPayload: the form cannot be read, or its envelope names nobody.
    """
    return read_inbound(request.headers.get("content-type", ""), request.body)


def parse_events(request: WebhookRequest) -> Sequence[ProviderEvent]:
    """Read what has become of e-mails of ours; nothing of those that others have sent.

    Raises:
        BadPayload: it is no JSON list.
    """
    return read_events(request.body)


def account_hint(request: WebhookRequest) -> str | None:
    """Give the ``account`` in the address that was called, which nobody has proven yet."""
    return query_value(request.url, "account")


INBOUND: Final = WebhookSpec(
    name="sendgrid-inbound",
    verify=verify_inbound,
    parse=parse_inbound,
    account_hint=account_hint,
    max_body_bytes=MOST_INBOUND_BYTES,
    body_type="multipart/form-data",
)
EVENTS: Final = WebhookSpec(
    name="sendgrid-events",
    verify=verify_events,
    parse=parse_events,
    account_hint=account_hint,
    max_body_bytes=MOST_EVENT_BYTES,
    body_type="application/json",
)
