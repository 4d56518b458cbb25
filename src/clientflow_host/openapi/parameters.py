"""What stands in a request's path, query or headers: names and texts, to one attrs instance."""

import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

import attrs
import jsonschema_rs
from aiohttp import web

from clientflow_core.errors import FieldError, InvalidInput
from clientflow_host.openapi.schemas import Schema, Schemas, without_null
from clientflow_host.openapi.structuring import require_structurable, structure
from clientflow_host.openapi.validating import explain, find_nul, make_validator

Pair: TypeAlias = tuple[str, bytes]
"""A parameter's name and its text, not yet decoded."""

_DETAIL: Final = "a parameter breaks a rule"
_SCALARS: Final = {"string", "integer", "number", "boolean"}
_BOOLEANS: Final = {"true": True, "false": False}
# Longer ones could not be told from their neighbors; Python takes its time for very long ones.
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")


@attrs.frozen
class Parameters:
    """The parameters of an operation that stand in one place.

    Attributes:
        kind: the attrs class that they make; None where nothing is made of them.
        schema: an object whose properties are the parameters.
    """

    kind: Any
    schema: Schema
    schemas: Schemas
    validator: jsonschema_rs.Draft202012Validator

    @classmethod
    def of(cls, kind: Any, schemas: Schemas) -> "Parameters":
        """Make those of an attrs class; of None, there are none.

        Raises:
            TypeError: a field is more than a text, a number, a truth value or a list of such.
        """
        schema = parameters_schema(kind, schemas)
        if kind is not None:
            require_structurable(kind)
            _refuse_nested(kind, schema, schemas)
        return cls.from_schema(schema, schemas, kind=kind)

    @classmethod
    def from_schema(cls, schema: Schema, schemas: Schemas, *, kind: Any = None) -> "Parameters":
        """Make those of an object's schema."""
        return cls(kind, schema, schemas, make_validator(schemas.standalone(schema)))

    def read(self, pairs: Iterable[Pair]) -> Any:
        """Make an instance of the type out of names and texts; None if there is no type.

        Raises:
            InvalidInput: a parameter is not known, given twice, missing or malformed; there is
                one entry for each that is.
        """
        values, errors = self._collect(pairs)
        for path, detail in (*explain(self.validator.iter_errors(values)), *find_nul(values)):
            errors.setdefault("/".join(map(str, path)), detail)
        if errors:
            raise InvalidInput(_DETAIL, [FieldError(name, d) for name, d in errors.items()])
        return None if self.kind is None else self._structure(values)

    def _structure(self, values: dict[str, Any]) -> Any:
        try:
            return structure(values, self.kind)
        except InvalidInput as error:
            errors = [FieldError(e.pointer.removeprefix("/"), e.detail) for e in error.errors]
            raise InvalidInput(_DETAIL, errors) from error

    def _collect(self, pairs: Iterable[Pair]) -> tuple[dict[str, Any], dict[str, str]]:
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for name, raw in pairs:
            schema = self.schemas.resolve(self.schema["properties"].get(name, {}))
            text = _decode(raw)
            if text is None:
                errors.setdefault(name, "it is not UTF-8")
                text = ""
            if schema.get("type") == "array":
                kinds = _kinds(schema.get("items", {}), self.schemas)
                values.setdefault(name, []).append(_coerce(text, kinds))
            elif name in values:
                errors.setdefault(name, "it is given more than once")
            else:
                values[name] = _coerce(text, _kinds(schema, self.schemas))
        return values, errors


def parameters_schema(kind: Any, schemas: Schemas) -> Schema:
    """Give the schema of an attrs class whose fields are parameters; of None, it has none."""
    if kind is None:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    schema = dict(schemas.resolve(schemas.roots[kind]))
    schema["properties"] = {n: without_null(s) for n, s in schema["properties"].items()}
    return schema


def path_pairs(request: web.Request) -> list[Pair]:
    """Give what the placeholders of the path hold."""
    return [
        (name, text.encode(errors="surrogateescape")) for name, text in request.match_info.items()
    ]


def query_pairs(request: web.Request) -> list[Pair]:
    """Give the query parameters as they were sent; an unreadable name has U+FFFD in it."""
    # yarl puts U+FFFD for what is not UTF-8, so that nobody would notice.
    pieces = [piece for piece in request.rel_url.raw_query_string.split("&") if piece]
    pairs = [piece.replace("+", " ").partition("=") for piece in pieces]
    return [(_unquote(n).decode(errors="replace"), _unquote(text)) for n, _, text in pairs]


def header_pairs(request: web.Request, name: str) -> list[Pair]:
    """Give each header of this name."""
    values = request.headers.getall(name, ())
    return [(name, value.encode(errors="surrogateescape")) for value in values]


def _unquote(text: str) -> bytes:
    return unquote_to_bytes(text.encode(errors="surrogateescape"))


def _decode(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _kinds(schema: Schema, schemas: Schemas) -> set[str]:
    """Give the JSON types that *schema* allows."""
    schema = schemas.resolve(schema)
    branches = schema.get("anyOf")
    if branches:
        return {kind for branch in branches for kind in _kinds(branch, schemas)}
    if all(isinstance(value, int) for value in schema.get("enum", [""])):
        return {"integer"}
    return {schema.get("type", "string")}


def _refuse_nested(kind: Any, schema: Schema, schemas: Schemas) -> None:
    for name, field in schema["properties"].items():
        found = schemas.resolve(field)
        items = found.get("items") if found.get("type") == "array" else found
        if not items or not _kinds(items, schemas) <= _SCALARS:
            field_name = f"{kind.__name__}.{name}"
            msg = f"{field_name} is neither a text, a number, a truth value nor a list of such"
            raise TypeError(msg)


def _coerce(text: str, kinds: set[str]) -> Any:
    """Make the JSON value that *text* spells; where it spells none, the schema refuses the text."""
    if "integer" in kinds and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in kinds and _NUMBER.fullmatch(text):
        return float(text)
    if "boolean" in kinds:
        return _BOOLEANS.get(text, text)
    return text
