"""What stands in the words of an error may be of anybody: the telling parts are taken out.

For observers, which send errors to somebody else. The patterns would rather hide too much, and each
looks at a text once: one that backtracked would hold up the process that has just failed.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_LONGEST: Final = 2000
_HIDDEN: Final = "[hidden]"
_NAMES_OF_SECRETS: Final = (
    r"pass(?:word|wd|phrase)|secret|token|api[_-]?key|authorization|cookie|credential|signature"
)
_PRIVATE_NAME: Final = re.compile(
    rf"{_NAMES_OF_SECRETS}|session|e[_-]?mail|phone|address|recipient|sender|body|(?:^|_)(?:ip|text)$",
    re.IGNORECASE,
)
# In this order: what stands first is hidden as a whole.
_PRIVATE: Final = re.compile(
    r"(?P<id>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
    # What PostgreSQL and SQLAlchemy quote of somebody's row.
    r"|(?P<row>(?:\b(?:DETAIL|CONTEXT):|\[parameters:)[^\n]*)"
    r"|(?P<user>://[^\s/@]{1,200}@)"
    r"|(?P<query>\?[^\s\"'<>]+)"
    rf"|(?P<named>(?i:\b[\w-]{{0,40}}(?:{_NAMES_OF_SECRETS})[\w-]{{0,40}}[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?"
    r"(?:(?:bearer|basic|token)\s{1,3})?[^\s\"',;]+))"
    r"|(?P<credentials>(?i:\b(?:bearer|basic)\s{1,3})[^\s\"',;]+)"
    r"|(?P<email>[^\s<>()\[\],;:\"'@=]{1,64}@[^\s<>()\[\],;:\"'@=]{1,255})"
    r"|(?P<key>\b[A-Za-z0-9_-]{20,})"
    r"|(?P<number>\+?\d(?:[ ().\-/]{0,2}\d){6,14})"
)
_DIGIT: Final = re.compile(r"\d")


def hide_private_words(text: str) -> str:
    """Give *text*, at most 2000 characters of it, without what is somebody's or secret.

    Taken out are e-mail addresses, telephone and other long numbers, query strings, users in
    addresses, credentials by their names or their looks, and rows that the database quotes. UUIDs,
    which are ids of ours, stay.
    """
    return _PRIVATE.sub(_replace, text[:_LONGEST])


def is_private_name(name: str) -> bool:
    """Tell whether what is called *name* is somebody's or secret, whatever it looks like."""
    return bool(_PRIVATE_NAME.search(name))


def hide_private_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give *fields* without the values whose names, or whose looks, say that they are private.

    Values are ids and codes, which may look like a key; so they are hidden by their names, and
    lose query strings and e-mail addresses.
    """
    return {
        name: _HIDDEN if _PRIVATE_NAME.search(name) else _clean(value)
        for name, value in fields.items()
    }


def _replace(match: re.Match[str]) -> str:
    found = match[0]
    match match.lastgroup:
        case "id":
            return found
        case "user":
            return f"://{_HIDDEN}@"
        case "query":
            return f"?{_HIDDEN}"
        case "key" if not _DIGIT.search(found):
            # A name in some source: keys are drawn by chance, and have digits.
            return found
        case group:
            return f"[{group}]"


def _clean(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    address, mark, _ = value.partition("?")
    clean = f"{address}?{_HIDDEN}" if mark else value
    return hide_private_words(clean) if "@" in clean else clean
