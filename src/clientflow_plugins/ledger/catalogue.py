"""The plans, as the operator's file has them."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from clientflow_core.domain.billing import BillingInterval, Plan
from clientflow_core.domain.money import Money

EXAMPLES: Final = Path(__file__).with_name("catalogue.toml")
_TYPES: Final[Mapping[str, type]] = {
    "key": str,
    "title": str,
    "price": int,
    "currency": str,
    "interval": str,
}
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


class BadCatalogue(Exception):
    """The file cannot be read, or what it says is no list of plans; the message says what."""


def read_catalogue(path: Path | None) -> Sequence[Plan]:
    """Read the plans of the file *path*, in its order; those of the example without one.

    Raises:
        BadCatalogue: it cannot be done.
    """
    try:
        read = tomllib.loads((path or EXAMPLES).read_bytes().decode("utf-8"))
    except OSError as error:
        msg = f"cannot be read: {error.strerror}"
        raise BadCatalogue(msg) from error
    except (ValueError, RecursionError) as error:
        # Also a path with U+0000 in it.
        msg = "is no TOML in UTF-8"
        raise BadCatalogue(msg) from error
    return list(_plans(read))


def _plans(read: Mapping[str, Any]) -> Iterator[Plan]:
    entries = read.get("plans")
    if not isinstance(entries, list) or not entries:
        msg = "has no [[plans]]"
        raise BadCatalogue(msg)
    seen: set[str] = set()
    for place, entry in enumerate(entries, start=1):
        plan = _plan(entry, place)
        if plan.key in seen:
            msg = f"has two plans with the key {plan.key!r}"
            raise BadCatalogue(msg)
        seen.add(plan.key)
        yield plan


def _plan(entry: Any, place: int) -> Plan:
    _check_types(entry, place)
    if not _KEY.fullmatch(entry["key"]) or not entry["title"].strip() or entry["price"] < 0:
        msg = (
            f"has an empty title, a price below 0, or a key that is not of letters, digits, - and _"
            f" in the plan {place}"
        )
        raise BadCatalogue(msg)
    try:
        return Plan(
            key=entry["key"],
            title=entry["title"],
            price=Money(minor=entry["price"], currency=entry["currency"]),
            interval=BillingInterval(entry["interval"]),
        )
    except ValueError as error:
        intervals = ", ".join(BillingInterval)
        msg = f"needs a currency of ISO 4217 and one of {intervals} in the plan {place}"
        raise BadCatalogue(msg) from error


def _check_types(entry: Any, place: int) -> None:
    if not isinstance(entry, dict) or entry.keys() != _TYPES.keys():
        msg = f"must have exactly {', '.join(_TYPES)} in the plan {place}"
        raise BadCatalogue(msg)
    for name, wanted in _TYPES.items():
        # A bool would be an int.
        if type(entry[name]) is not wanted:
            kind = "a whole number" if wanted is int else "a text"
            msg = f"must have {kind} as {name} in the plan {place}"
            raise BadCatalogue(msg)
