"""What SendGrid's webhooks say; events.py and inbound.py of the plugin read them."""

import json
import secrets
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

from clientflow_core.sandbox import SignedRequest
from clientflow_plugins.sendgrid.sandbox.mailbox import Mail

# As in SendGrid's own sample, sendgrid/helpers/inbound/sample_data of its SDK.
BOUNDARY: Final = "xYzZY"
_GROUP: Final = 1
_DETAILS: Final[Mapping[str, Mapping[str, str]]] = {
    "deferred": {"response": "400 try again later", "attempt": "1"},
    "delivered": {"response": "250 OK"},
    "bounce": {
        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
        "status": "5.1.1",
        "type": "bounce",
        "bounce_classification": "Invalid Address",
    },
    "dropped": {"status": "5.0.0"},
    "open": {"useragent": "Mozilla/5.0", "ip": "192.0.2.1"},
}


def event_json(mail: Mail, word: str, *, timestamp: int, drop_reason: str) -> dict[str, Any]:
    """Give the event *word* of *mail*, with an id of its own.

    Args:
        mail: which it befalls.
        word: SendGrid's name of it.
        timestamp: of the event, in seconds.
        drop_reason: why the e-mail is dropped, if it is.
    """
    return {
        **mail.custom_args,
        "email": mail.client,
        "timestamp": timestamp,
        "smtp-id": mail.message_id,
        "event": word,
        "category": list(mail.categories),
        "sg_event_id": secrets.token_urlsafe(16),
        "sg_message_id": f"{mail.id}.recvd-7f6d5c-abcde-1-66F1A2B3-12.0",
        **({"sg_machine_open": False} if word == "open" else {}),
        **({"reason": drop_reason} if word == "dropped" else {}),
        **({"asm_group_id": _GROUP} if word.startswith("group_") else {}),
        **_DETAILS.get(word, {}),
    }


def event_post(url: str, events: list[dict[str, Any]]) -> SignedRequest:
    """Give the post of *events*, not signed yet."""
    words = ", ".join(event["event"] for event in events)
    label = f"{events[0]['sg_message_id'].partition('.')[0]} {words}"
    body = json.dumps(events, separators=(",", ":")).encode()
    return SignedRequest(
        url=url, headers={"Content-Type": "application/json"}, body=body, label=label
    )


def inbound_post(url: str, mail: Mail, *, is_whole: bool) -> SignedRequest:
    """Give the post of an e-mail that came in, not signed yet.

    Args:
        url: where to.
        mail: the e-mail.
        is_whole: as with ``send_raw``: the e-mail itself instead of its pieces.
    """
    fields = _fields(mail, is_whole=is_whole)
    return SignedRequest(
        url=url,
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        body=_form(fields),
        label=f"from {mail.client}: {mail.subject}",
    )


def _fields(mail: Mail, *, is_whole: bool) -> dict[str, str | bytes]:
    message = _message(mail)
    fields: dict[str, str | bytes] = {
        "dkim": "{@example.com : pass}",
        "to": mail.business,
        "from": mail.client,
        "sender_ip": "192.0.2.1",
        "envelope": json.dumps({"to": [mail.business], "from": mail.client}),
        "subject": mail.subject,
        "SPF": "pass",
        "spam_score": "0.1",
        **(_whole(message) if is_whole else _apart(mail, message)),
    }
    texts = [name for name in ("to", "from", "subject", "text", "html") if name in fields]
    return fields | {"charsets": json.dumps(dict.fromkeys(texts, "UTF-8"))}


def _message(mail: Mail) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = mail.client, mail.business
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created)
    for name, value in mail.headers.items():
        message[name] = value
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message


def _whole(message: EmailMessage) -> dict[str, str | bytes]:
    return {"email": message.as_bytes()}


def _apart(mail: Mail, message: EmailMessage) -> dict[str, str | bytes]:
    headers = message.as_bytes().partition(b"\r\n\r\n")[0] + b"\r\n"
    html = {"html": mail.html} if mail.html else {}
    return {"headers": headers, "text": mail.text + "\n", "attachments": "0", **html}


def _form(fields: Mapping[str, str | bytes]) -> bytes:
    pieces = []
    for name, value in fields.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        content = value.encode() if isinstance(value, str) else value
        pieces.append(head.encode() + content + b"\r\n")
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()
