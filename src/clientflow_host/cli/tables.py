"""Listings: a table for people, JSON for programs."""

import datetime as dt
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clientflow_host.cli.visible import visible

# What is not read at a terminal is never cut.
_WIDE: Final = 10_000
# What JSON need not escape, and a terminal may act on.
_ACTING: Final = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def output() -> Console:
    """Give the console for what a command is asked for."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def print_json(value: Any) -> None:
    """Print *value* as JSON; nothing in it acts on a terminal."""
    text = json.dumps(value, default=_json_value, indent=2, ensure_ascii=False)
    print(_ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))  # noqa: T201 - asked for


def moment(value: dt.datetime) -> str:
    """Write a moment in UTC, to the second."""
    return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%SZ}"


def print_rows(
    rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str], as_json: bool, empty: str
) -> None:
    """Print *rows*.

    Args:
        rows: one mapping each.
        columns: which of their fields, in which order.
        as_json: as one JSON array instead of a table.
        empty: the sentence that stands for an empty table.
    """
    if as_json:
        print_json([{name: row[name] for name in columns} for row in rows])
        return
    console = output()
    if not rows:
        console.print(empty)
        return
    table = Table(box=None, pad_edge=False)
    for name in columns:
        # Whole, so that it can be copied: another column gives way.
        table.add_column(name.replace("_", " "), no_wrap=name == "id", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[name])) for name in columns))
    console.print(table)


def _json_value(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case dt.datetime():
            return moment(value)
        case _:
            return visible(str(value))
