"""An e-mail as Inbound Parse posts it: taken apart, or whole where ``send_raw`` is set.

https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from clientflow_core.domain.email.charsets import decode_text, well_formed
from clientflow_core.domain.email.headers import read_head, read_ids
from clientflow_core.domain.email.html import html_to_text
from clientflow_core.domain.email.mime import (
    LONGEST_TEXT,
    MOST_PARTS,
    ParsedEmail,
    clean_file_name,
    parse_mime,
)
from clientflow_core.domain.email.parts import Attachment
from clientflow_core.domain.email_addresses import to_email_address
from clientflow_core.domain.messages import MessageReceived
from clientflow_core.errors import BadPayload, InvalidInput
from clientflow_plugins.sendgrid.multipart import FormField, split_form

Form: TypeAlias = Mapping[str, FormField]
_MOST_RECIPIENTS: Final = 50
_LONGEST_JSON: Final = 64 * 1024
_LONGEST_HEAD: Final = 256 * 1024
_END_OF_HEAD: Final = b"\r\n\r\n"


@attrs.frozen(kw_only=True)
class Envelope:
    """From whom and to whom it was really sent, whatever its headers say."""

    sender: str | None
    recipients: tuple[str, ...]


def read_inbound(content_type: str, body: bytes) -> Sequence[MessageReceived]:
    """Give the e-mail, once for each address that it was sent to.

    Raises:
        BadPayload: the form cannot be read, or its envelope names nobody.
    """
    form = split_form(content_type, body)
    envelope, message_id = _read_envelope(form), _read_message_id(form)
    parsed = _read_whole(form) or _read_apart(form)
    sender = parsed.sender or envelope.sender
    if sender is None:
        msg = "neither the e-mail nor its envelope names a sender"
        raise BadPayload(msg)
    return tuple(
        MessageReceived(
            provider_message_id=_name(message_id, [recipient], body),
            sender=sender,
            recipient=recipient,
            body=parsed.text.strip(),
            email=parsed.email,
        )
        for recipient in envelope.recipients
    )


def identify(content_type: str, body: bytes) -> tuple[str, str | None]:
    """Give what makes a request the same as its repetition, and the first of its recipients.

    The same, though its boundary may be another: it is made of the Message-ID and the recipients;
    of all of the body where it cannot be read, so that it is kept for a person to look at.
    """
    try:
        form = split_form(content_type, body)
        recipients = _read_envelope(form).recipients
        return _name(_read_message_id(form), recipients, body), recipients[0]
    except BadPayload:
        return _name(None, (), body), None


def _name(message_id: str | None, recipients: Sequence[str], body: bytes) -> str:
    known = json.dumps([message_id, *sorted(recipients)]).encode() if message_id else body
    return hashlib.sha256(known).hexdigest()[:40]


def _read_message_id(form: Form) -> str | None:
    field = form.get("headers") or form.get("email")
    if field is None:
        return None
    head = field.content[:_LONGEST_HEAD].partition(_END_OF_HEAD)[0]
    return next(iter(read_ids(read_head(head), "Message-ID")), None)


def _read_envelope(form: Form) -> Envelope:
    given = _read_json(form, "envelope")
    told = given.get("to")
    recipients = told[:_MOST_RECIPIENTS] if isinstance(told, list) else []
    found = tuple(dict.fromkeys(filter(None, map(_address, recipients))))
    if not found:
        msg = "the envelope names no recipient"
        raise BadPayload(msg)
    return Envelope(sender=_address(given.get("from")), recipients=found)


def _address(value: object) -> str | None:
    try:
        return to_email_address(value) if isinstance(value, str) else None
    except InvalidInput:
        return None


def _read_whole(form: Form) -> ParsedEmail | None:
    return parse_mime(form["email"].content) if "email" in form else None


def _read_apart(form: Form) -> ParsedEmail:
    """Put together what SendGrid has taken apart; what the headers say is read from them."""
    headers = form["headers"].content if "headers" in form else b""
    parsed = parse_mime(headers[:_LONGEST_HEAD].strip() + _END_OF_HEAD)
    charsets = _read_json(form, "charsets")
    text, html = (_read_text(form, name, charsets) for name in ("text", "html"))
    return attrs.evolve(
        parsed,
        text=text if text.strip() or not html else html_to_text(html),
        email=attrs.evolve(
            parsed.email, html=html or None, attachments=tuple(_attachments(form))[:MOST_PARTS]
        ),
    )


def _read_text(form: Form, name: str, charsets: Mapping[str, Any]) -> str:
    field, charset = form.get(name), charsets.get(name)
    if field is None:
        return ""
    text = decode_text(field.content, charset if isinstance(charset, str) else None)
    return text.replace("\r\n", "\n").replace("\r", "\n")[:LONGEST_TEXT]


def _attachments(form: Form) -> Iterator[Attachment]:
    for name, field in form.items():
        if name.startswith("attachment") and field.file_name is not None:
            yield Attachment(
                name=well_formed(clean_file_name(field.file_name)),
                content_type=field.content_type,
                content=field.content,
            )


def _read_json(form: Form, name: str) -> Mapping[str, Any]:
    field = form.get(name)
    if field is None or len(field.content) > _LONGEST_JSON:
        return {}
    try:
        value = json.loads(field.content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
