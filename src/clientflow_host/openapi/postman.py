"""The document of the API as a collection of Postman's, version 2.1.

https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_SCHEMA: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
# Only a provider can sign what comes there.
_NOT_FOR_PEOPLE: Final = "/webhooks/"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_DEPTH: Final = 6
_EMPTY: Final[Mapping[str, Any]] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "null": None,
}

Json = dict[str, Any]


def build_collection(document: Mapping[str, Any], *, url: str) -> Json:
    """Give the collection for *document*: a folder for each chapter, a request for each operation.

    Args:
        document: of OpenAPI 3.1, as it is published.
        url: where the API is, as the collection's variable ``url`` has it at first.
    """
    folders: dict[str, list[Json]] = {}
    for path, method, operation in _operations(document):
        request = _request(document, path, method, operation)
        folders.setdefault(operation["tags"][0], []).append(request)
    return {
        "info": {
            "name": document["info"]["title"],
            "version": document["info"]["version"],
            "schema": _SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [_pair("token", "{{api_key}}")]},
        "variable": [{"key": "url", "value": url}, {"key": "api_key", "value": ""}],
        "item": [{"name": tag, "item": requests} for tag, requests in folders.items()],
    }


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Json]]:
    for path, found in document["paths"].items():
        if not path.startswith(_NOT_FOR_PEOPLE):
            yield from ((path, method, found[method]) for method in _METHODS if method in found)


def _request(document: Mapping[str, Any], path: str, method: str, operation: Json) -> Json:
    parameters = [_resolve(document, one) for one in operation.get("parameters", ())]
    request: Json = {
        "method": method.upper(),
        "description": operation.get("description", ""),
        "header": [_setting(document, one) for one in parameters if one["in"] == "header"],
        "url": _url(document, path, parameters),
    }
    if not operation.get("security"):
        request["auth"] = {"type": "noauth"}
    media = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if media is not None:
        request["header"].append({"key": "Content-Type", "value": "application/json"})
        request["body"] = _body(_example(document, media["schema"]))
    return {"name": operation["summary"], "request": request}


def _url(document: Mapping[str, Any], path: str, parameters: list[Json]) -> Json:
    written = _PLACEHOLDER.sub(r":\1", path)
    return {
        "raw": "{{url}}" + written,
        "host": ["{{url}}"],
        "path": written.strip("/").split("/"),
        "query": [_setting(document, one) for one in parameters if one["in"] == "query"],
        "variable": [_setting(document, one) for one in parameters if one["in"] == "path"],
    }


def _setting(document: Mapping[str, Any], parameter: Json) -> Json:
    value = _example(document, parameter["schema"])
    return {
        "key": parameter["name"],
        "value": value if isinstance(value, str) else json.dumps(value),
        "description": parameter.get("description", ""),
        # What need not be there is switched off, and can be switched on.
        "disabled": not parameter.get("required", False),
    }


def _body(example: Any) -> Json:
    raw = json.dumps(example, indent=2, ensure_ascii=False)
    return {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}


def _pair(key: str, value: str) -> Json:
    return {"key": key, "value": value, "type": "string"}


def _resolve(document: Mapping[str, Any], node: Json) -> Json:
    """Follow a reference within the document."""
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def _example(document: Mapping[str, Any], schema: Json, *, depth: int = 0) -> Any:
    """Make something that could stand where *schema* is: its own example, or the plainest."""
    schema = _resolve(document, schema)
    for given in (schema.get("examples"), schema.get("enum")):
        if given:
            return given[0]
    if "const" in schema:
        return schema["const"]
    if schema.get("default") is not None:
        return schema["default"]
    if "anyOf" in schema:
        return _example(document, schema["anyOf"][0], depth=depth)
    return _plainest(document, schema, depth=depth)


def _plainest(document: Mapping[str, Any], schema: Json, *, depth: int) -> Any:
    if schema.get("type") == "object":
        properties = schema.get("properties", {}) if depth < _DEPTH else {}
        wanted = schema.get("required", ())
        return {
            name: _example(document, properties[name], depth=depth + 1)
            for name in properties
            if name in wanted
        }
    if schema.get("type") == "array":
        return [_example(document, schema.get("items", {}), depth=depth + 1)][: depth < _DEPTH]
    return schema.get("minimum", _EMPTY.get(schema.get("type", "string"), ""))
