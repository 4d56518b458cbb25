"""Holding JSON values against a published schema, and saying what is wrong with them."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeAlias

import jsonschema_rs

from clientflow_core.errors import FieldError
from clientflow_host.openapi.schemas import Schema

Path: TypeAlias = list[str | int]
Broken: TypeAlias = tuple[Path, str]
"""One broken rule: where, and a sentence."""

_NUL: Final = "\0"
_NUL_DETAIL: Final = "the character U+0000 cannot be kept"
# A body of a megabyte can break a rule half a million times.
_MAX_FIELD_ERRORS: Final = 100

_Kind = jsonschema_rs.ValidationErrorKind
_Trail: TypeAlias = tuple["_Trail", str | int] | None


def make_validator(schema: Schema) -> jsonschema_rs.Draft202012Validator:
    """Make the validator of a schema.

    Its messages leave values out, and its patterns take linear time whatever they are held against.
    """
    return jsonschema_rs.Draft202012Validator(
        schema,
        validate_formats=True,
        mask="the value",
        pattern_options=jsonschema_rs.RegexOptions(),
    )


def explain(errors: Iterable[jsonschema_rs.ValidationError]) -> Iterator[Broken]:
    """Give the place and a sentence for each broken rule, looking through ``X | None``."""
    for error in errors:
        path = list(error.instance_path)
        match error.kind:
            case _Kind.Required(property=name):
                yield [*path, name], "it is required"
            case _Kind.AdditionalProperties(unexpected=names):
                yield from (([*path, name], "there is nothing of this name") for name in names)
            case _Kind.AnyOf(context=context):
                branches = [branch for branch in context if not _is_null(branch)]
                if len(branches) == 1:
                    yield from explain(branches[0])
                else:
                    yield path, "the value is of none of the kinds that are allowed"
            case _:
                yield path, error.message


def find_nul(document: Any) -> Iterator[Broken]:
    """Give the place of each text with U+0000 in *document*: PostgreSQL can keep none."""
    found: list[tuple[_Trail, Any]] = [(None, document)]
    while found:
        trail, value = found.pop()
        match value:
            case str():
                if _NUL in value:
                    yield _to_path(trail), _NUL_DETAIL
            case list():
                found.extend(((trail, i), item) for i, item in enumerate(value))
            case dict():
                found.extend(((trail, name), item) for name, item in value.items())
                yield from (_at(trail, name) for name in value if _NUL in name)
            case _:
                pass


def to_field_errors(broken: Iterable[Broken]) -> list[FieldError]:
    """Give a field error for each broken rule, placed by a JSON pointer; the first hundred."""
    return [FieldError(to_pointer(path), d) for path, d in islice(broken, _MAX_FIELD_ERRORS)]


def to_pointer(path: Iterable[str | int]) -> str:
    """Write a path as a JSON pointer (RFC 6901)."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)


def _is_null(branch: list[jsonschema_rs.ValidationError]) -> bool:
    """Tell whether *branch* is the ``null`` of ``X | None``."""
    kinds = [error.kind for error in branch]
    return any(isinstance(kind, _Kind.Type) and kind.types == ["null"] for kind in kinds)


def _at(trail: _Trail, name: str) -> Broken:
    return [*_to_path(trail), name], _NUL_DETAIL


def _to_path(trail: _Trail) -> Path:
    path: Path = []
    while trail is not None:
        trail, step = trail
        path.append(step)
    return path[::-1]
