"""Whether what a provider gave is of the type that its interface promises."""

import collections.abc
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import attrs

Fits = Callable[[object], bool]

_SEQUENCES: Final = (collections.abc.Sequence, list, tuple)
_UNIONS: Final = (typing.Union, types.UnionType)
# What a whole number may stand for, as everywhere in Python's types.
_NUMBERS: Final[Mapping[Any, tuple[type, ...]]] = {float: (float, int), complex: (complex, int)}


@functools.cache
def fits(annotation: Any) -> Fits:
    """Give a function that tells whether a value is of the type *annotation*.

    It looks into sequences and into the fields of attrs classes, since a receipt without an id is
    no receipt. What it does not know, it lets pass.
    """
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _UNIONS:
        return _fits_any(tuple(map(fits, args)))
    if origin is Literal:
        return lambda value: value in args
    if origin in _SEQUENCES:
        return _fits_sequence(args)
    if isinstance(annotation, type) and attrs.has(annotation):
        return _fits_attrs(annotation)
    return _fits_class(types.NoneType if annotation is None else origin or annotation)


def _fits_class(kind: Any) -> Fits:
    # Any is a class too; and not every Protocol can be asked.
    if kind is Any or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return _passes
    kinds = _NUMBERS.get(kind, (kind,))
    return lambda value: isinstance(value, kinds)


def _passes(_: object) -> bool:
    return True


def _fits_any(options: tuple[Fits, ...]) -> Fits:
    return lambda value: any(option(value) for option in options)


def _fits_sequence(args: tuple[Any, ...]) -> Fits:
    item = fits(args[0]) if args else _passes

    def check(value: object) -> bool:
        is_sequence = isinstance(value, collections.abc.Sequence)
        if not is_sequence or isinstance(value, (str, bytes)):
            return False
        return all(map(item, typing.cast("collections.abc.Sequence[object]", value)))

    return check


def _fits_attrs(model: type) -> Fits:
    fields: list[tuple[str, Fits]] | None = None

    def check(value: object) -> bool:
        nonlocal fields
        if not isinstance(value, model):
            return False
        if fields is None:
            # Not before it is needed: a class may have a field of its own type.
            fields = [(name, fits(kind)) for name, kind in _types_of(model).items()]
        return all(fit(getattr(value, name)) for name, fit in fields)

    return check


def _types_of(model: type) -> Mapping[str, Any]:
    try:
        hints = typing.get_type_hints(model)
    except NameError:
        # Its types are known to the type checker alone.
        return {}
    return {field.name: hints[field.name] for field in attrs.fields(model) if field.name in hints}
