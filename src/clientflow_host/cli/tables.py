"""Listings: a table for people, JSON for programs."""

import datetime as dt
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


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
        json.dump(shown, sys.stdout, default=str, indent=2)
        print()  # noqa: T201 - what the command is for
        return
    console = Console()
    if not rows:
        console.print(empty)
        return
    table = Table(*(name.replace("_", " ") for name in columns), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(_cell(row[name])) for name in columns))
    console.print(table)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case dt.datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case uuid.UUID():
            return value.hex
        case _:
            return str(value)
