"""Bytes that somebody says are text."""

import base64
import binascii
import re
import string
from typing import Final

# What mail programs call what they write, where Python knows it as something else, or where they
# write more than the name allows: https://encoding.spec.whatwg.org/#names-and-labels
_KNOWN_AS: Final = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "utf-8-mac": "utf-8", "utf8mb4": "utf-8", "cp-850": "cp850",
    "iso-8859-8-i": "iso-8859-8", "iso-8859-9": "cp1254", "unicode-1-1-utf-7": "utf-7",
}  # fmt: skip
_BASE64: Final = string.ascii_letters.encode() + string.digits.encode() + b"+/"
_NOT_BASE64: Final = bytes(set(range(256)) - set(_BASE64))
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._:-]{0,40}")
# For names of hosts, not for text: the time that they take grows with the square of its length.
_SLOW: Final = frozenset({"punycode", "idna"})


def decode_text(data: bytes, charset: str | None) -> str:
    """Decode *data*, which its sender says is in *charset*; never raises.

    A charset that is unknown or does not fit counts as not named: then it is UTF-8 if it can be,
    and otherwise Windows-1252, in which every byte means something to people.
    """
    for name in _candidates(charset):
        try:
            text = data.decode(name)
        except (UnicodeError, LookupError, ValueError):
            continue
        return well_formed(text)
    return well_formed(data.decode("cp1252", "replace"))


def well_formed(text: str) -> str:
    """Give *text* as a database takes it: without NUL, and without halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _candidates(charset: str | None) -> list[str]:
    named = (charset or "").strip().strip("\"'").lower()
    if not _NAME.fullmatch(named) or named in _SLOW:
        return ["utf-8"]
    known = _KNOWN_AS.get(named, named)
    # What says that it is Latin and can be UTF-8 is UTF-8, but for what is ASCII in both.
    return ["utf-8", known] if known == "cp1252" else [known, "utf-8"]


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding, as far as it can be undone; never raises."""
    match encoding.strip().lower():
        case "quoted-printable":
            return binascii.a2b_qp(data)
        case "base64":
            letters = data.translate(None, _NOT_BASE64)
            # One letter over is no byte.
            whole = letters[:-1] if len(letters) % 4 == 1 else letters
            return base64.b64decode(whole + b"=" * (-len(whole) % 4))
        case _:
            return data
