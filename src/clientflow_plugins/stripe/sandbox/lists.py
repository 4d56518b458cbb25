"""Lists in pages, and what may be expanded in an answer.

https://docs.stripe.com/api/pagination and https://docs.stripe.com/api/expanding_objects.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from clientflow_plugins.stripe.sandbox.parameters import Kind, many, text, whole
from clientflow_plugins.stripe.sandbox.refusals import Refusal, no_such
from clientflow_plugins.stripe.sandbox.resources import Resource, list_object

Look = Callable[[str], dict[str, Any] | None]
"""Gives the object of an id."""

_DEFAULT_LIMIT: Final = 10
_DEEPEST: Final = 4
# Whatever an object names by its id, and can hold as a whole.
_EXPANDABLE: Final = frozenset({"product", "customer", "latest_invoice", "subscription", "invoice"})
EXPAND: Final[Mapping[str, Kind]] = {"expand": many(text, most=20)}
PAGES: Final[Mapping[str, Kind]] = {
    **EXPAND,
    "limit": whole(1, 100),
    "starting_after": text,
    "ending_before": text,
}


def page(url: str, found: Sequence[Resource], params: Mapping[str, Any]) -> Resource:
    """Give the part of *found*, the newest first, that *params* ask for."""
    rest, limit = list(found), params.get("limit", _DEFAULT_LIMIT)
    if "starting_after" in params:
        rest = rest[_place(rest, params, "starting_after") + 1 :]
    if "ending_before" in params:
        rest = rest[: _place(rest, params, "ending_before")]
        data = rest[-limit:]
    else:
        data = rest[:limit]
    return list_object(url, data, has_more=len(rest) > limit)


def _place(found: Sequence[Resource], params: Mapping[str, Any], name: str) -> int:
    ids = [one["id"] for one in found]
    if params[name] not in ids:
        raise no_such("object", params[name], param=name)
    return ids.index(params[name])


def expand(answer: dict[str, Any], paths: Sequence[str], look: Look) -> dict[str, Any]:
    """Give *answer* with the objects at *paths* in place of their ids."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > _DEEPEST:
            message = f"You cannot expand more than {_DEEPEST} levels of a property."
            raise Refusal(message=message, code="property_expansion_max_depth")
        answer = _expanded(answer, parts, look, path=path)
    return answer


def _expanded(value: Any, parts: Sequence[str], look: Look, *, path: str) -> Any:
    if isinstance(value, list):
        return [_expanded(one, parts, look, path=path) for one in value]
    if not parts:
        return value
    name, rest = parts[0], parts[1:]
    if not isinstance(value, dict) or name not in value:
        raise _cannot(path)
    part = value[name]
    if isinstance(part, str):
        part = look(part) if name in _EXPANDABLE else None
        if part is None:
            raise _cannot(path)
    return {**value, name: _expanded(part, rest, look, path=path)}


def _cannot(path: str) -> Refusal:
    message = f"This property cannot be expanded ({path})."
    return Refusal(message=message, param="expand")
