"""JSON values to attrs instances, after the schema has let them through."""

import base64
import datetime as dt
import types
import typing
import uuid
from collections.abc import Iterator
from typing import Any, Final

import cattrs
import msgspec

from clientflow_core.errors import ClientFlowError, InvalidInput
from clientflow_host.openapi.validating import Broken, Path, to_field_errors

_ABSENT: Final = (types.NoneType, msgspec.UnsetType)


def structure(value: Any, kind: Any) -> Any:
    """Make a *kind* of *value*.

    Raises:
        InvalidInput: a rule is broken that a schema cannot say, such as one between two fields.
    """
    try:
        return _CONVERTER.structure(value, kind)
    except cattrs.BaseValidationError as error:
        msg = "a value breaks a rule"
        raise InvalidInput(msg, to_field_errors(_explain(error, []))) from error


def require_structurable(kind: Any) -> None:
    """Make sure at the start that *kind* can be made of JSON.

    Raises:
        TypeError: there is something in it that cannot.
    """
    try:
        _CONVERTER.get_structure_hook(kind)
    except cattrs.StructureHandlerNotFoundError as error:
        msg = f"{kind!r} cannot be read from a request: there is no way to make {error.type_!r}"
        raise TypeError(msg) from error


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(dt.datetime, _to_datetime)
    converter.register_structure_hook(dt.date, lambda text, _: dt.date.fromisoformat(text))
    converter.register_structure_hook(uuid.UUID, lambda text, _: uuid.UUID(text))
    converter.register_structure_hook(bytes, lambda t, _: base64.b64decode(t, validate=True))
    converter.register_structure_hook_factory(_is_optional, _optional_hook(converter))
    return converter


def _to_datetime(text: str, _: Any) -> dt.datetime:
    """Read a time into UTC, where it can be compared and kept."""
    # RFC 3339 allows a "z", which Python does not read.
    value = dt.datetime.fromisoformat(text.upper())
    if value.tzinfo is None:
        msg = "the time has no offset from UTC"
        raise ValueError(msg)
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        msg = "the time is not between the years 1 and 9999 in UTC"
        raise ValueError(msg) from None


def _is_optional(kind: Any) -> bool:
    """Tell ``X | None``, ``X | UnsetType`` and ``X | None | UnsetType``."""
    if typing.get_origin(kind) not in (types.UnionType, typing.Union):
        return False
    members = typing.get_args(kind)
    return len([member for member in members if member not in _ABSENT]) == 1


def _optional_hook(converter: cattrs.Converter) -> Any:
    def make(kind: Any) -> Any:
        inner = next(member for member in typing.get_args(kind) if member not in _ABSENT)
        converter.get_structure_hook(inner)  # complains now, not at the first request
        return lambda value, _: None if value is None else converter.structure(value, inner)

    return make


def _explain(error: Exception, path: Path) -> Iterator[Broken]:
    """Give the broken rules of *error*; anything else in it is an error of ours and raised."""
    match error:
        case cattrs.ClassValidationError():
            placed, others = error.group_exceptions()
            for cause, place in placed:
                yield from _explain(cause, [*path, place.name])
        case cattrs.IterableValidationError():
            found, others = error.group_exceptions()
            for cause, item in found:
                yield from _explain(cause, [*path, item.index])
        case ClientFlowError() | ValueError():
            yield path, _sentence(error)
            return
        case _:
            raise error
    for cause in others:
        yield from _explain(cause, path)


def _sentence(error: Exception) -> str:
    # attrs' own validators put the attribute and the value behind the sentence.
    first = error.args[0] if error.args else ""
    return first if isinstance(first, str) and first else "the value breaks a rule"


_CONVERTER: Final = _make_converter()
