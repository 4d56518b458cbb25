"""What Acme SMS posts to us: texts that come in, and how far ours have come.

Both come to one address, as JSON, signed over the time and the body. `verify` runs before anything
is kept; `parse` runs later, on what was kept.
"""

import hmac
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from clientflow_core import (
    BadPayload,
    ConsentReported,
    ConsentSource,
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    ProviderEvent,
    Secret,
    SignatureRefused,
    Verified,
    WebhookRequest,
    WebhookSpec,
    read_wish,
)

from clientflow_acme_sms.settings import AcmeSmsSettings

SIGNATURE_HEADER: Final = "acme-sms-signature"
_SIGNATURE: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_TOLERANCE_SECONDS: Final = 300
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")

_STATUSES: Final[Mapping[str, MessageStatus]] = MappingProxyType(
    {
        "queued": MessageStatus.SENT,
        "sent": MessageStatus.SENT,
        "delivered": MessageStatus.DELIVERED,
        "undelivered": MessageStatus.UNDELIVERED,
        "failed": MessageStatus.FAILED,
    }
)


def to_message_status(word: str) -> MessageStatus:
    """Translate Acme SMS's word for a state; one that is new to us means at least *sent*."""
    return _STATUSES.get(word, MessageStatus.SENT)


def verify_webhook(request: WebhookRequest, settings: AcmeSmsSettings, /) -> Verified:
    """Check who sent *request*; the event's id makes it the same as its repetition.

    Raises:
        SignatureRefused: the signature is missing, wrong or old.
        BadPayload: the body cannot be read, or names no event.
    """
    _check_signature(request, settings.webhook_secret)
    event = _read_event(request)
    return Verified(external_id=_read_id(event, "id"), account=_read_id(event, "account"))


def account_hint(request: WebhookRequest) -> str | None:
    """Give the account that a request says it is about, which nobody has proven yet.

    Raises:
        BadPayload: the body cannot be read.
    """
    account = _read_event(request).get("account")
    return account if isinstance(account, str) else None


def parse_webhook(request: WebhookRequest) -> Sequence[ProviderEvent]:
    """Read a text that came in, and what it wishes, or a delivery report; of others nothing.

    Raises:
        BadPayload: the body cannot be read, or a field is missing.
    """
    event = _read_event(request)
    match event.get("type"):
        case "text.received":
            received = _read_received(_read_text(event))
            return (received, *_read_consent(received))
        case "text.updated":
            return (_read_report(_read_text(event)),)
        case _:
            return ()


def _read_received(text: Mapping[str, Any]) -> MessageReceived:
    return MessageReceived(
        provider_message_id=_read_id(text, "id"),
        sender=_read_words(text, "from"),
        recipient=_read_words(text, "to"),
        body=_read_words(text, "body", is_blank_allowed=True),
    )


def _read_consent(received: MessageReceived) -> Iterator[ConsentReported]:
    """Give what a text asks for that is STOP, START, HELP or the like, and nothing else."""
    wish = read_wish(received.body)
    if wish is not None:
        yield ConsentReported(
            wish=wish,
            source=ConsentSource.CLIENT,
            evidence=received.body.strip(),
            sender=received.recipient,
            client=received.sender,
        )


def _read_report(text: Mapping[str, Any]) -> DeliveryReported:
    word, code = _read_words(text, "status"), text.get("error_code")
    return DeliveryReported(
        provider_message_id=_read_id(text, "id"),
        sender=_read_words(text, "from"),
        status=to_message_status(word),
        raw_status=word,
        attempt_id=_read_attempt(text.get("reference")),
        error_code=None if code is None else _clean(str(code)),
    )


def _check_signature(request: WebhookRequest, secret: Secret) -> None:
    signature = _SIGNATURE.fullmatch(request.headers.get(SIGNATURE_HEADER, ""))
    if signature is None:
        msg = f"the request has no {SIGNATURE_HEADER} header of the form t=…,v1=…"
        raise SignatureRefused(msg)
    signed_at, digest = signature.groups()
    signed = signed_at.encode() + b"." + request.body
    expected = hmac.digest(secret.reveal().encode(), signed, "sha256").hex()
    if not hmac.compare_digest(expected, digest):
        msg = "the signature does not fit: compare ACME_SMS_WEBHOOK_SECRET with the console"
        raise SignatureRefused(msg)
    if abs(request.received_at.timestamp() - int(signed_at)) > _TOLERANCE_SECONDS:
        msg = f"the request was signed more than {_TOLERANCE_SECONDS} seconds from now"
        raise SignatureRefused(msg)


def _read_event(request: WebhookRequest) -> Mapping[str, Any]:
    try:
        event = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        msg = "the body is not JSON in UTF-8"
        raise BadPayload(msg) from error
    if not isinstance(event, dict):
        msg = "the body is no JSON object"
        raise BadPayload(msg)
    return event


def _read_text(event: Mapping[str, Any]) -> Mapping[str, Any]:
    text = event.get("text")
    if not isinstance(text, dict):
        msg = "the event has no text"
        raise BadPayload(msg)
    return text


def _read_id(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        msg = f"the field {name} is no id"
        raise BadPayload(msg)
    return value


def _read_words(fields: Mapping[str, Any], name: str, *, is_blank_allowed: bool = False) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not (value.strip() or is_blank_allowed):
        msg = f"the field {name} is missing"
        raise BadPayload(msg)
    return _clean(value)


def _clean(text: str) -> str:
    # JSON can hold what is no text: NUL, which PostgreSQL does not store, and half a character.
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _read_attempt(value: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


WEBHOOK: Final = WebhookSpec(
    name="acme-sms",
    verify=verify_webhook,
    parse=parse_webhook,
    account_hint=account_hint,
    keep_headers=frozenset({"content-type", SIGNATURE_HEADER}),
    body_type="application/json",
)
