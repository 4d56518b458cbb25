"""What the API takes, as Google's discovery document says it, which the SDK brings along.

Google ignores much that it does not know. Here it is refused, so that a slip of our plugin shows.
The format: https://developers.google.com/discovery/v1/reference/apis.
"""

import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from googleapiclient.discovery_cache import (  # type: ignore[import-untyped]
    get_static_doc,
)
from multidict import MultiMapping

from clientflow_plugins.google_calendar.sandbox.refusals import bad_request

_WHOLE: Final = re.compile(r"-?[0-9]{1,10}")
_INT64: Final = re.compile(r"-?[0-9]{1,19}")
_TYPES: Final[Mapping[str, type]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "object": dict,
    "array": list,
}
# What every method takes, and our plugin sends.
_ALWAYS: Final = {"alt": {"type": "string", "enum": ["json"]}}


@functools.cache
def document() -> dict[str, Any]:
    """Give the discovery document of Calendar v3."""
    found: dict[str, Any] = json.loads(get_static_doc("calendar", "v3"))
    return found


def method(name: str) -> dict[str, Any]:
    """Give a method by its name, such as ``events.list``."""
    resource, _, verb = name.partition(".")
    found: dict[str, Any] = document()["resources"][resource]["methods"][verb]
    return found


def read_query(name: str, query: MultiMapping[str]) -> dict[str, Any]:
    """Read the query of a call of the method *name*, each value as its type.

    Raises:
        Refusal: a parameter is not known, is there twice, or is not of its type.
    """
    parameters = method(name).get("parameters", {})
    known = _ALWAYS | {k: v for k, v in parameters.items() if v["location"] == "query"}
    values: dict[str, Any] = {}
    for key in dict.fromkeys(query):
        if key not in known:
            raise bad_request("invalidParameter", f"the sandbox does not know the parameter {key}")
        if len(query.getall(key)) > 1:
            raise bad_request("invalidParameter", f"the parameter {key} is there twice")
        values[key] = _typed(known[key], query[key])
        _require(known[key], values[key], key, name)
    return values


def check_body(name: str, body: object) -> None:
    """Let the body of a call of the method *name* pass.

    Raises:
        Refusal: a field is not known, is missing, or is not of its type.
    """
    _require(method(name)["request"], body, "the body", name)


def _require(schema: Mapping[str, Any], value: object, path: str, name: str) -> None:
    problem = next(problems(schema, value, path, f"calendar.{name}"), None)
    if problem is not None:
        raise bad_request("badRequest", problem)


def problems(schema: Mapping[str, Any], value: object, path: str, name: str) -> Iterator[str]:
    """Say what is wrong with *value*, which should be as *schema* says.

    Args:
        schema: of the discovery document.
        value: out of JSON.
        path: where it stands, for people.
        name: the method's id, by which fields are required.
    """
    if "$ref" in schema:
        schema = document()["schemas"][schema["$ref"]]
    kind = schema.get("type", "object")
    if kind != "any" and type(value) is not _TYPES[kind]:
        yield f"{path} must be {kind}"
    elif isinstance(value, dict):
        yield from _object_problems(schema, value, path, name)
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from problems(schema["items"], one, f"{path}[{place}]", name)
    elif isinstance(value, str):
        yield from _text_problems(schema, value, path)
    elif isinstance(value, int) and kind == "integer":
        yield from _number_problems(schema, value, path)


def _object_problems(
    schema: Mapping[str, Any], value: Mapping[str, object], path: str, name: str
) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for key, one in value.items():
        if key in known or others:
            yield from problems(known.get(key, others), one, f"{path}.{key}", name)
        else:
            yield f"{path} has no field {key}"
    for key, one in known.items():
        if name in one.get("annotations", {}).get("required", ()) and key not in value:
            yield f"{path} lacks {key}"


def _text_problems(schema: Mapping[str, Any], value: str, path: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path} must be one of {', '.join(schema['enum'])}"
    is_fit = _FORMATS.get(schema.get("format", ""))
    if is_fit is not None and not is_fit(value):
        yield f"{path} is no {schema['format']}"


def _number_problems(schema: Mapping[str, Any], value: int, path: str) -> Iterator[str]:
    lowest, highest = int(schema.get("minimum", value)), int(schema.get("maximum", value))
    if not lowest <= value <= highest:
        yield f"{path} is out of range"


def _typed(schema: Mapping[str, Any], text: str) -> object:
    """Give *text* of a query as the type that it stands for, if it does."""
    match schema["type"]:
        case "boolean":
            return {"true": True, "false": False}.get(text, text)
        case "integer":
            return int(text) if _WHOLE.fullmatch(text) else text
        case _:
            return text


def _is_date(text: str) -> bool:
    try:
        return len(text) == len("2026-01-01") and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def _is_moment(text: str) -> bool:
    try:
        return "T" in text and bool(dt.datetime.fromisoformat(text))
    except ValueError:
        return False


_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date": _is_date,
    "date-time": _is_moment,
    "int64": lambda text: bool(_INT64.fullmatch(text)),
}
