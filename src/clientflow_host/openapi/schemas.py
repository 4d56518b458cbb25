"""attrs types to JSON Schema: the schemas that are published, which are those that are enforced."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs
import msgspec.inspect
import msgspec.json

from clientflow_host.openapi.docstrings import split_docstring
from clientflow_host.openapi.problems import Problem

Schema: TypeAlias = dict[str, Any]

_REF_PREFIX: Final = "#/components/schemas/"
# RFC 7493 (I-JSON): beyond these, other programs round; orjson itself does beyond 64 bits.
_MAX_INTEGER: Final = 2**53 - 1
_INTEGER_BOUNDS: Final = (
    ("minimum", "exclusiveMinimum", -_MAX_INTEGER),
    ("maximum", "exclusiveMaximum", _MAX_INTEGER),
)


@attrs.frozen(eq=False)
class Schemas:
    """The schemas of some types.

    Attributes:
        components: those that have a name, for ``#/components/schemas``.
        roots: for each type asked for its schema, mostly a reference to a component.
    """

    components: Schema
    roots: Mapping[Any, Schema]

    def resolve(self, schema: Schema) -> Schema:
        """Follow a reference to the component that it names; any other schema is given back."""
        ref = schema.get("$ref")
        return schema if ref is None else self.components[ref.removeprefix(_REF_PREFIX)]

    def standalone(self, schema: Schema) -> Schema:
        """Give *schema* together with all that its references may name."""
        return {**schema, "components": {"schemas": self.components}}

    def without(self, kinds: Iterable[Any]) -> Schema:
        """Give the components save those of *kinds*."""
        refs = {self.roots[kind]["$ref"].removeprefix(_REF_PREFIX) for kind in kinds}
        return {name: schema for name, schema in self.components.items() if name not in refs}


def compile_schemas(kinds: Iterable[Any]) -> Schemas:
    """Make the schemas of attrs classes and all that is in them.

    Objects take no members but those they declare, and integers without bounds of their own get
    those that every JSON program can hold.

    Raises:
        TypeError: a type cannot be published; among these is a ``datetime`` without
            ``Meta(tz=True)``, see :data:`~clientflow_host.openapi.Timestamp`.
    """
    return _compile(tuple(dict.fromkeys([*kinds, Problem])))


# An application, its document and the one after it are made of the same types.
@functools.lru_cache(maxsize=16)
def _compile(wanted: tuple[Any, ...]) -> Schemas:
    _refuse_naive_datetimes(wanted)
    roots, components = msgspec.json.schema_components(wanted, ref_template=_REF_PREFIX + "{name}")
    tight = {name: _describe(_tighten(schema)) for name, schema in components.items()}
    # Members may be added to a problem (RFC 9457, 3.2).
    tight[Problem.__name__].pop("additionalProperties")
    return Schemas(components=tight, roots=dict(zip(wanted, roots, strict=True)))


def without_null(schema: Schema) -> Schema:
    """Take null out of an optional parameter's schema: in an address it is said by leaving out."""
    branches = [branch for branch in schema.get("anyOf", ()) if branch != {"type": "null"}]
    rest = {k: v for k, v in schema.items() if k != "anyOf" and (k, v) != ("default", None)}
    if len(branches) == 1:
        return {**branches[0], **rest}
    return {**rest, "anyOf": branches} if branches else rest


def _describe(schema: Schema) -> Schema:
    """Put what the class says of a field where readers of the document look for it."""
    description, fields = split_docstring(schema.get("description", ""))
    result = {**schema, "description": description} if description else dict(schema)
    if "properties" in schema:
        result["properties"] = {
            name: {"description": fields[name], **field} if name in fields else field
            for name, field in schema["properties"].items()
        }
    return result


def _tighten(schema: Schema) -> Schema:
    result = {keyword: _tighten_keyword(keyword, value) for keyword, value in schema.items()}
    if "properties" in result:
        result.setdefault("additionalProperties", False)
    if result.get("type") == "integer":
        for bound, exclusive, value in _INTEGER_BOUNDS:
            if exclusive not in result:
                result.setdefault(bound, value)
    return result


def _tighten_keyword(keyword: str, value: Any) -> Any:
    match keyword, value:
        case "properties", dict():
            return {name: _tighten(schema) for name, schema in value.items()}
        case "anyOf" | "prefixItems", list():
            return [_tighten(schema) for schema in value]
        case "items" | "additionalProperties" | "propertyNames", dict():
            return _tighten(value)
        case _:
            return value


def _refuse_naive_datetimes(kinds: Sequence[Any]) -> None:
    found: set[str] = set()
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("", node) for node in msgspec.inspect.multi_type_info(kinds)]
    while stack:
        where, node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, msgspec.inspect.DateTimeType) and node.tz is not True:
            found.add(where)
        stack.extend(_parts(where, node))
    if found:
        msg = f"use Timestamp instead of a bare datetime in {', '.join(sorted(found))}"
        raise TypeError(msg)


def _parts(where: str, node: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(node, tuple):
        return [(where, part) for part in node]
    if isinstance(node, msgspec.inspect.DataclassType):
        name: Callable[[Any], str] = lambda field: f"{node.cls.__name__}.{field.name}"  # noqa: E731
        return [(name(field), field.type) for field in node.fields]
    if isinstance(node, msgspec.inspect.Type):
        return [(where, getattr(node, name)) for name in node.__struct_fields__]
    return []
