"""Which e-mails SendGrid takes.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send, with its limits and
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors. Templates, copies, groups,
batches and times of sending are not there, and refused.
"""

import base64
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from clientflow_plugins.sendgrid.sandbox.refusals import Refusal, bad_request
from clientflow_plugins.sendgrid.sandbox.shapes import Fields, Many, Texts, require_shape

MOST_BYTES: Final = 30 * 1024 * 1024
ADDRESS: Final = re.compile(r"[^\s@<>\"(),:;\\]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_MOST_ARGUMENT_BYTES: Final = 10_000
_RESERVED: Final = frozenset(
    {
        "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type",
        "content-transfer-encoding", "to", "from", "subject", "reply-to", "cc", "bcc",
    }
)  # fmt: skip
_CONTENTS: Final = ("text/plain", "text/html", "text/calendar")
"""In this order: https://github.com/sendgrid/sendgrid-ruby/issues/298 has the last."""
_ADDRESS: Final = Fields(must={"email": str}, may={"name": str})
_SWITCH: Final = Fields(must={"enable": bool})
_MAIL: Final = Fields(
    must={
        "personalizations": Many(
            Fields(
                must={"to": Many(_ADDRESS)},
                may={"headers": Texts(), "custom_args": Texts()},
            )
        ),
        "from": _ADDRESS,
        "subject": str,
        "content": Many(Fields(must={"type": str, "value": str})),
    },
    may={
        "reply_to": _ADDRESS,
        "attachments": Many(
            Fields(
                must={"content": str, "filename": str},
                may={"type": str, "disposition": str, "content_id": str},
            )
        ),
        "headers": Texts(),
        "categories": Many(str, most=10),
        "custom_args": Texts(),
        "mail_settings": Fields(may={"sandbox_mode": _SWITCH}),
        "tracking_settings": Fields(
            may={
                "click_tracking": Fields(must={"enable": bool}, may={"enable_text": bool}),
                "open_tracking": _SWITCH,
            }
        ),
    },
)


def check_mail(mail: Any, *, size_bytes: int, domain: str) -> None:
    """Let a mail pass that SendGrid would take.

    Args:
        mail: the decoded body.
        size_bytes: how long the body was.
        domain: the account's authenticated one.

    Raises:
        Refusal: it would not.
    """
    if size_bytes > MOST_BYTES:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "content too large")
    require_shape(mail, _MAIL)
    _check_people(mail)
    _check_words(mail)
    _check_marks(mail)
    for place, one in enumerate(mail.get("attachments", ())):
        _check_attachment(one, f"attachments.{place}")
    if mail["from"]["email"].rpartition("@")[2].lower() != domain:
        message = "The from address does not match a verified Sender Identity."
        raise Refusal(HTTPStatus.FORBIDDEN, message, "from")


def is_test(mail: Mapping[str, Any]) -> bool:
    """Tell whether *mail* is only looked at, and not delivered."""
    mode = mail.get("mail_settings", {}).get("sandbox_mode", {})
    return bool(mode.get("enable", False))


def _check_people(mail: Mapping[str, Any]) -> None:
    _check_address(mail["from"], "from.email")
    if "reply_to" in mail:
        _check_address(mail["reply_to"], "reply_to.email")
    seen: set[str] = set()
    for place, personalization in enumerate(mail["personalizations"]):
        for number, one in enumerate(personalization["to"]):
            field = f"personalizations.{place}.to.{number}.email"
            _check_address(one, field)
            if one["email"].lower() in seen:
                raise bad_request("Each email address must be unique.", field=field)
            seen.add(one["email"].lower())


def _check_address(one: Mapping[str, Any], field: str) -> None:
    if not ADDRESS.fullmatch(one["email"]):
        raise bad_request("Does not contain a valid address.", field=field)


def _check_words(mail: Mapping[str, Any]) -> None:
    if not mail["subject"].strip():
        raise bad_request("The subject is required.", field="subject")
    kinds = [one["type"].partition(";")[0] for one in mail["content"]]
    for place, one in enumerate(mail["content"]):
        if not one["value"]:
            message = "The content value must be a string at least one character in length."
            raise bad_request(message, field=f"content.{place}.value")
    if not kinds or kinds != [one for one in _CONTENTS if one in kinds]:
        raise bad_request("text/plain must come first, and then text/html", field="content")


def _check_marks(mail: Mapping[str, Any]) -> None:
    for holder in (mail, *mail["personalizations"]):
        for name, value in holder.get("headers", {}).items():
            if name.lower() in _RESERVED:
                raise bad_request("This header is reserved.", field=f"headers.{name}")
            if not value.isascii() or not value.isprintable():
                raise bad_request("A header is one line of ASCII.", field=f"headers.{name}")
        arguments = "".join(k + v for k, v in holder.get("custom_args", {}).items())
        if len(arguments.encode()) > _MOST_ARGUMENT_BYTES:
            raise bad_request("The custom arguments are too long.", field="custom_args")
    categories = mail.get("categories", [])
    if len(set(categories)) < len(categories):
        raise bad_request("Each category must be unique.", field="categories")


def _check_attachment(one: Mapping[str, Any], field: str) -> None:
    try:
        content = base64.b64decode(one["content"], validate=True)
    except ValueError:
        content = b""
    if not content:
        message = "The attachment content must be base64 encoded."
        raise bad_request(message, field=f"{field}.content")
    if one.get("disposition", "attachment") not in {"attachment", "inline"}:
        raise bad_request("must be attachment or inline", field=f"{field}.disposition")
