"""The schemas of attrs types, as they are published."""

from typing import Annotated, Any, Generic, Literal, TypeVar

import attrs
import pytest
from msgspec import Meta

from clientflow_host.openapi import Page, Problem, compile_schemas
from clientflow_host.openapi.docstrings import split_docstring
from clientflow_host.openapi.schemas import without_null
from tests.host.openapi.toy import NewThing, Size, Span, Thing

MAX = 2**53 - 1
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Numbers(Generic[T]):
    plain: int
    above: Annotated[int, Meta(gt=-5)]
    below: Annotated[int, Meta(lt=5, ge=0)]
    ratio: float
    by_name: dict[str, int]
    pair: tuple[int, str]
    either: int | str | None
    word: Literal["a", "b"]
    more: list[T]


def properties(kind: Any) -> dict[str, Any]:
    schemas = compile_schemas([kind])
    found: dict[str, Any] = schemas.resolve(schemas.roots[kind])["properties"]
    return found


def test_integers_are_bounded_wherever_they_stand() -> None:
    integer = {"type": "integer", "minimum": -MAX, "maximum": MAX}
    assert properties(Numbers[Thing]) == {
        "plain": integer,
        "above": {"type": "integer", "exclusiveMinimum": -5, "maximum": MAX},
        "below": {"type": "integer", "minimum": 0, "exclusiveMaximum": 5},
        "ratio": {"type": "number"},
        "by_name": {"type": "object", "additionalProperties": integer},
        "pair": {
            "type": "array",
            "prefixItems": [integer, {"type": "string"}],
            "items": False,
            "minItems": 2,
            "maxItems": 2,
        },
        "either": {"anyOf": [integer, {"type": "string"}, {"type": "null"}]},
        "word": {"enum": ["a", "b"]},
        "more": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
    }


def test_objects_take_nothing_that_they_do_not_declare_but_problems_may_grow() -> None:
    components = compile_schemas([NewThing, Page[Thing]]).components
    assert sorted(components) == [
        "Color",
        "FieldError",
        "NewThing",
        "Page_Thing_",
        "Problem",
        "Size",
        "Span",
        "Thing",
    ]
    open_objects = [
        name
        for name, schema in components.items()
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False
    ]
    assert open_objects == ["Problem"]


def test_what_the_docstring_says_of_a_field_stands_at_the_field() -> None:
    schemas = compile_schemas([Page[Thing]])
    page = schemas.resolve(schemas.roots[Page[Thing]])
    assert page["description"] == "One page of a list."
    assert page["properties"]["has_more"] == {
        "description": "whether more of them follow.",
        "type": "boolean",
    }


def test_field_with_words_of_its_own_keeps_them() -> None:
    assert properties(NewThing)["count"]["description"] == "how many there are"


@pytest.mark.parametrize(
    ("docstring", "description", "fields"),
    [
        ("", "", {}),
        ("One line.", "One line.", {}),
        (
            """One line.

            More of it.

            Attributes:
                first: is one,
                    on two lines.
                second, third: two.

            The end.
            """,
            "One line.\n\nMore of it.\n\nThe end.",
            {"first": "is one, on two lines.", "second": "two.", "third": "two."},
        ),
        ("One.\n\nAttributes:\n    no entry\n", "One.", {}),
    ],
)
def test_docstring_is_taken_apart(docstring: str, description: str, fields: dict[str, str]) -> None:
    assert split_docstring(docstring) == (description, fields)


def test_some_components_can_be_left_out() -> None:
    schemas = compile_schemas([NewThing, Span])
    assert sorted(schemas.without([NewThing])) == [
        "Color",
        "FieldError",
        "Problem",
        "Size",
        "Span",
    ]


def test_each_type_has_one_schema_however_often_it_is_asked_for() -> None:
    schemas = compile_schemas([Size, Size, Problem])
    assert list(schemas.roots) == [Size, Problem]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, {"type": "string"}),
        ({"type": "string", "default": "a"}, {"type": "string", "default": "a"}),
        ({"anyOf": [{"type": "null"}, {"type": "string"}], "default": None}, {"type": "string"}),
        (
            {"anyOf": [{"$ref": "#/x"}, {"type": "null"}], "default": "a", "description": "d"},
            {"$ref": "#/x", "default": "a", "description": "d"},
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
    ],
)
def test_null_is_taken_out_of_parameters(schema: Any, expected: Any) -> None:
    assert without_null(schema) == expected
