"""Parameters as Stripe takes them: forms with nested names, each of a type, and no unknown one.

Stripe is told ``items[0][price]=x``; here that becomes ``{"items": [{"price": "x"}]}``.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from clientflow_plugins.stripe.sandbox.refusals import Refusal

_NAME: Final = re.compile(r"([a-z_]+)((?:\[[A-Za-z0-9_-]*\])*)")
_PART: Final = re.compile(r"\[([^\]]*)\]")
_MOST_FIELDS: Final = 500
_MOST_METADATA: Final = 50

Kind: TypeAlias = Callable[[Any, str], Any]
"""Gives the value of the parameter of that name, or raises Refusal."""


def read_form(text: str) -> dict[str, Any]:
    """Read a query, or the body of a POST."""
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict",
            max_num_fields=_MOST_FIELDS,
        )  # fmt: skip
    except ValueError as error:
        raise Refusal(message="Invalid request: the parameters are no form") from error
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _put(tree, name, value)
    return {name: _with_lists(value) for name, value in tree.items()}


def _put(tree: dict[str, Any], name: str, value: str) -> None:
    found = _NAME.fullmatch(name)
    if found is None:
        raise unknown(name)
    path = [found[1], *_PART.findall(found[2])]
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise Refusal(message=f"Invalid object: {name}", param=name)
    # "expand[]" is the next of a list, "expand[0]" the first.
    tree[path[-1] or str(len(tree))] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    parts = {name: _with_lists(part) for name, part in value.items()}
    is_list = all(name.isdigit() for name in parts)
    return [parts[name] for name in sorted(parts, key=int)] if is_list else parts


def text(value: Any, name: str) -> str:
    """Take words that are not empty."""
    if not isinstance(value, str):
        raise Refusal(message=f"Invalid string: {name}", param=name)
    if not value:
        message = (
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
            f"unset a parameter; however '{name}' cannot be unset. You should remove '{name}' "
            "from your request or supply a non-empty value."
        )
        raise Refusal(message=message, code="parameter_invalid_empty", param=name)
    return value


def whole(minimum: int, maximum: int) -> Kind:
    """Take a whole number from *minimum* to *maximum*."""

    def read(value: Any, name: str) -> int:
        given = text(value, name)
        if not re.fullmatch(r"-?[0-9]{1,15}", given):
            message = f"Invalid integer: {given}"
            raise Refusal(message=message, code="parameter_invalid_integer", param=name)
        if not minimum <= int(given) <= maximum:
            message = f"Invalid {name}: must be between {minimum} and {maximum}"
            raise Refusal(message=message, code="parameter_invalid_integer", param=name)
        return int(given)

    return read


def flag(value: Any, name: str) -> bool:
    """Take true or false."""
    return bool(one_of("true", "false")(value, name) == "true")


def one_of(*words: str) -> Kind:
    """Take one of *words*."""

    def read(value: Any, name: str) -> str:
        given = text(value, name)
        if given not in words:
            raise Refusal(message=f"Invalid {name}: must be one of {', '.join(words)}", param=name)
        return given

    return read


def url(value: Any, name: str) -> str:
    """Take the address of a page."""
    given = text(value, name)
    if urlsplit(given).scheme not in {"http", "https"}:
        message = "Not a valid URL: it must begin with http:// or https://"
        raise Refusal(message=message, code="url_invalid", param=name)
    return given


def metadata(value: Any, name: str) -> dict[str, str]:
    """Take words by their names."""
    if not isinstance(value, dict) or len(value) > _MOST_METADATA:
        raise Refusal(message=f"Invalid object: {name}", param=name)
    return {key: text(one, f"{name}[{key}]") for key, one in value.items()}


def many(kind: Kind, *, most: int) -> Kind:
    """Take a list of one to *most*."""

    def read(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise Refusal(message=f"Invalid array: {name}", param=name)
        return [kind(one, f"{name}[{place}]") for place, one in enumerate(value)]

    return read


def fields(required: Mapping[str, Kind], **optional: Kind) -> Kind:
    """Take an object of those fields and no other."""
    kinds = {**required, **optional}

    def read(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refusal(message=f"Invalid object: {name}", param=name)
        for one in value:
            if one not in kinds:
                raise unknown(_within(name, one))
        for one in required:
            if one not in value:
                raise _missing(_within(name, one))
        return {one: kinds[one](value[one], _within(name, one)) for one in value}

    return read


def unknown(name: str) -> Refusal:
    """Refuse a parameter that there is not."""
    message = f"Received unknown parameter: {name}"
    return Refusal(message=message, code="parameter_unknown", param=name)


def _missing(name: str) -> Refusal:
    message = f"Missing required param: {name}."
    return Refusal(message=message, code="parameter_missing", param=name)


def _within(name: str, part: str) -> str:
    return f"{name}[{part}]" if name else part
