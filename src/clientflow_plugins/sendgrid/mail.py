"""The body of a send, built by SendGrid's SDK.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from sendgrid.helpers import mail as sdk  # type: ignore[import-untyped]

from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.email.threads import new_message_id
from clientflow_core.domain.messages import OutboundMessage
from clientflow_core.errors import RejectedInput
from clientflow_plugins.sendgrid.settings import ATTEMPT_ARGUMENT, SendgridSettings

CATEGORY: Final = "clientflow"
# SendGrid refuses an empty one, and mail programs show this for it.
_NO_SUBJECT: Final = "(no subject)"
E = TypeVar("E", bound=sdk.Email)


def build_mail(message: OutboundMessage, settings: SendgridSettings) -> Mapping[str, Any]:
    """Give what ``POST /v3/mail/send`` takes.

    Raises:
        RejectedInput: the SDK refuses to build it, such as a text that begins with a key.
    """
    try:
        mail = _mail(message, message.email or EmailParts(), settings)
        body: Mapping[str, Any] = mail.get()
    except Exception as error:  # noqa: BLE001 - nothing is sent yet: the message is to blame
        # Not its cause, which may hold the key that somebody has written into a text.
        msg = f"SendGrid's SDK cannot build this e-mail ({type(error).__name__})"
        raise RejectedInput(msg) from None
    return body


def _mail(message: OutboundMessage, email: EmailParts, settings: SendgridSettings) -> sdk.Mail:
    mail = sdk.Mail()
    sender = _origin(message, settings)
    mail.from_email = _address(sdk.From(), sender, email.sender_name)
    mail.add_to(_address(sdk.To(), message.recipient))
    mail.subject = _one_line(email.subject) or _NO_SUBJECT
    # In this order, or SendGrid refuses them.
    mail.add_content(sdk.Content(sdk.MimeType.text, message.body))
    if email.html:
        mail.add_content(sdk.Content(sdk.MimeType.html, email.html))
    answers = email.reply_to or message.sender
    if answers != sender:
        mail.reply_to = _address(sdk.ReplyTo(), answers)
    for name, value in _headers(message, email):
        mail.add_header(sdk.Header(name, value))
    for one in email.attachments:
        if one.is_invitation:
            # As a file, mail programs do not offer to accept it:
            # https://github.com/sendgrid/sendgrid-ruby/issues/298.
            mail.add_content(sdk.Content(one.content_type, one.content.decode()))
        else:
            mail.add_attachment(_attachment(one))
    _mark(mail, message, settings)
    return mail


def _origin(message: OutboundMessage, settings: SendgridSettings) -> str:
    # Clients write to the address of Inbound Parse; mail comes from the one that is verified.
    is_usual = message.sender.lower() == settings.own_address
    return settings.from_email if is_usual else message.sender


def _address(made: E, address: str, name: str | None = None) -> E:
    # Given to its constructor, the SDK takes an address apart and puts another one together.
    made.email = _with_ascii_host(address)
    if name:
        made.name = _one_line(name)
    return made


def _with_ascii_host(address: str) -> str:
    person, at, host = address.rpartition("@")
    try:
        return f"{person}{at}{host.encode('idna').decode()}"
    except UnicodeError:
        # No name of a host: SendGrid says so.
        return address


def _headers(message: OutboundMessage, email: EmailParts) -> Iterator[tuple[str, str]]:
    own = email.message_id or new_message_id(message.attempt_id, sender=message.sender)
    yield "Message-ID", own
    if email.in_reply_to and _is_sendable(email.in_reply_to):
        yield "In-Reply-To", email.in_reply_to
    references = " ".join(filter(_is_sendable, email.references))
    if references:
        yield "References", references


def _is_sendable(message_id: str) -> bool:
    # What a client's program has written in another script would let SendGrid refuse the answer.
    return message_id.isascii() and message_id.isprintable()


def _attachment(one: Attachment) -> sdk.Attachment:
    return sdk.Attachment(
        sdk.FileContent(base64.b64encode(one.content).decode()),
        sdk.FileName(_one_line(one.name)),
        sdk.FileType(one.content_type),
        sdk.Disposition("attachment"),
    )


def _mark(mail: sdk.Mail, message: OutboundMessage, settings: SendgridSettings) -> None:
    # Comes back with each event; kept by SendGrid for good, so never anything about a person.
    mail.add_custom_arg(sdk.CustomArg(ATTEMPT_ARGUMENT, str(message.attempt_id), p=0))
    mail.add_category(sdk.Category(CATEGORY))
    # Nobody's words are changed: with it, links in a text become SendGrid's.
    tracking = sdk.TrackingSettings()
    tracking.click_tracking = sdk.ClickTracking(enable=False, enable_text=False)
    mail.tracking_settings = tracking
    if settings.is_sandbox_mode:
        mail.mail_settings = sdk.MailSettings(sandbox_mode=sdk.SandBoxMode(enable=True))


def _one_line(text: str) -> str:
    return " ".join(text.split())
