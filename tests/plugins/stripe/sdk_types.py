"""Values held against the type annotations of Stripe's SDK, which has no other schema.

Most names in them are imported for type checkers alone, so that they are looked up in the source.
A union of words and ``str`` is read as the words: new ones come only with a new version of the API.
"""

import ast
import functools
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import typing_extensions
from stripe import ListObject, StripeObject
from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject

_WORDS = {"true": True, "false": False}


def problems(value: object, kind: Any, path: str = "", *, is_form: bool = False) -> Iterator[str]:
    """Give what is wrong with *value*, with where it is.

    Args:
        value: JSON, or a form that was read.
        kind: an annotation, or a class of the SDK.
        path: where *value* stands.
        is_form: numbers and truth are written as words.
    """
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return
    if origin in {typing.Union, types.UnionType}:
        yield from _union(value, args, path, is_form=is_form)
    elif origin is typing.Literal:
        if _read(value, type(args[0]), is_form=is_form) not in args:
            yield f"{path}: {value!r} is none of {args}"
    elif origin in {list, typing.List}:  # noqa: UP006 - as the SDK has it
        yield from _many(value, args[0], path, is_form=is_form)
    elif origin in {dict, UntypedStripeObject}:
        yield from _mapping(value, args[-1], path, is_form=is_form)
    elif origin is ListObject:
        yield from _list_object(value, args[0], path)
    elif typing_extensions.is_typeddict(kind):
        required = kind.__required_keys__
        yield from _fields(value, hints_of(kind), required, path=path, is_form=is_form)
    elif inspect.isclass(kind) and issubclass(kind, StripeObject):
        hints = hints_of(typing.cast("Any", kind))
        required = frozenset(name for name, hint in hints.items() if not _is_optional(hint))
        yield from _fields(value, hints, required, path=path, is_form=False)
    elif not _is_of(_read(value, kind, is_form=is_form), kind):
        yield f"{path}: {value!r} is no {kind}"


def _union(value: object, args: Any, path: str, *, is_form: bool) -> Iterator[str]:
    has_words = any(typing.get_origin(one) is typing.Literal for one in args)
    choices = [one for one in args if not (has_words and one is str)]
    found = [list(problems(value, one, path, is_form=is_form)) for one in choices]
    if all(found):
        # Those of the one that it comes nearest to.
        yield from max(found, key=lambda some: max(one.count("/") for one in some))


def _many(value: object, kind: Any, path: str, *, is_form: bool) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is no list"
        return
    for place, one in enumerate(value):
        yield from problems(one, kind, f"{path}/{place}", is_form=is_form)


def _mapping(value: object, kind: Any, path: str, *, is_form: bool) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    for name, one in value.items():
        yield from problems(one, kind, f"{path}/{name}", is_form=is_form)


def _list_object(value: object, kind: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict) or set(value) != {"object", "data", "has_more", "url"}:
        yield f"{path}: {value!r} is no list object"
        return
    if value["object"] != "list" or type(value["has_more"]) is not bool:
        yield f"{path}: it is no list object"
    yield from _many(value["data"], kind, f"{path}/data", is_form=False)


def _fields(
    value: object, hints: Mapping[str, Any], required: frozenset[str], *, path: str, is_form: bool
) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    for name in sorted(required - set(value)):
        yield f"{path}/{name}: is missing"
    for name, one in value.items():
        if name not in hints:
            yield f"{path}/{name}: is not known"
        else:
            yield from problems(one, hints[name], f"{path}/{name}", is_form=is_form)


def _is_optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _read(value: object, kind: Any, *, is_form: bool) -> object:
    if not is_form or not isinstance(value, str):
        return value
    if kind is bool:
        return _WORDS.get(value, value)
    return int(value) if kind is int and value.lstrip("-").isdigit() else value


def _is_of(value: object, kind: Any) -> bool:
    if kind is Decimal:
        try:
            return isinstance(value, str) and Decimal(value).is_finite()
        except InvalidOperation:
            return False
    if kind is float:
        return type(value) in {int, float}
    return type(value) is kind


@functools.cache
def hints_of(kind: type) -> Mapping[str, Any]:
    """Give the annotations of *kind* by their names, resolved."""
    is_dict = typing_extensions.is_typeddict(kind)
    # Which every one of them extends, and which is no part of a form.
    names = names_of(RequestOptions.__module__) if is_dict else {}
    for one in reversed(kind.__mro__):
        if one.__module__.startswith("stripe.") and one is not StripeObject:
            names = names | names_of(one.__module__) | dict(vars(one))
    hints = typing_extensions.get_type_hints(kind, names, names)
    if is_dict:
        options = RequestOptions.__annotations__
        return {name: hint for name, hint in hints.items() if name not in options}
    own = [one for one in kind.__mro__ if one.__module__.startswith("stripe.")]
    inherited = {"stripe._stripe_object", "stripe._api_resource"}
    declared = {
        name
        for one in own
        if one.__module__ not in inherited
        for name in inspect.get_annotations(one)
    }
    return {
        name: hint
        for name, hint in hints.items()
        if name in declared and "ClassVar" not in str(typing.get_origin(hint))
    }


@functools.cache
def names_of(module: str) -> dict[str, Any]:
    """Give what *module* imports, for type checkers or for all."""
    loaded = sys.modules.get(module) or importlib.import_module(module)
    found: dict[str, Any] = {}
    for node in ast.walk(ast.parse(inspect.getsource(loaded))):
        if isinstance(node, ast.ImportFrom) and node.module:
            source = importlib.import_module(node.module)
            found |= {
                alias.asname or alias.name: getattr(source, alias.name)
                for alias in node.names
                if hasattr(source, alias.name)
            }
    return found | vars(loaded)
