"""What a schema cannot say is said when an instance is made."""

import datetime as dt
import decimal
from typing import Any

import attrs
import pytest
from attrs import validators
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from clientflow_core.errors import FieldError, InvalidInput, NotFound
from clientflow_host.openapi import Timestamp
from clientflow_host.openapi.structuring import require_structurable, structure


def _look_up(name: str) -> str:
    if name == "nobody":
        msg = "there is no such person"
        raise NotFound(msg)
    return name


@attrs.frozen(kw_only=True)
class Person:
    name: str = attrs.field(converter=_look_up)
    age: int = attrs.field(default=1, validator=validators.lt(200))
    friends: "list[Person]" = attrs.field(factory=list)
    born_at: Timestamp | None = None
    nick: str | UnsetType | None = UNSET

    @friends.validator
    def _check_friends(self, _: Any, value: list["Person"]) -> None:
        assert len(value) < 5, "nobody has so many"
        if len(value) == 4:
            raise ValueError


def errors_of(value: Any) -> list[FieldError]:
    with pytest.raises(InvalidInput) as caught:
        structure(value, Person)
    return list(caught.value.errors)


def test_each_broken_rule_is_placed() -> None:
    value = {"name": "a", "friends": [{"name": "b"}, {"name": "nobody"}, {"name": "c", "age": 200}]}
    assert errors_of(value) == [
        FieldError("/friends/1", "there is no such person"),
        FieldError("/friends/2", "'age' must be < 200: 200"),
    ]


def test_rule_without_words_gets_some() -> None:
    value = {"name": "a", "friends": [{"name": "b"}] * 4}
    assert errors_of(value) == [FieldError("", "the value breaks a rule")]


def test_error_of_ours_is_not_blamed_on_the_caller() -> None:
    with pytest.raises(AssertionError, match="nobody has so many"):
        structure({"name": "a", "friends": [{"name": "b"}] * 5}, Person)


@pytest.mark.parametrize(
    ("value", "expected"), [({}, UNSET), ({"nick": None}, None), ({"nick": "n"}, "n")]
)
def test_null_and_nothing_are_told_apart(value: dict[str, Any], expected: Any) -> None:
    assert structure({"name": "a", **value}, Person).nick == expected


def test_time_without_an_offset_is_refused_even_where_no_schema_looks() -> None:
    assert errors_of({"name": "a", "born_at": "2026-03-01T00:00:00"}) == [
        FieldError("/born_at", "the time has no offset from UTC")
    ]


@given(st.datetimes(timezones=st.timezones()))
@settings(max_examples=100)
def test_time_is_the_same_moment_in_utc(moment: dt.datetime) -> None:
    try:
        expected = moment.astimezone(dt.UTC)
    except OverflowError:
        errors_of({"name": "a", "born_at": moment.isoformat()})
        return
    found = structure({"name": "a", "born_at": moment.isoformat()}, Person).born_at
    assert found == expected
    assert found.tzinfo is dt.UTC


@pytest.mark.parametrize(
    "kind",
    [decimal.Decimal, list[decimal.Decimal], int | str, dt.timedelta | None, dict[str, object]],
)
def test_type_that_cannot_be_made_of_json_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="there is no way to make"):
        require_structurable(kind)


def test_type_that_holds_itself_can_be_made() -> None:
    require_structurable(Person)
