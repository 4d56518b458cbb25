"""How e-mails follow each other: Message-ID, References, and subjects with "Re:"."""

import re
import uuid
from typing import Final

from clientflow_core.domain.email.headers import LONGEST_LINE, MOST_REFERENCES
from clientflow_core.domain.email.parts import EmailParts

# "Re" and "Fwd" in the languages of mail programs, each with a number perhaps.
_PREFIX: Final = re.compile(
    r"(?:re|aw|antw|sv|vs|ref|rv|r|fwd?|wg|tr|enc|i)(?:\[\d{1,3}\]|\(\d{1,3}\))?[ \t]*:[ \t]*",
    re.IGNORECASE,
)
_MOST_PREFIXES: Final = 20


def new_message_id(id_: uuid.UUID, *, sender: str) -> str:
    """Make the Message-ID of an e-mail of ours.

    Args:
        id_: what it is made of, so that the same e-mail sent twice is known as one.
        sender: the address that it comes from, for the part behind the at sign.
    """
    return f"<{id_.hex}@{sender.rpartition('@')[2] or 'localhost'}>"


def plain_subject(subject: str) -> str:
    """Give *subject* without "Re:" and its like before it."""
    rest = subject.strip()
    for _ in range(_MOST_PREFIXES):
        prefix = _PREFIX.match(rest)
        if prefix is None:
            break
        rest = rest[prefix.end() :]
    return rest


def reply_subject(subject: str) -> str:
    """Give the subject of an answer: one "Re:", however many there were."""
    return f"Re: {plain_subject(subject)}".strip()[:LONGEST_LINE]


def referred(email: EmailParts) -> tuple[str, ...]:
    """Give the Message-IDs of the e-mails that *email* goes on from, the nearest first."""
    nearest = (email.in_reply_to, *reversed(email.references))
    return tuple(dict.fromkeys(one for one in nearest if one))


def thread_root(email: EmailParts) -> str | None:
    """Give the Message-ID of the e-mail that began the thread, as far as *email* knows."""
    first = email.references[0] if email.references else email.in_reply_to
    return first or email.message_id


def next_references(email: EmailParts) -> tuple[str, ...]:
    """Give the References of an answer to *email* (RFC 5322, 3.6.4)."""
    known = email.references or ((email.in_reply_to,) if email.in_reply_to else ())
    ids = (*known, email.message_id) if email.message_id else known
    return ids if len(ids) <= MOST_REFERENCES else (ids[0], *ids[1 - MOST_REFERENCES :])
