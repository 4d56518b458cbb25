"""Identifiers: UUIDv7 inside, ``con_0198…`` outside.

UUIDv7 (RFC 9562) begins with the millisecond of its making, so that new rows land at the right
end of an index. PostgreSQL makes them only from version 18 on, Python from 3.14 on; hence ours.
"""

import datetime as dt
import enum
import re
import secrets
import time
import uuid
from typing import Final

from clientflow_core.errors import NotFound

# Not left to uuid.UUID, which also reads braces, signs, underscores and other alphabets' digits:
# a thing has one public id.
_HEX_DIGITS: Final = re.compile(r"[0-9a-f]{32}")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class IdPrefix(enum.StrEnum):
    """What a public id names; the word before the underscore."""

    ORGANIZATION = "org"
    USER = "usr"
    API_KEY = "key"
    CHANNEL = "chn"
    CONTACT = "con"
    CONTACT_POINT = "pnt"
    CONVERSATION = "cnv"
    MESSAGE = "msg"
    ATTACHMENT = "att"
    INBOUND_EVENT = "evt"
    DRAFT = "drf"
    SUBSCRIPTION = "sub"
    CALENDAR = "cal"
    CALENDAR_EVENT = "cev"
    JOB = "job"


def new_id(*, at: dt.datetime | None = None) -> uuid.UUID:
    """Make a UUIDv7 of this millisecond, or of that of *at*: what sorts by it sorts by time."""
    milliseconds = time.time_ns() // 1_000_000 if at is None else _milliseconds(at)
    value = (milliseconds & (2**48 - 1)) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def first_id(at: dt.datetime) -> uuid.UUID:
    """Give the smallest UUIDv7 of the millisecond of *at*: what was made before sorts below it."""
    return uuid.UUID(int=_milliseconds(at) << 80 | 0x7 << 76 | 0x2 << 62)


def _milliseconds(at: dt.datetime) -> int:
    # Not by way of at.timestamp(), whose fractions end in the next millisecond now and then.
    return (at - _EPOCH) // dt.timedelta(milliseconds=1)


def to_public_id(prefix: IdPrefix, value: uuid.UUID) -> str:
    """Write *value* as it appears outside: ``msg_`` and 32 hexadecimal digits."""
    return f"{prefix}_{value.hex}"


def from_public_id(prefix: IdPrefix, text: str) -> uuid.UUID:
    """Read an id that came from outside.

    Raises:
        NotFound: *text* is not an id of this kind, so there can be no such thing.
    """
    head, _, digits = text.partition("_")
    if head == prefix and _HEX_DIGITS.fullmatch(digits):
        return uuid.UUID(hex=digits)
    msg = f"there is no {text!r}: an id of this kind is {prefix}_ and 32 hexadecimal digits"
    raise NotFound(msg)
