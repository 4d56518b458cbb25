"""A message as the mail that goes over the wire (RFC 5322)."""

import datetime as dt
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.email.threads import new_message_id
from clientflow_core.domain.messages import OutboundMessage

# Message-IDs are never broken: a header is folded at 998 letters, between them.
_WHOLE_IDS: Final = SMTP.clone(max_line_length=998)


def message_id_of(message: OutboundMessage) -> str:
    """Give the Message-ID that *message* is sent with, however often it is."""
    own = message.email.message_id if message.email else None
    return own or new_message_id(message.attempt_id, sender=message.sender)


def compose(message: OutboundMessage, *, at: dt.datetime) -> bytes:
    """Write the mail.

    Args:
        message: with addresses that were checked.
        at: aware; its date.

    Raises:
        ValueError: something in it would end a line of a header.
    """
    parts = message.email or EmailParts()
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(message.sender, name=parts.sender_name)
    mail["To"] = _address(message.recipient)
    mail["Subject"] = parts.subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id_of(message)
    if parts.in_reply_to:
        mail["In-Reply-To"] = parts.in_reply_to
    if parts.references:
        mail["References"] = " ".join(parts.references)
    if parts.reply_to:
        mail["Reply-To"] = _address(parts.reply_to)
    mail.set_content(message.body)
    if parts.html is not None:
        mail.add_alternative(parts.html, subtype="html")
    # Other forms of the text first: what is attached stands below all of them.
    for file in sorted(parts.attachments, key=lambda one: not one.is_invitation):
        _attach(mail, file)
    return mail.as_bytes(policy=_WHOLE_IDS.clone(utf8=needs_utf8(message)))


def needs_utf8(message: OutboundMessage) -> bool:
    """Tell whether an address has letters beyond ASCII before its at sign (RFC 6531)."""
    users = (address.rpartition("@")[0] for address in (message.sender, message.recipient))
    return not all(user.isascii() for user in users)


def on_the_wire(address: str) -> str:
    """Write *address* with the name of its host as the DNS has it."""
    user, _, host = address.rpartition("@")
    return address if host.isascii() else f"{user}@{host.encode('idna').decode()}"


def _address(text: str, *, name: str | None = None) -> Address:
    user, _, host = on_the_wire(text).rpartition("@")
    return Address(display_name=name or "", username=user, domain=host)


def _attach(mail: EmailMessage, file: Attachment) -> None:
    if file.is_invitation:
        _add_invitation(mail, file)
        return
    main, _, sub = file.content_type.partition("/")
    if not sub or main in {"multipart", "message"}:
        main, sub = "application", "octet-stream"
    mail.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)


def _add_invitation(mail: EmailMessage, file: Attachment) -> None:
    kind = Message()
    kind["Content-Type"] = file.content_type
    named = {str(name): str(value) for name, value in kind.get_params([])[1:]}
    named.pop("charset", None)
    mail.add_alternative(file.content.decode(), subtype="calendar", params=named)
