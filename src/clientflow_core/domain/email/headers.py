"""The headers of an e-mail, each of a bounded length, whatever somebody has put into them."""

import re
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from typing import Final

from clientflow_core.domain.email.charsets import decode_text, well_formed
from clientflow_core.domain.email_addresses import to_email_address
from clientflow_core.errors import InvalidInput

LONGEST_LINE: Final = 998
"""As RFC 5322, 2.1.1 has it; longer subjects are cut."""
MOST_REFERENCES: Final = 100
_LONGEST_VALUE: Final = 8192
_MOST_HEADERS: Final = 1000
_MOST_ADDRESSES: Final = 100
_HEADER: Final = re.compile(r"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,250}>")
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f]+")


def read_head(head: bytes) -> Message:
    """Give the headers of *head*; lines that are none are left out."""
    message = Message()
    for line in _unfolded(decode_text(head, "utf-8"))[:_MOST_HEADERS]:
        found = _HEADER.fullmatch(line)
        if found:
            message[found[1]] = found[2].strip()
    return message


def _unfolded(head: str) -> list[str]:
    """Give one text for each header, which may stand on several lines."""
    lines: list[list[str]] = []
    for line in head.splitlines():
        if lines and line[:1] in {" ", "\t"}:
            lines[-1].append(line)
        else:
            lines.append([line])
    return [" ".join(pieces)[:_LONGEST_VALUE] for pieces in lines]


def read_raw(message: Message, name: str) -> str:
    """Give the first header *name* as it is written; empty where there is none."""
    return str(message.get(name, ""))


def read_line(message: Message, name: str) -> str:
    """Give the first header *name* as people read it, on one line."""
    return decode_words(read_raw(message, name))[:LONGEST_LINE]


def decode_words(text: str) -> str:
    """Decode the words of RFC 2047 in *text*, and make it one line without control characters."""
    try:
        pieces = decode_header(text[:_LONGEST_VALUE])
    except (MessageError, ValueError):
        pieces = [(text, None)]
    decoded = "".join(
        decode_text(piece, charset) if isinstance(piece, bytes) else piece
        for piece, charset in pieces
    )
    return _BLANKS.sub(" ", well_formed(decoded)).strip()


def read_ids(message: Message, name: str) -> tuple[str, ...]:
    """Give the Message-IDs in the header *name*, with their brackets.

    Of many the first one, which names the thread, and the last ones, which are the nearest.
    """
    found = _MESSAGE_ID.findall(read_raw(message, name))
    if len(found) > MOST_REFERENCES:
        found = [found[0], *found[1 - MOST_REFERENCES :]]
    return tuple(found)


def read_addresses(message: Message, *names: str) -> tuple[str, ...]:
    """Give the addresses in the headers *names*, those that can be one, each once."""
    found = (_address(one) for name in names for _, one in _mailboxes(message, name))
    return tuple(dict.fromkeys(address for address in found if address))


def read_sender(message: Message) -> tuple[str | None, str | None]:
    """Give the name and the address of From; None for what is not there, or cannot be one."""
    for name, address in _mailboxes(message, "From"):
        return decode_words(name)[:200] or None, _address(address)
    return None, None


def _mailboxes(message: Message, name: str) -> list[tuple[str, str]]:
    try:
        return getaddresses([read_raw(message, name)])[:_MOST_ADDRESSES]
    except (RecursionError, ValueError, IndexError):
        # Comments within comments, or quotes without an end.
        return []


def _address(text: str) -> str | None:
    try:
        return to_email_address(text)
    except InvalidInput:
        return None
