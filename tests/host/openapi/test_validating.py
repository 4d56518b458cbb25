"""What is said of values that do not fit a schema."""

from typing import Any

import pytest

from clientflow_host.openapi.validating import explain, find_nul, make_validator, to_pointer

NUL = "the character U+0000 cannot be kept"


def explained(schema: dict[str, Any], value: Any) -> list[tuple[list[str | int], str]]:
    return list(explain(make_validator(schema).iter_errors(value)))


def test_value_of_none_of_several_kinds_is_said_to_be_so() -> None:
    schema = {"anyOf": [{"type": "integer"}, {"type": "boolean"}, {"type": "null"}]}
    assert explained(schema, "x") == [([], "the value is of none of the kinds that are allowed")]


def test_optional_value_is_held_against_the_kind_that_it_may_be() -> None:
    schema = {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "integer"}}]}
    assert explained(schema, [1, "x", None]) == [
        ([1], 'the value is not of type "integer"'),
        ([2], 'the value is not of type "integer"'),
    ]


def test_sentences_never_hold_the_value() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^b$"}}}
    assert explained(schema, {"a": "private"}) == [(["a"], 'the value does not match "^b$"')]


def test_pattern_that_needs_to_look_around_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="pattern"):
        make_validator({"type": "string", "pattern": "(?=a)b"})


def test_nul_is_found_wherever_it_is() -> None:
    document = {"a": ["x", "\0"], "b\0": {"c": 1}, "d": None, "e": {"f": "g\0"}}
    assert sorted(find_nul(document), key=str) == [
        (["a", 1], NUL),
        (["b\0"], NUL),
        (["e", "f"], NUL),
    ]


def test_nul_is_found_below_more_levels_than_python_can_call() -> None:
    deep: Any = "\0"
    for _ in range(5000):
        deep = [deep]
    ((path, _),) = find_nul(deep)
    assert path == [0] * 5000


@pytest.mark.parametrize(
    ("path", "pointer"),
    [([], ""), (["a", 0, "b"], "/a/0/b"), (["a/b", "~1", ""], "/a~1b/~01/")],
)
def test_path_becomes_a_json_pointer(path: list[str | int], pointer: str) -> None:
    assert to_pointer(path) == pointer
