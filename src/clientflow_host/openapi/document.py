"""The OpenAPI 3.1 document: the operations and schemas that are enforced, written down."""

import http
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from aiohttp import hdrs

from clientflow_host.openapi.bodies import JSON_MEDIA_TYPE
from clientflow_host.openapi.operations import (
    ANY_TYPE,
    IDEMPOTENCY_KEY,
    IDEMPOTENT_REPLAYED,
    Link,
    Operation,
    kinds_of,
    refuse_dead_links,
    refuse_duplicates,
)
from clientflow_host.openapi.parameters import parameters_schema
from clientflow_host.openapi.problems import PROBLEM_MEDIA_TYPE, REQUEST_ID_HEADER, Problem
from clientflow_host.openapi.requests import IDEMPOTENCY_KEY_SCHEMA
from clientflow_host.openapi.schemas import Schema, Schemas, compile_schemas

_BEARER: Final = "bearer"
_DEFAULT: Final = "default"
_BODILESS: Final = frozenset({http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED})
_METHODS_WITH_BODY: Final = frozenset({hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH})
_REQUEST_ID: Final[Schema] = {REQUEST_ID_HEADER: {"$ref": "#/components/headers/RequestId"}}
_REPLAYED: Final[Schema] = {
    IDEMPOTENT_REPLAYED: {
        "description": "There where this was done before, under the same key, and not again.",
        "schema": {"type": "string", "const": "true"},
    }
}

