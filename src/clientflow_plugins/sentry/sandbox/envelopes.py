"""Reads an envelope to the letter, https://develop.sentry.dev/sdk/data-model/envelopes/."""

import json
from typing import Any, Final

import attrs

from clientflow_plugins.sentry.sandbox.refusals import bad_envelope

_KNOWN_HEADERS: Final = frozenset({"event_id", "sent_at", "dsn", "sdk", "trace"})
_ITEM_HEADERS: Final = frozenset({"type", "length", "content_type"})
# What the plugin sends; Sentry knows more, and silently drops what it does not.
CATEGORIES: Final = {"event": "error", "transaction": "transaction", "client_report": "internal"}


@attrs.frozen
class Item:
    """A part of an envelope, with its payload read."""

    type: str
    payload: dict[str, Any]


def read_envelope(body: bytes) -> list[Item]:
    """Give the parts of *body*.

    Raises:
        Refusal: it breaks a rule.
    """
    header, _, rest = body.partition(b"\n")
    headers = _object(header, "the header")
    _refuse_unknown(headers, _KNOWN_HEADERS)
    items: list[Item] = []
    while rest:
        item, rest = _read_item(rest)
        items.append(item)
    if sum(item.type in {"event", "transaction"} for item in items) > 1:
        raise bad_envelope("two events in one envelope")
    for item in items:
        if item.type != "client_report" and item.payload.get("event_id") != headers.get("event_id"):
            raise bad_envelope("the event has another id than its envelope")
    return items


def _read_item(text: bytes) -> tuple[Item, bytes]:
    line, _, rest = text.partition(b"\n")
    headers = _object(line, "the header of an item")
    _refuse_unknown(headers, _ITEM_HEADERS)
    kind, length = headers.get("type"), headers.get("length")
    if kind not in CATEGORIES:
        raise bad_envelope(f"an item of the type {kind!r}")
    if length is None:
        payload, _, rest = rest.partition(b"\n")
    elif type(length) is not int or not 0 <= length <= len(rest):
        raise bad_envelope("an item is not as long as it says")
    else:
        payload, rest = rest[:length], rest[length:]
        if rest and not rest.startswith(b"\n"):
            raise bad_envelope("no line ends after an item")
        rest = rest[1:]
    return Item(kind, _object(payload, "an item")), rest


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad_envelope(f"{what} is no JSON") from error
    if not isinstance(found, dict):
        raise bad_envelope(f"{what} is no object")
    return found


def _refuse_unknown(headers: dict[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(headers.keys() - known)
    if unknown:
        raise bad_envelope(f"the sandbox does not know the header {unknown[0]}")
