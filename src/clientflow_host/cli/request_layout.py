"""Headers, address and body of a request, laid out to be read; credentials are left out.

A credential is what would work again in another request: a password, a token, a shared secret. A
signature over the body is none, and whoever compares it with what the provider says needs it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from clientflow_host.cli.visible import visible

HIDDEN: Final = "(hidden)"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
# Whoever needs more asks for JSON.
MOST_LETTERS: Final = 20_000
MOST_BYTES: Final = 512
_MOST_FIELDS: Final = 500
_BYTES_IN_A_LINE: Final = 16
_SECRET: Final = re.compile(
    r"authorization|cookie|token|secret|passw|credential|api[-_]?key|^key$", re.IGNORECASE
)
_USER: Final = re.compile(r"(?<=//)[^/?#]*@")


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """Give *headers* with the values of credentials hidden."""
    return {name: HIDDEN if _SECRET.search(name) else value for name, value in headers.items()}


def without_secrets_in_url(url: str) -> str:
    """Give *url* with a password, and the credentials of its query, hidden."""
    address, mark, query = url.partition("?")
    pieces = [_without_secret(piece) for piece in query.split("&")]
    return _USER.sub(f"{HIDDEN}@", address) + mark + "&".join(pieces)


def _without_secret(piece: str) -> str:
    name, mark, _ = piece.partition("=")
    return f"{name}={HIDDEN}" if mark and _SECRET.search(unquote_plus(name)) else piece


def lay_out_body(body: bytes, *, content_type: str) -> tuple[str, RenderableType]:
    """Give what kind of body it is, in words, and the body to be read."""
    size = "1 byte" if len(body) == 1 else f"{len(body):,} bytes".replace(",", " ")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"{size} that are no text", Text(_dump(body))
    media_type = content_type.partition(";")[0].strip().lower()
    fields = _read_fields(text) if media_type == FORM_TYPE else None
    if fields:
        return f"a form of {size}", _table(fields)
    if media_type == "application/json" or media_type.endswith("+json"):
        laid_out = _lay_out_json(text)
        if laid_out is not None:
            return f"JSON of {size}", _cut(laid_out)
    return f"text of {size}" if text else "empty", _cut(text)


def _read_fields(text: str) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None


def _lay_out_json(text: str) -> str | None:
    try:
        value: Any = json.loads(text)
        return json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _table(fields: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in fields:
        table.add_row(Text(visible(name)), _cut(value))
    return table


def _cut(text: str) -> Text:
    left = len(text) - MOST_LETTERS
    more = f"\n… and {left} more letters; --json has all" if left > 0 else ""
    return Text(visible(text[:MOST_LETTERS], keeps_lines=True) + more)


def _dump(body: bytes) -> str:
    lines = []
    for begin in range(0, min(len(body), MOST_BYTES), _BYTES_IN_A_LINE):
        piece = body[begin : begin + _BYTES_IN_A_LINE]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)  # noqa: PLR2004 - ASCII
        lines.append(f"{begin:04x}  {piece.hex(' '):<47}  {letters}")
    left = len(body) - MOST_BYTES
    return "\n".join(lines) + (f"\n… and {left} more bytes; --json has all" if left > 0 else "")
