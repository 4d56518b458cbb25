"""The form of Inbound Parse, taken apart as bytes: each of its fields has a charset of its own.

Not by :mod:`email`, which reads line by line and goes into each attached e-mail: here the time
grows as the size does, whatever somebody has attached.
"""

from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Final

import attrs

from clientflow_core.errors import BadPayload

MOST_FIELDS: Final = 500
_LONGEST_TYPE: Final = 500
_LONGEST_HEAD: Final = 16 * 1024
_END: Final = b"\r\n"
# What the standard library raises on parameters after RFC 2231 that do not fit together.
_ODD: Final = (ValueError, LookupError, TypeError, AttributeError)


@attrs.frozen(kw_only=True)
class FormField:
    """One field.

    Attributes:
        file_name: if it is a file.
        content_type: in small letters, without parameters.
    """

    name: str
    file_name: str | None
    content_type: str
    content: bytes = attrs.field(repr=False)


def split_form(content_type: str, body: bytes) -> dict[str, FormField]:
    """Give the fields of a ``multipart/form-data`` body by their names.

    Args:
        content_type: the header, with the boundary.
        body: of any size.

    Raises:
        BadPayload: it is no such body, has too many fields, or two of one name.
    """
    boundary = _read_boundary(content_type)
    # The last end counts, so that a text which holds an earlier one loses nothing.
    inside, end, _ = body.rpartition(_END + boundary + b"--")
    if not end or not inside.startswith(boundary + _END):
        msg = "the body is no multipart/form-data with the boundary of its header"
        raise BadPayload(msg)
    pieces = inside[len(boundary + _END) :].split(_END + boundary + _END, MOST_FIELDS)
    if len(pieces) > MOST_FIELDS:
        msg = f"the body has more than {MOST_FIELDS} fields"
        raise BadPayload(msg)
    return _by_name(pieces)


def _by_name(pieces: list[bytes]) -> dict[str, FormField]:
    fields: dict[str, FormField] = {}
    for piece in pieces:
        field = _read_field(piece)
        if field.name in fields:
            # SendGrid's boundary is no secret: a text may hold it, and a second envelope behind it.
            msg = f"the field {field.name[:50]!r} is there twice"
            raise BadPayload(msg)
        fields[field.name] = field
    return fields


def _read_boundary(content_type: str) -> bytes:
    head = _read_head(f"Content-Type: {content_type[:_LONGEST_TYPE]}".encode("utf-8", "replace"))
    try:
        boundary = head.get_boundary() or ""
    except _ODD:
        boundary = ""
    is_good = boundary.isascii() and boundary.isprintable() and 0 < len(boundary) <= 70  # noqa: PLR2004 - RFC 2046
    if head.get_content_type() != "multipart/form-data" or not is_good:
        msg = "the content type must be multipart/form-data, with a boundary"
        raise BadPayload(msg)
    return b"--" + boundary.encode()


def _read_field(piece: bytes) -> FormField:
    written, end, content = piece.partition(_END + _END)
    if not end or len(written) > _LONGEST_HEAD:
        msg = "a field has no headers, or no end of them"
        raise BadPayload(msg)
    head = _read_head(written)
    try:
        name = head.get_param("name", header="content-disposition")
        file_name = head.get_filename()
    except _ODD:
        name = file_name = None
    if not isinstance(name, str):
        msg = "a field has no name"
        raise BadPayload(msg)
    return FormField(
        name=name, file_name=file_name, content_type=head.get_content_type(), content=content
    )


def _read_head(head: bytes) -> Message:
    return BytesParser(policy=compat32).parsebytes(head, headersonly=True)
