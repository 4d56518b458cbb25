"""Who has sent a webhook: SendGrid's signature, or our token where it signs nothing.

The event webhook, and Inbound Parse with a security policy, sign in the same way: ECDSA on P-256
with SHA-256 over the timestamp and the body as it came.
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/securing-your-parse-webhooks
"""

import base64
import functools
import hashlib
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from clientflow_core.errors import SignatureRefused
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

SIGNATURE_HEADER: Final = "x-twilio-email-event-webhook-signature"
TIMESTAMP_HEADER: Final = "x-twilio-email-event-webhook-timestamp"
# SendGrid tries for a day; whether it signs each try anew is not written down anywhere. What comes
# twice within it has no second effect.
OLDEST_SECONDS: Final = 24 * 3600
# Its clock may be ahead of ours.
NEWEST_SECONDS: Final = 300
_LONGEST_TIMESTAMP: Final = 12
_LONGEST_SIGNATURE: Final = 200
_MOST_PARAMETERS: Final = 20


def check_signature(request: WebhookRequest, public_key: str, *, setting: str) -> None:
    """Let *request* pass if the owner of *public_key* has signed it within a day.

    Args:
        request: as it came.
        public_key: as SendGrid shows it.
        setting: which holds the key, for the message.

    Raises:
        SignatureRefused: the signature is missing, wrong, too old, or of the future.
    """
    signature, timestamp = _read_headers(request)
    _check_age(request, timestamp)
    try:
        is_valid = _is_signed(request.body, timestamp, signature, load_public_key(public_key))
    except Exception as error:  # what a key or a signature that is none raises is not written down
        msg = f"the signature cannot be checked: compare {setting} with SendGrid's console"
        raise SignatureRefused(msg) from error
    if not is_valid:
        msg = f"the signature does not fit: compare {setting} with SendGrid's console"
        raise SignatureRefused(msg)


def check_token(request: WebhookRequest, token: Secret) -> None:
    """Let *request* pass if the address that it came to ends with ``?token=`` and *token*.

    Raises:
        SignatureRefused: it does not.
    """
    given = query_value(request.url, "token") or ""
    # Both as digests: neither their letters nor their lengths are told by the time it takes.
    if not hmac.compare_digest(_digest(given), _digest(token.reveal())):
        msg = "the address has no ?token= that is the one of SENDGRID_INBOUND_TOKEN"
        raise SignatureRefused(msg)


def query_value(url: str, name: str) -> str | None:
    """Give the parameter *name* of *url*; None where it is not there exactly once."""
    try:
        (value,) = parse_qs(urlsplit(url).query, max_num_fields=_MOST_PARAMETERS)[name]
    except (KeyError, ValueError):
        return None
    return value


@functools.lru_cache(maxsize=256)
def load_public_key(text: str) -> "EllipticCurvePublicKey":
    """Load a key as SendGrid shows it.

    Raises:
        ValueError: it is no point on P-256.
    """
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - where there is a key
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    key = load_der_public_key(base64.b64decode(text, validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        msg = "it is a key, but none on the curve P-256"
        raise ValueError(msg)  # noqa: TRY004 - its value is wrong, whatever its class
    return key


def _read_headers(request: WebhookRequest) -> tuple[bytes, str]:
    signature = request.headers.get(SIGNATURE_HEADER, "")
    timestamp = request.headers.get(TIMESTAMP_HEADER, "")
    if not signature or not timestamp:
        msg = f"the request has no {SIGNATURE_HEADER} and {TIMESTAMP_HEADER}"
        raise SignatureRefused(msg)
    is_number = timestamp.isascii() and timestamp.isdigit()
    if not is_number or len(timestamp) > _LONGEST_TIMESTAMP or len(signature) > _LONGEST_SIGNATURE:
        msg = "the signature and its timestamp are none"
        raise SignatureRefused(msg)
    try:
        return base64.b64decode(signature, validate=True), timestamp
    except ValueError as error:
        msg = "the signature is not in Base64"
        raise SignatureRefused(msg) from error


def _check_age(request: WebhookRequest, timestamp: str) -> None:
    age_seconds = request.received_at.timestamp() - int(timestamp)
    if age_seconds >= OLDEST_SECONDS or age_seconds <= -NEWEST_SECONDS:
        msg = f"it was signed {age_seconds:.0f} s ago: it is a repetition, or a clock is wrong"
        raise SignatureRefused(msg)


def _is_signed(
    body: bytes, timestamp: str, signature: bytes, key: "EllipticCurvePublicKey"
) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - where there is a key
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: PLC0415

    # In two steps: an e-mail may have 30 MiB, and need not be copied behind its timestamp.
    digest = hashlib.sha256(timestamp.encode())
    digest.update(body)
    try:
        key.verify(signature, digest.digest(), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except InvalidSignature:
        return False
    return True


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
