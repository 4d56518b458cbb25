"""The keys of an account, and what it signs."""

import base64
import functools
import hashlib
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clientflow_core.sandbox import SignedRequest

# https://www.secg.org/sec2-v2.pdf, 2.4.2
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@functools.lru_cache(maxsize=64)
def make_key(api_key: str, purpose: str) -> ec.EllipticCurvePrivateKey:
    """Make the key for one purpose of the account of *api_key*; the same one each time."""
    digest = hashlib.sha512(f"{purpose}:{api_key}".encode()).digest()
    return ec.derive_private_key(1 + int.from_bytes(digest) % (_ORDER - 1), ec.SECP256R1())


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    """Give the public half of *key* as SendGrid shows it."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def sign(
    request: SignedRequest, key: ec.EllipticCurvePrivateKey, *, timestamp: int
) -> SignedRequest:
    """Give *request* with SendGrid's two headers.

    Args:
        request: not signed yet.
        key: of the webhook.
        timestamp: when it is signed, in seconds of Unix.
    """
    signature = key.sign(str(timestamp).encode() + request.body, ec.ECDSA(hashes.SHA256()))
    headers: Mapping[str, str] = {
        **request.headers,
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": str(timestamp),
    }
    return SignedRequest(url=request.url, headers=headers, body=request.body, label=request.label)
