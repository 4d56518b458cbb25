"""What the ledger posts to the host that it is part of: that a subscription has changed.

Any billing provider tells so, and so the rest of the way is that of any: stored once, and read
anew. ``verify`` runs before anything is kept; ``parse`` runs later, on what was kept.
"""

import datetime as dt
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from clientflow_core.domain.changes import SubscriptionChanged
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.errors import BadPayload, SignatureRefused
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.secret import Secret
from clientflow_plugins.ledger.settings import LedgerSettings

SIGNATURE_HEADER: Final = "ledger-signature"
_SIGNATURE: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_TOLERANCE_SECONDS: Final = 300
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_ACCOUNT: Final = "ledger"
_FIELDS: Final = ("event", "customer", "subscription")


def sign_change(
    *, event_id: str, customer: str, subscription: str, secret: Secret, now: dt.datetime
) -> tuple[bytes, Mapping[str, str]]:
    """Give the body and the headers that tell of a change.

    Args:
        event_id: the same one each time that the same change is told.
        customer: whose subscription it is.
        subscription: which.
        secret: signs it.
        now: when it is signed, aware.
    """
    body = json.dumps(dict(zip(_FIELDS, (event_id, customer, subscription), strict=True))).encode()
    at = int(now.timestamp())
    signature = f"t={at},v1={_digest(secret, str(at), body)}"
    return body, {"Content-Type": "application/json", SIGNATURE_HEADER: signature}


def verify_change(request: WebhookRequest, settings: LedgerSettings, /) -> Verified:
    """Check that the ledger has sent *request*.

    Raises:
        SignatureRefused: the signature is missing, wrong or old.
        BadPayload: the body cannot be read.
    """
    signature = _SIGNATURE.fullmatch(request.headers.get(SIGNATURE_HEADER, ""))
    if signature is None:
        msg = f"the request has no {SIGNATURE_HEADER} header of the form t=…,v1=…"
        raise SignatureRefused(msg)
    signed_at, digest = signature.groups()
    expected = _digest(settings.webhook_secret, signed_at, request.body)
    if not hmac.compare_digest(expected, digest):
        msg = "the signature does not fit: two processes have different LEDGER_WEBHOOK_SECRETs"
        raise SignatureRefused(msg)
    if abs(request.received_at.timestamp() - int(signed_at)) > _TOLERANCE_SECONDS:
        msg = f"the request was signed more than {_TOLERANCE_SECONDS} seconds from now"
        raise SignatureRefused(msg)
    return Verified(external_id=_read(request)["event"], account=_ACCOUNT)


def parse_change(request: WebhookRequest) -> Sequence[ProviderEvent]:
    """Read which subscription has changed.

    Raises:
        BadPayload: the body cannot be read, or a field is missing.
    """
    told = _read(request)
    changed = SubscriptionChanged(
        provider_customer_id=told["customer"], provider_subscription_id=told["subscription"]
    )
    return (changed,)


def _digest(secret: Secret, signed_at: str, body: bytes) -> str:
    key = secret.reveal().encode()
    return hmac.digest(key, signed_at.encode() + b"." + body, "sha256").hex()


def _read(request: WebhookRequest) -> Mapping[str, str]:
    try:
        told: Any = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        msg = "the body is not JSON in UTF-8"
        raise BadPayload(msg) from error
    if not isinstance(told, dict):
        msg = "the body is no JSON object"
        raise BadPayload(msg)
    return {name: _read_id(told, name) for name in _FIELDS}


def _read_id(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        msg = f"the field {name} is no id"
        raise BadPayload(msg)
    return value


CHANGES: Final = WebhookSpec(
    name="ledger",
    verify=verify_change,
    parse=parse_change,
    keep_headers=frozenset({"content-type", SIGNATURE_HEADER}),
    body_type="application/json",
)
