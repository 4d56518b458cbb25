"""The published schema, read by another validator, says of every body what the host says of it."""

import datetime as dt
import json
import uuid
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import (  # type: ignore[import-untyped]  # it ships none
    Draft202012Validator,
    FormatChecker,
)

from clientflow_core.errors import ClientFlowError, InvalidInput
from clientflow_host.openapi import RequestReader, build_document, compile_schemas
from clientflow_host.openapi.operations import kinds_of
from clientflow_host.openapi.parameters import Parameters, path_pairs, query_pairs
from tests.host.openapi.toy import OPERATIONS, Color, Size

pytestmark = pytest.mark.proves("SD5", "UA1")

DOCUMENT = build_document(OPERATIONS, title="Toy", version="1")
SCHEMAS = compile_schemas(kinds_of(OPERATIONS))
READERS = {o.operation_id: RequestReader.of(o, SCHEMAS) for o in OPERATIONS}
FORMATS = FormatChecker(formats=())

OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda m: dt.timezone(dt.timedelta(minutes=m)))
TIMES = st.datetimes(
    min_value=dt.datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=dt.datetime(9999, 12, 29),  # noqa: DTZ001 - so
    timezones=OFFSETS,
)


def is_time(value: object) -> bool:
    return not isinstance(value, str) or dt.datetime.fromisoformat(value).tzinfo is not None


def is_date(value: object) -> bool:
    return not isinstance(value, str) or str(dt.date.fromisoformat(value)) == value


def is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(uuid.UUID(value)) == value.lower()


FORMATS.checks("date-time", raises=ValueError)(is_time)
FORMATS.checks("date", raises=ValueError)(is_date)
FORMATS.checks("uuid", raises=ValueError)(is_uuid)

BODY = Draft202012Validator(
    {"$ref": "#/components/schemas/NewThing", "components": DOCUMENT["components"]},
    format_checker=FORMATS,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=25)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, -1, 2**53 - 1, 2**53, 1 - 2**53, -(2**53), 2**63, 2**64]),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
JUNK = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(TEXTS, SCALARS, max_size=2)
)
WRITTEN_TIMES = TIMES.map(lambda moment: moment.isoformat())
SPANS = st.fixed_dictionaries(
    {"begins_at": WRITTEN_TIMES | JUNK, "ends_at": WRITTEN_TIMES | JUNK},
    optional={"more": SCALARS},
)
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text("abé", min_size=1, max_size=20),
    "count": st.integers(1, 2**53 - 1) | st.integers(1, 99).map(float),
    "weight": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "color": st.sampled_from(["red", "blue", None]),
    "size": st.sampled_from([1, 2, 1.0]),
    "day": st.none() | st.dates().map(str),
    "note": TEXTS,
    "spans": st.lists(SPANS, max_size=2),
    "labels": st.dictionaries(TEXTS, st.text("ab", max_size=22), max_size=2),
    "anything": JUNK,
}


def mostly(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda dice: JUNK if dice == 0 else strategy)


BODIES = st.fixed_dictionaries(
    {name: mostly(MEMBERS[name]) for name in ("name", "count")},
    optional={
        **{
            name: mostly(member)
            for name, member in MEMBERS.items()
            if name not in ("name", "count")
        },
        "unknown": SCALARS,
    },
)


def is_ordered(body: Any) -> bool:
    """Tell whether the rule between two fields holds, which a schema cannot say."""
    moments = [
        [dt.datetime.fromisoformat(span[name]) for name in ("begins_at", "ends_at")]
        for span in body.get("spans", ())
    ]
    return all(begins_at <= ends_at for begins_at, ends_at in moments)


def accepts(raw: bytes) -> bool:
    body = READERS["make_thing"].body
    assert body is not None
    try:
        body.parse(raw)
    except InvalidInput:
        return False
    return True


@given(BODIES | st.dictionaries(st.sampled_from(sorted(MEMBERS)), JUNK, max_size=3) | JUNK)
@settings(max_examples=300, deadline=None)
@example({"name": "a", "count": 1, "size": True})
@example({"name": "a", "count": True})
@example({"name": "a", "count": 1.0, "size": 2.0})
@example({"name": "a", "count": 2**53})
@example({"name": "a" * 20, "count": 2**53 - 1})
@example({"name": "😀" * 20, "count": 1})
@example({"name": "😀" * 21, "count": 1})
def test_body_is_taken_if_the_published_schema_takes_it(body: Any) -> None:
    expected = BODY.is_valid(body) and is_ordered(body)
    assert accepts(json.dumps(body).encode()) == expected


@given(st.binary(max_size=40) | JUNK.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=100, deadline=None)
def test_no_body_whatever_makes_an_error_of_ours(raw: bytes) -> None:
    body = READERS["make_thing"].body
    assert body is not None
    with pytest.raises(ClientFlowError):
        body.parse(raw)


QUERY: Parameters = READERS["list_things"].query or READERS["list_things"].path
PARAMETERS: dict[str, Any] = {
    parameter["name"]: Draft202012Validator(
        {**parameter["schema"], "components": DOCUMENT["components"]}, format_checker=FORMATS
    )
    for parameter in DOCUMENT["paths"]["/things"]["get"]["parameters"]
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "limit": st.integers(-1, 102),
    "tag": st.lists(TEXTS, min_size=1, max_size=3),
    "number": st.lists(st.integers(-(2**54), 2**54), min_size=1, max_size=3),
    "since": TIMES,
    "color": st.sampled_from(Color) | TEXTS,
    "size": st.sampled_from(Size) | st.integers(-5, 5),
    "ratio": st.floats(allow_nan=False, allow_infinity=False),
    "exact": st.booleans(),
}


def read_query(request: web.Request) -> tuple[Any, set[str]]:
    """Give what is read, and the parameters that are refused."""
    try:
        return QUERY.read(query_pairs(request)), set()
    except InvalidInput as error:
        return None, {broken.pointer.partition("/")[0] for broken in error.errors}


def to_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def spell(value: Any) -> str:
    plain = to_json(value)
    return plain if isinstance(plain, str) else json.dumps(plain)


@given(st.fixed_dictionaries({}, optional=VALUES))
@settings(max_examples=200, deadline=None)
def test_query_is_taken_if_the_published_schemas_take_it(values: dict[str, Any]) -> None:
    pairs = [
        (name, spell(each))
        for name, value in values.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    request = make_mocked_request("GET", f"/things?{urlencode(pairs, quote_via=quote_plus)}")
    wrong = {name for name, v in values.items() if not PARAMETERS[name].is_valid(to_json(v))}
    found, refused = read_query(request)
    assert refused == wrong
    if not refused:
        assert {name: getattr(found, name) for name in values} == values


@given(st.text(st.characters(codec="ascii", exclude_characters=" #?\r\n\t\0"), max_size=40))
@settings(max_examples=200, deadline=None)
@example("limit=%C3%28")
@example("tag=%ED%A0%80&%=%")
@example("=1&=2")
def test_no_address_whatever_makes_an_error_of_ours(text: str) -> None:
    request = make_mocked_request("GET", f"/things?{text}")
    read_query(request)
    request = make_mocked_request("GET", "/things/x", match_info={"thing_id": text})
    with pytest.raises(InvalidInput):
        READERS["read"].path.read(path_pairs(request))
