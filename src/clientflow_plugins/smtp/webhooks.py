"""What comes in: mail that our intake has taken, each posted whole, as it came over the wire."""

import hashlib
from collections.abc import Sequence
from typing import Final

from clientflow_core.domain.consent import ConsentReported, ConsentSource, Wish
from clientflow_core.domain.email.mime import ParsedEmail, message_id_of, parse_mime
from clientflow_core.domain.email.robots import Bounce
from clientflow_core.domain.email_addresses import to_email_address
from clientflow_core.domain.messages import (
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    ProviderEvent,
)
from clientflow_core.errors import BadPayload, InvalidInput, SignatureRefused
from clientflow_core.providers.webhooks import MEBIBYTE, Verified, WebhookRequest, WebhookSpec
from clientflow_plugins.smtp.settings import SmtpSettings
from clientflow_plugins.smtp.signing import (
    CONTENT_TYPE,
    FROM_HEADER,
    SIGNATURE_HEADER,
    TO_HEADER,
    check_signature,
)

LARGEST_MAIL_BYTES: Final = 30 * MEBIBYTE
# RFC 3463, 3.2: there is no such address. A mailbox that is full, or mail that is taken for spam,
# may go better the next time.
_NO_ADDRESS: Final = "5.1."
# RFC 3464, 2.3.3; the others say that it is not known yet.
_MEANINGS: Final = {"failed": MessageStatus.UNDELIVERED, "delivered": MessageStatus.DELIVERED}


def verify_inbound(request: WebhookRequest, settings: SmtpSettings) -> Verified:
    """Check that our intake has posted the mail.

    Raises:
        SignatureRefused: it has not, or no key is set.
        BadPayload: the recipient is no address.
    """
    if settings.intake_key is None:
        msg = "no mail is taken: SMTP_INTAKE_KEY is not set"
        raise SignatureRefused(msg)
    check_signature(
        request.body,
        request.headers,
        key=settings.intake_key.reveal(),
        now=request.received_at.timestamp(),
    )
    return Verified(
        external_id=_external_id(request),
        account=settings.from_address.lower(),
        recipient=_without_tag(_recipient(request)),
    )


def parse_inbound(request: WebhookRequest) -> Sequence[ProviderEvent]:
    """Give what the mail is: a client's, or a report on one of ours.

    Raises:
        BadPayload: the recipient is no address.
    """
    recipient = _recipient(request)
    mail = parse_mime(request.body)
    if mail.bounce is not None:
        return _reported(mail.bounce, recipient)
    sender = mail.sender or _address_or_none(request.headers.get(FROM_HEADER, ""))
    return [_received(mail, sender, recipient, request)] if sender else []


def _received(
    mail: ParsedEmail, sender: str, recipient: str, request: WebhookRequest
) -> MessageReceived:
    return MessageReceived(
        provider_message_id=mail.email.message_id or _external_id(request),
        sender=sender,
        recipient=recipient,
        body=mail.text.rstrip("\n"),
        group=_without_tag(recipient),
        email=mail.email,
    )


def _reported(bounce: Bounce, recipient: str) -> Sequence[ProviderEvent]:
    status = _MEANINGS.get(bounce.action)
    if status is None:
        return []
    report = DeliveryReported(
        provider_message_id=bounce.message_id,
        sender=_without_tag(recipient),
        status=status,
        raw_status=bounce.detail or bounce.action,
        error_code=bounce.status,
        group=recipient,
    )
    is_gone = status is MessageStatus.UNDELIVERED and (bounce.status or "").startswith(_NO_ADDRESS)
    return [report, _opt_out(bounce, report)] if is_gone else [report]


def _opt_out(bounce: Bounce, report: DeliveryReported) -> ConsentReported:
    """Give what a report on an address that is none means; whose it is the message tells, not it.

    Anybody can write such a report, but for a message whose Message-ID they know.
    """
    return ConsentReported(
        wish=Wish.OPT_OUT,
        source=ConsentSource.BOUNCE,
        evidence=bounce.detail or report.raw_status,
        sender=report.sender,
        provider_message_id=report.provider_message_id,
        group=report.group,
    )


def _external_id(request: WebhookRequest) -> str:
    """Give what a mail that is sent once more has in common with the first time."""
    own = message_id_of(request.body)
    same = own.encode() if own else request.body
    return hashlib.sha256(_recipient(request).encode() + b"\n" + same).hexdigest()


def _recipient(request: WebhookRequest) -> str:
    recipient = _address_or_none(request.headers.get(TO_HEADER, ""))
    if recipient is None:
        msg = f"the header {TO_HEADER} is no address"
        raise BadPayload(msg)
    return recipient


def _address_or_none(text: str) -> str | None:
    try:
        return to_email_address(text)
    except InvalidInput:
        return None


def _without_tag(address: str) -> str:
    """Take off what stands behind a plus sign: mail to it is mail to the address before."""
    user, _, domain = address.rpartition("@")
    return f"{user.partition('+')[0]}@{domain}"


INBOUND: Final = WebhookSpec(
    name="smtp-inbound",
    verify=verify_inbound,
    parse=parse_inbound,
    keep_headers=frozenset({"content-type", SIGNATURE_HEADER, FROM_HEADER, TO_HEADER}),
    max_body_bytes=LARGEST_MAIL_BYTES,
    body_type=CONTENT_TYPE,
)
