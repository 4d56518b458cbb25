"""An e-mail as it came, read with patience: nothing in it is taken on trust, nothing raises.

The parts are told apart here and not by the standard library, whose parser calls itself for each
level and looks at every line once for each.
"""

import re
from collections.abc import Iterator
from email.message import Message
from typing import Final

import attrs

from clientflow_core.domain.email.charsets import decode_text, decode_transfer
from clientflow_core.domain.email.headers import (
    decode_words,
    read_addresses,
    read_head,
    read_ids,
    read_line,
    read_raw,
    read_sender,
)
from clientflow_core.domain.email.html import html_to_text
from clientflow_core.domain.email.parts import Attachment, EmailParts
from clientflow_core.domain.email.robots import Bounce, find_bounce, is_automatic

MOST_PARTS: Final = 200
"""How many parts of an e-mail are looked at; those behind them are left out."""
LONGEST_TEXT: Final = 1_000_000
"""How many letters of a text, or of its HTML, are kept."""
_DEEPEST: Final = 12
_LONGEST_HEAD: Final = 256 * 1024
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_HEADER: Final = re.compile(rb"[!-9;-~]+[ \t]*:")
_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,80}/[a-z0-9][a-z0-9!#$&^_.+-]{0,80}")
_LONGEST_NAME: Final = 120
_REPORTS: Final = frozenset({"message/delivery-status", "text/rfc822-headers", "message/rfc822"})


@attrs.frozen(kw_only=True)
class ParsedEmail:
    """What an e-mail says.

    Attributes:
        sender: the address of From in small letters; None if there is none that can be one.
        recipients: the addresses of To and Cc, in small letters.
        text: for people; that of the HTML where there is no other.
        email: the rest of it.
        bounce: what it tells about an e-mail of ours, where it is such a report.
    """

    sender: str | None
    recipients: tuple[str, ...]
    text: str
    email: EmailParts
    bounce: Bounce | None


@attrs.frozen
class _Found:
    texts: list[str] = attrs.field(factory=list)
    htmls: list[str] = attrs.field(factory=list)
    attachments: list[Attachment] = attrs.field(factory=list)
    reports: list[str] = attrs.field(factory=list)


def parse_mime(raw: bytes) -> ParsedEmail:
    """Read an e-mail, whatever is wrong with it, in time that grows as its size does.

    Args:
        raw: as it came, of any size; up to 200 parts, nested at most twelve deep.
    """
    found = _Found()
    head, _ = _split_head(raw)
    for part, body in _parts(raw):
        _sort_in(part, body, found)
    name, sender = read_sender(head)
    text, html = "\n".join(found.texts)[:LONGEST_TEXT], "".join(found.htmls)[:LONGEST_TEXT]
    return ParsedEmail(
        sender=sender,
        recipients=read_addresses(head, "To", "Cc"),
        text=text if text.strip() or not html else html_to_text(html),
        email=EmailParts(
            subject=read_line(head, "Subject"),
            message_id=next(iter(read_ids(head, "Message-ID")), None),
            in_reply_to=next(iter(read_ids(head, "In-Reply-To")), None),
            references=read_ids(head, "References"),
            reply_to=next(iter(read_addresses(head, "Reply-To")), None),
            sender_name=name,
            html=html or None,
            attachments=tuple(found.attachments),
            is_automatic=is_automatic(head),
        ),
        bounce=find_bounce(head, found.reports),
    )


def message_id_of(raw: bytes) -> str | None:
    """Give the Message-ID of an e-mail, looking at its headers alone."""
    head, _ = _split_head(raw)
    return next(iter(read_ids(head, "Message-ID")), None)


def _split_head(raw: bytes) -> tuple[Message, bytes]:
    if not _HEADER.match(raw[:_LONGEST_HEAD]):
        # Not one header: all of it is text, but for the line that ends the headers.
        return read_head(b""), raw.removeprefix(b"\r").removeprefix(b"\n")
    end = _END_OF_HEAD.search(raw, 0, _LONGEST_HEAD)
    if end is None:
        return read_head(raw[:_LONGEST_HEAD]), raw[_LONGEST_HEAD:]
    return read_head(raw[: end.start()]), raw[end.end() :]


def _parts(raw: bytes) -> Iterator[tuple[Message, bytes]]:
    """Give the parts that hold something, in order; of a multipart what is in it."""
    waiting = [(raw, 0)]
    for _ in range(MOST_PARTS):
        if not waiting:
            return
        piece, depth = waiting.pop()
        part, body = _split_head(piece)
        inner = _between(body, _boundary(part)) if depth < _DEEPEST else []
        if inner:
            waiting.extend((one, depth + 1) for one in reversed(inner))
        else:
            yield part, body


def _boundary(part: Message) -> str | None:
    if part.get_content_maintype() != "multipart":
        return None
    try:
        return part.get_boundary()
    except (ValueError, LookupError, TypeError):
        # RFC 2231 with pieces that do not fit together.
        return None


def _between(body: bytes, boundary: str | None) -> list[bytes]:
    if not boundary:
        return []
    marker = re.escape(b"--" + boundary.encode())
    # The line end before it belongs to it (RFC 2046, 5.1.1).
    pieces = re.split(rb"(?:\A|\r?\n)" + marker + rb"(?=[ \t\r\n-]|\Z)", body, maxsplit=MOST_PARTS)
    inner = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            break
        inner.append(piece.partition(b"\n")[2])
    return inner


def _sort_in(part: Message, body: bytes, found: _Found) -> None:
    kind, name = part.get_content_type(), _file_name(part)
    content = decode_transfer(body, read_raw(part, "Content-Transfer-Encoding"))
    is_file = name is not None or read_raw(part, "Content-Disposition").lower().startswith("attach")
    if kind in _REPORTS and not is_file:
        found.reports.append(decode_text(content[:_LONGEST_HEAD], "utf-8"))
    if kind in {"text/plain", "text/html"} and not is_file:
        text = decode_text(content, _charset(part)).replace("\r\n", "\n").replace("\r", "\n")
        (found.texts if kind == "text/plain" else found.htmls).append(text)
    elif kind != "message/delivery-status":
        found.attachments.append(
            Attachment(
                name=name or ("message.eml" if kind in _REPORTS else "attachment"),
                content_type=kind if _TYPE.fullmatch(kind) else "application/octet-stream",
                content=content,
            )
        )


def _charset(part: Message) -> str | None:
    try:
        charset = part.get_param("charset")
    except (ValueError, LookupError, TypeError):
        return None
    # In the form of RFC 2231: charset, language, value.
    return charset[2] if isinstance(charset, tuple) else charset


def _file_name(part: Message) -> str | None:
    try:
        given = part.get_filename()
    except (ValueError, LookupError, TypeError):
        return None
    return clean_file_name(decode_words(given)) if given else None


def clean_file_name(text: str) -> str:
    """Give the last part of a path in *text*, without what no file's name should hold."""
    last = re.split(r"[/\\]", _NOT_IN_NAMES.sub("", text))[-1].strip(" .")
    return last[-_LONGEST_NAME:] or "attachment"
