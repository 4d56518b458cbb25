"""What must not stand in the log is taken out of each line: by its name, or by its looks.

A text of several words may be what a client has written, and nothing in it tells. So it is left
only in the few fields that say something in our own words, and of errors only where they are ours.
"""

import enum
import functools
import re
import traceback
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from clientflow_core.contributions.redactions import RedactionRule
from clientflow_core.domain.private_words import hide_private_words, is_private_name
from clientflow_core.errors import ClientFlowError

_HIDDEN: Final = "[hidden]"
_LEFT_OUT: Final = "(its words are left out)"
# Made by us, or by a caller who named a request; they look like keys.
_IDS: Final = frozenset(
    {"timestamp", "level", "logger", "request_id", "organization_id", "route", "method"}
)
_ID: Final = re.compile(r"[A-Za-z0-9_.:{}/-]{1,200}")
# In these we say something, such as why a call was refused.
_SENTENCES: Final = frozenset({"event", "reason", "error"})
_PLAIN: Final = re.compile(r"[A-Za-z_.:/-]{0,100}")
_SPACE: Final = re.compile(r"\s")
_COUNTED: Final = re.compile(r"(?:^|_)(?:ids?|pid|worker|bytes|seconds|milliseconds|port)$")
# A telephone number has more digits.
_SMALL: Final = 1_000_000
_DEEPEST: Final = 8
_MOST_PARTS: Final = 20
_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"

_is_private: Final = functools.lru_cache(maxsize=1024)(is_private_name)
_is_plain: Final = functools.lru_cache(maxsize=1024)(lambda name: bool(_PLAIN.fullmatch(name)))
_is_counted: Final = functools.lru_cache(maxsize=1024)(lambda name: bool(_COUNTED.search(name)))


class Trace(str):
    """What is told of an error, without what it says that is not ours."""

    __slots__ = ()


class Redactor:
    """Takes out of lines what must not stand there.

    Attributes:
        rules: what plugins keep out besides.
    """

    def __init__(self) -> None:
        self.rules: tuple[RedactionRule, ...] = ()

    def line(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Give *fields* as they may be written."""
        # Most of it is harmless, which is seen quickly: there is a line for each request.
        return {
            name if _is_plain(name) else self._name(name): (
                value if self._is_harmless(name, value) else self.value(name, value)
            )
            for name, value in fields.items()
        }

    def value(self, name: str, value: Any, *, depth: int = 0) -> Any:
        """Give what may be told of *value*, which stands in the field *name*."""
        if value is None or isinstance(value, bool) or _is_id(name, value):
            return value
        if _is_private(name):
            return _HIDDEN
        match value:
            case Trace():
                return self._by_rules(value)
            case Mapping() | list() | tuple() | set() | frozenset():
                return self._parts(name, value, depth)
            case int() | float() if not isinstance(value, enum.Enum):
                return self._number(name, value)
            case _:
                return self._text(name, _spelled(value))

    def _is_harmless(self, name: str, value: Any) -> bool:
        kind = type(value)
        if kind is str and name in _IDS:
            return _ID.fullmatch(value) is not None
        if self.rules or _is_private(name):
            return False
        if kind is str:
            return _PLAIN.fullmatch(value) is not None
        return kind is float or (kind is int and -_SMALL < value < _SMALL)

    def _name(self, name: Any) -> str:
        text = str(name)
        return text if _PLAIN.fullmatch(text) else self._text("", text)

    def _text(self, name: str, text: str) -> str:
        # The rules first: they say what it was that they have taken out.
        clean = self._by_rules(text)
        if name not in _SENTENCES and _SPACE.search(text) and not text.endswith(_LEFT_OUT):
            return _HIDDEN
        return clean if _PLAIN.fullmatch(clean) else hide_private_words(clean)

    def _parts(self, name: str, value: Any, depth: int) -> Any:
        if depth >= _DEEPEST:
            return _HIDDEN
        if isinstance(value, Mapping):
            return {
                self._name(key): self.value(str(key), one, depth=depth + 1)
                for key, one in value.items()
            }
        return [self.value(name, one, depth=depth + 1) for one in value]

    def _number(self, name: str, value: float) -> Any:
        clean = self._by_rules(str(value)) if self.rules else ""
        if self.rules and clean != str(value):
            return clean
        is_long = isinstance(value, int) and abs(value) >= _SMALL
        return _HIDDEN if is_long and not _is_counted(name) else value

    def _by_rules(self, text: str) -> str:
        for rule in self.rules:
            text = rule.apply(text)
        return text


def _is_id(name: str, value: Any) -> bool:
    return name in _IDS and type(value) is str and bool(_ID.fullmatch(value))


def trace_of(error: BaseException) -> Trace:
    """Tell where *error* comes from, with the lines of the source and without anybody's words."""
    return Trace("".join(_told(error, 0)).rstrip("\n"))


def spell_out(template: Any, arguments: Any, redactor: Redactor) -> str:
    """Fill in what another library says, *template*, with what may be told of *arguments*."""
    if isinstance(template, BaseException):
        return _spelled(template)
    text = str(template)
    if not arguments:
        return text
    try:
        if isinstance(arguments, Mapping):
            return text % redactor.line(arguments)
        return text % tuple(redactor.value("", one) for one in arguments)
    except (TypeError, ValueError, KeyError):
        return text


def _told(error: BaseException, depth: int) -> Iterator[str]:
    before, link = error.__cause__, _CAUSE
    if before is None and not error.__suppress_context__:
        before, link = error.__context__, _CONTEXT
    if before is not None and depth < _DEEPEST:
        yield from _told(before, depth + 1)
        yield link
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield f"{_spelled(error)}\n"
    if isinstance(error, BaseExceptionGroup) and depth < _DEEPEST:
        parts: Iterable[BaseException] = error.exceptions[:_MOST_PARTS]
        for one in parts:
            yield from _told(one, depth + 1)


def _spelled(value: Any) -> str:
    match value:
        case str():
            return value
        case ClientFlowError():
            return f"{type(value).__name__}: {hide_private_words(str(value))}"
        case BaseException():
            return f"{_class_name(value)} {_LEFT_OUT}"
        case bytes() | bytearray() | memoryview():
            return _HIDDEN
        case uuid.UUID() | enum.Enum():
            return str(value)
        case _:
            return repr(value)


def _class_name(error: BaseException) -> str:
    kind = type(error)
    # Some libraries make the names of their classes out of what they have read.
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return name if re.fullmatch(r"[\w.<>]{1,200}", name) else "an exception"