# In words of our own, since those of http.HTTPStatus differ between the versions of Python.
_SUCCESSES: Final[Mapping[int, str]] = MappingProxyType(
    {
        200: "It is done.",
        201: "It is made.",
        202: "It is accepted and will be done.",
        204: "It is done; there is nothing more to say.",
    }
)
_PROBLEMS: Final[Mapping[int | str, str]] = MappingProxyType(
    {
        400: "The request cannot be read.",
        401: "Nobody is signed in, or the key is wrong.",
        403: "The caller may not do this.",
        404: "There is no such thing.",
        408: "The body did not arrive in time.",
        409: "The state of the thing forbids it.",
        413: "The body is too long.",
        415: "The body is not of a type that is read here.",
        422: "A value breaks a rule; each that does is listed. No text may hold U+0000.",
        429: "Too many requests; Retry-After says when to come back.",
        500: "Something went wrong on our side.",
        502: "A provider did not do what it should.",
        503: "Not at the moment; Retry-After says when to come back.",
        _DEFAULT: "Any other problem.",
    }
)
_CHALLENGE: Final[Schema] = {
    "WWW-Authenticate": {
        "description": "How to sign in.",
        "required": True,
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER: Final[Schema] = {
    "Retry-After": {
        "description": "Seconds until it is worth coming back.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_PROBLEM_HEADERS: Final[Mapping[int | str, Schema]] = MappingProxyType(
    {401: _CHALLENGE, 429: _RETRY_AFTER, 503: _RETRY_AFTER}
)


def build_document(
    operations: Iterable[Operation],
    *,
    title: str,
    version: str,
    description: str = "",
    servers: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the document; the same operations always give the same one.

    Args:
        operations: those to publish.
        title: what the API is called.
        version: that of the API.
        description: CommonMark, for the whole API.
        servers: the addresses at which it is served; by default where the document came from.

    Raises:
        TypeError: a type cannot be published.
        ValueError: two operations have the same name, or the same method and path, or a link
            leads nowhere.
    """
    served = tuple(operations)
    refuse_duplicates(served)
    refuse_dead_links(served)
    schemas = compile_schemas(kinds_of(served))
    paths: dict[str, dict[str, Any]] = {}
    for operation in served:
        path = paths.setdefault(operation.path, {})
        path[operation.method.lower()] = _operation(operation, schemas)
    document: dict[str, Any] = {
        "openapi": "3.1.1",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": _components(served, schemas),
        "tags": [{"name": tag} for tag in dict.fromkeys(o.tag for o in served)],
    }
    if description:
        document["info"]["description"] = description
    if servers:
        document["servers"] = [{"url": url} for url in servers]
    return document


def _operation(operation: Operation, schemas: Schemas) -> Schema:
    result: Schema = {
        "operationId": operation.operation_id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _who(operation),
        "security": [] if operation.is_public else [{_BEARER: []}],
    }
    parameters = _parameters(operation, schemas)
    if parameters:
        result["parameters"] = parameters
    body = _request_body(operation, schemas)
    if body:
        result["requestBody"] = body
    result["responses"] = _responses(operation, schemas)
    return result


def _who(operation: Operation) -> str:
    if operation.is_public:
        return "Nobody is asked who they are."
    return f"Needs the role `{operation.role}` or a higher one."


def _parameters(operation: Operation, schemas: Schemas) -> list[Schema]:
    found = [
        *_parameters_in("path", operation.types.path, schemas),
        *_parameters_in("query", operation.types.query, schemas),
    ]
    if operation.idempotent:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return found


def _parameters_in(place: str, kind: Any, schemas: Schemas) -> Iterable[Schema]:
    schema = parameters_schema(kind, schemas)
    for name, field in schema["properties"].items():
        parameter: Schema = {"name": name, "in": place}
        if "description" in field:
            parameter["description"] = field["description"]
        parameter["required"] = name in schema.get("required", ())
        parameter["schema"] = {k: v for k, v in field.items() if k != "description"}
        yield parameter


def _request_body(operation: Operation, schemas: Schemas) -> Schema | None:
    if operation.types.body is not None:
        content = {JSON_MEDIA_TYPE: {"schema": schemas.roots[operation.types.body]}}
        return {"required": True, "content": content}
    if operation.foreign and operation.method in _METHODS_WITH_BODY:
        body = {
            "description": "Whatever the sender's own protocol says.",
            "content": {operation.body_type: {}},
        }
        return body if operation.body_type == ANY_TYPE else {"required": True, **body}
    return None


def _responses(operation: Operation, schemas: Schemas) -> Schema:
    responses: Schema = {str(s): _success(operation, s, schemas) for s in operation.statuses}
    problems: list[int | str] = [*operation.error_statuses, _DEFAULT]
    for status in problems:
        ref = f"#/components/responses/{_problem_name(status)}"
        responses.setdefault(str(status), {"$ref": ref})
    return dict(sorted(responses.items()))


def _success(operation: Operation, status: int, schemas: Schemas) -> Schema:
    headers = _REQUEST_ID | (_REPLAYED if operation.idempotent else {})
    response: Schema = {"description": _meaning(status, _SUCCESSES), "headers": headers}
    content: Schema = {}
    if operation.types.response is not None:
        content[JSON_MEDIA_TYPE] = {"schema": schemas.roots[operation.types.response]}
    if operation.media_type is not None:
        is_text = operation.media_type.startswith("text/")
        content[operation.media_type] = {"schema": {"type": "string"}} if is_text else {}
    if content and status not in _BODILESS:
        response["content"] = content
    if operation.links:
        response["links"] = {link.operation_id: _link(link) for link in operation.links}
    return response


def _link(link: Link) -> Schema:
    parameters = {name: f"$response.body#{pointer}" for name, pointer in link.parameters.items()}
    return {"operationId": link.operation_id, "parameters": parameters}


def _components(operations: Sequence[Operation], schemas: Schemas) -> Schema:
    statuses = {status for operation in operations for status in operation.error_statuses}
    problems: list[int | str] = [*sorted(statuses), _DEFAULT]
    return {
        "schemas": _published_schemas(operations, schemas),
        "responses": {_problem_name(status): _problem(status, schemas) for status in problems},
        "parameters": {"IdempotencyKey": _idempotency_key()},
        "headers": {"RequestId": _request_id()},
        "securitySchemes": {
            _BEARER: {"type": "http", "scheme": "bearer", "description": "An API key."}
        },
    }


def _published_schemas(operations: Sequence[Operation], schemas: Schemas) -> Schema:
    """Give the components but for those that are written out as parameters."""
    places = [operation.types for operation in operations]
    whole = {kind for types in places for kind in (types.body, types.response)}
    written_out = {kind for types in places for kind in (types.path, types.query)}
    return dict(sorted(schemas.without(written_out - whole - {None}).items()))


def _problem(status: int | str, schemas: Schemas) -> Schema:
    return {
        "description": _meaning(status, _PROBLEMS),
        "headers": {**_REQUEST_ID, **_PROBLEM_HEADERS.get(status, {})},
        "content": {PROBLEM_MEDIA_TYPE: {"schema": schemas.roots[Problem]}},
    }


def _problem_name(status: int | str) -> str:
    return f"Problem{str(status).capitalize()}"


def _meaning(status: int | str, meanings: Mapping[Any, str]) -> str:
    return meanings.get(status) or http.HTTPStatus(int(status)).phrase


def _idempotency_key() -> Schema:
    return {
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "required": False,
        "description": (
            "Names this request, so that its repetition gives the same answer and does nothing"
            " twice. Another payload under the same key is refused (422); one that is still being"
            " done, too (409)."
        ),
        "schema": IDEMPOTENCY_KEY_SCHEMA,
    }


def _request_id() -> Schema:
    return {
        "description": "Names the request in our log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    }
