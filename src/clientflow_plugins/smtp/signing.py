"""How our own intake proves that a mail came by it: an HMAC with its time, as webhooks have it."""

import hmac
import re
from collections.abc import Mapping
from typing import Final

from clientflow_core.errors import SignatureRefused

WEBHOOK_PATH: Final = "/webhooks/smtp-inbound"
CONTENT_TYPE: Final = "message/rfc822"
SIGNATURE_HEADER: Final = "smtp-signature"
FROM_HEADER: Final = "smtp-envelope-from"
TO_HEADER: Final = "smtp-envelope-to"
TOLERANCE_SECONDS: Final = 300
_SIGNATURE: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def sign_mail(mail: bytes, *, sender: str, recipient: str, key: str, at: float) -> dict[str, str]:
    """Give the headers with which *mail* is posted to the webhook.

    Args:
        mail: as it came.
        sender: of the envelope; empty for a report.
        recipient: of the envelope, one alone.
        key: ``SMTP_INTAKE_KEY``.
        at: seconds since 1970.
    """
    moment = str(int(at))
    digest = _digest(mail, sender=sender, recipient=recipient, key=key, moment=moment)
    return {
        "Content-Type": CONTENT_TYPE,
        FROM_HEADER: sender,
        TO_HEADER: recipient,
        SIGNATURE_HEADER: f"t={moment},v1={digest}",
    }


def check_signature(mail: bytes, headers: Mapping[str, str], *, key: str, now: float) -> None:
    """Check what :func:`sign_mail` has made.

    Raises:
        SignatureRefused: it is missing, wrong, or older or newer than five minutes.
    """
    found = _SIGNATURE.fullmatch(headers.get(SIGNATURE_HEADER, ""))
    if found is None:
        msg = f"the request has no {SIGNATURE_HEADER} header that can be read"
        raise SignatureRefused(msg)
    digest = _digest(
        mail,
        sender=headers.get(FROM_HEADER, ""),
        recipient=headers.get(TO_HEADER, ""),
        key=key,
        moment=found[1],
    )
    if not hmac.compare_digest(digest, found[2]):
        msg = "the signature does not fit: is SMTP_INTAKE_KEY the same everywhere?"
        raise SignatureRefused(msg)
    if abs(now - int(found[1])) > TOLERANCE_SECONDS:
        msg = "the signature is too old, or of the future: compare the clocks"
        raise SignatureRefused(msg)


def _digest(mail: bytes, *, sender: str, recipient: str, key: str, moment: str) -> str:
    signer = hmac.new(key.encode(), digestmod="sha256")
    # No address holds a line end, so that nothing can move from one field to the next.
    for field in (moment, sender, recipient):
        signer.update(field.encode("utf-8", "replace") + b"\n")
    signer.update(mail)
    return signer.hexdigest()
