"""What an e-mail has beside its text."""

import re
from typing import Final

import attrs

_CALENDAR: Final = re.compile(r"text/calendar\s*;(?:.*;)?\s*method=", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Attachment:
    """A file that comes with an e-mail.

    Attributes:
        name: of the file, without a folder.
        content_type: such as ``application/pdf``, as the sender says; nobody has looked.
    """

    name: str
    content_type: str
    content: bytes = attrs.field(repr=False)

    @property
    def is_invitation(self) -> bool:
        """Whether mail programs answer it, since a method is named with it (RFC 6047, 2.4).

        They do so where it stands beside the text, as another form of it, and not below as a file.
        """
        return _CALENDAR.match(self.content_type) is not None


@attrs.frozen(kw_only=True)
class EmailParts:
    """What an e-mail has beside its text, sender and recipient.

    Attributes:
        subject: one line; may be empty.
        message_id: its Message-ID with the angle brackets. None on the way out lets the provider's
            plugin make one of the attempt.
        in_reply_to: the Message-ID of what it answers.
        references: the Message-IDs of the thread, the oldest first.
        reply_to: where answers go, if not to the sender.
        sender_name: what the sender is called beside the address.
        html: the same text as HTML. What came in is as it came: show it cleaned only.
        attachments: in the order in which they stand.
        is_automatic: a program wrote it, such as an out-of-office notice: nobody answers it by
            itself.
    """

    subject: str = ""
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    reply_to: str | None = None
    sender_name: str | None = None
    html: str | None = attrs.field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = ()
    is_automatic: bool = False
