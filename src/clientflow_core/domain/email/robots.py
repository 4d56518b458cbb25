"""Mail that no person has written: automatic answers, and reports that ours has not arrived."""

import re
from collections.abc import Sequence
from email.message import Message
from typing import Final

import attrs

from clientflow_core.domain.email.headers import LONGEST_LINE, read_head, read_ids, read_raw

_BULK: Final = frozenset({"bulk", "junk", "list", "auto_reply"})
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


@attrs.frozen(kw_only=True)
class Bounce:
    """A report on an e-mail of ours, after RFC 3464.

    Attributes:
        message_id: of ours.
        action: such as ``failed``, ``delayed`` or ``delivered``.
        status: the code, such as ``5.1.1``, if it gives one.
        recipient: whom it did not reach, as the report has it.
        detail: the words of the server that refused it.
    """

    message_id: str
    action: str
    status: str | None
    recipient: str
    detail: str


def is_automatic(head: Message) -> bool:
    """Tell whether a program wrote the e-mail, by its headers.

    RFC 3834 asks for Auto-Submitted; the others are what programs of before write, and of
    https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmail/ (X-Auto-Response).
    """
    submitted = read_raw(head, "Auto-Submitted").partition(";")[0].strip().lower()
    return (
        submitted not in {"", "no"}
        or read_raw(head, "Precedence").strip().lower() in _BULK
        or any(name in head for name in ("X-Autoreply", "X-Autorespond", "List-Id"))
        or read_raw(head, "Return-Path").strip() == "<>"
        or head.get_content_type() == "multipart/report"
    )


def find_bounce(head: Message, reports: Sequence[str]) -> Bounce | None:
    """Give what a delivery report says, if the e-mail is one and names which of ours is meant.

    Anybody can write such a report: it counts for an e-mail whose Message-ID it knows.

    Args:
        head: of the e-mail.
        reports: its parts that hold a status, or the headers of ours.
    """
    if head.get_content_type() != "multipart/report":
        return None
    heads = [read_head(block.encode()) for one in reports for block in _blocks(one)]
    status = next((one for one in heads if "Action" in one), None)
    ours = next((ids for one in heads if (ids := read_ids(one, "Message-ID"))), ())
    if status is None or not ours:
        return None
    code = _STATUS.search(read_raw(status, "Status"))
    recipient = read_raw(status, "Final-Recipient") or read_raw(status, "Original-Recipient")
    return Bounce(
        message_id=ours[0],
        action=read_raw(status, "Action").strip().lower()[:20],
        status=code[0] if code else None,
        recipient=recipient.partition(";")[2].strip()[:LONGEST_LINE],
        detail=read_raw(status, "Diagnostic-Code").partition(";")[2].strip()[:LONGEST_LINE],
    )


def _blocks(report: str) -> list[str]:
    # One for the message, one for each recipient (RFC 3464, 2.1); of a whole e-mail the headers.
    return re.split(r"\r?\n\r?\n", report, maxsplit=10)[:10]
