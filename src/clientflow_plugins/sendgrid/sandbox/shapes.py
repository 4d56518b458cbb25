"""What a JSON body may hold, and nothing else."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from clientflow_plugins.sendgrid.sandbox.refusals import bad_request


@attrs.frozen(kw_only=True)
class Fields:
    """An object.

    Attributes:
        must: the shapes of what it must hold, by name.
        may: of what it may hold beside it.
    """

    must: Mapping[str, "Shape"] = attrs.field(factory=dict)
    may: Mapping[str, "Shape"] = attrs.field(factory=dict)


@attrs.frozen
class Many:
    """A list, of *most* items at most."""

    item: "Shape"
    most: int = 1000


@attrs.frozen
class Texts:
    """An object of texts, by names that are free."""


Shape: TypeAlias = type | Fields | Many | Texts
_NAMES = {str: "string", bool: "boolean", int: "integer"}


def require_shape(value: Any, shape: Shape, *, at: str = "") -> None:
    """Let *value* pass if it has *shape*.

    Args:
        value: decoded JSON.
        shape: what it may be.
        at: where it stands, as SendGrid writes it: ``personalizations.0.to``.

    Raises:
        Refusal: it has not; a parameter that SendGrid may ignore is refused, so that it shows.
    """
    if isinstance(shape, Fields):
        _require_fields(value, shape, at)
    elif isinstance(shape, Many):
        _require_list(value, shape, at)
    elif isinstance(shape, Texts):
        _require_object(value, at)
        for name, one in value.items():
            require_shape(one, str, at=_below(at, name))
    elif type(value) is not shape:
        raise bad_request(f"must be of type {_NAMES[shape]}", field=at)


def _require_fields(value: Any, shape: Fields, at: str) -> None:
    _require_object(value, at)
    known = {**shape.may, **shape.must}
    for name in value:
        if name not in known:
            raise bad_request("the sandbox does not know this parameter", field=_below(at, name))
    for name in shape.must:
        if name not in value:
            raise bad_request("is required", field=_below(at, name))
    for name, one in value.items():
        require_shape(one, known[name], at=_below(at, name))


def _require_list(value: Any, shape: Many, at: str) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= shape.most:
        raise bad_request(f"must be a list of 1 to {shape.most}", field=at)
    for place, one in enumerate(value):
        require_shape(one, shape.item, at=_below(at, str(place)))


def _require_object(value: Any, at: str) -> None:
    if not isinstance(value, dict):
        raise bad_request("must be an object", field=at or None)


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
