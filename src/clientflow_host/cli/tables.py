"""Listings: a table for people, JSON for programs."""

import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

# What is not read at a terminal is never cut.
_WIDE: Final = 10_000


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
        shown = [{name: row[name] for name in columns} for row in rows]
        json.dump(shown, sys.stdout, default=_json_value, indent=2, ensure_ascii=False)
        print()  # noqa: T201 - what the command is for
        return
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
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
            return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%SZ}"
        case _:
            return str(value)
