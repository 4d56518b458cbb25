"""What an operation takes from its handler's hints, and which hints it refuses."""

import datetime as dt
import decimal
import uuid
from typing import Any

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from clientflow_core.domain.roles import Role
from clientflow_core.errors import Unauthenticated
from clientflow_host.openapi import (
    ApiRequest,
    Operation,
    Page,
    Reply,
    add_operations,
    build_document,
)
from tests.host.openapi.toy import (
    OPERATIONS,
    Echo,
    NewThing,
    Span,
    Thing,
    ThingPath,
    ThingsQuery,
    authenticate,
)


@attrs.frozen(kw_only=True)
class Naive:
    at: dt.datetime | None


@attrs.frozen(kw_only=True)
class Price:
    amount: decimal.Decimal


@attrs.frozen(kw_only=True)
class Nested:
    span: Span


@attrs.frozen(kw_only=True)
class NestedList:
    spans: list[Span]


@attrs.frozen(kw_only=True)
class Gaps:
    numbers: list[int | None]


@attrs.frozen(kw_only=True)
class Pair:
    corner: tuple[int, int]


def make(handler: Any, **changes: Any) -> Operation:
    values = {"method": "POST", "path": "/x", "role": Role.VIEWER, "tag": "t"}
    return Operation(**{**values, **changes}, handler=handler)


async def unhinted(request):  # type: ignore[no-untyped-def]  # that is what is tested
    return None


async def no_return(request: ApiRequest[None, None, None]):  # type: ignore[no-untyped-def]  # so
    return None


async def other_request(request: web.Request) -> None: ...


async def no_request() -> None: ...


async def body_is_a_dict(request: ApiRequest[None, None, dict[str, str]]) -> None: ...


async def path_is_a_uuid(request: ApiRequest[uuid.UUID, None, None]) -> None: ...


async def gives_text(request: ApiRequest[None, None, None]) -> str:
    return ""


async def gives_one_or_other(request: ApiRequest[None, None, None]) -> Thing | Echo:
    return Echo(read="")


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (unhinted, "must be hinted"),
        (no_return, "must be hinted"),
        (other_request, "must be hinted"),
        (no_request, "must be hinted"),
        (body_is_a_dict, "not an attrs class"),
        (path_is_a_uuid, "not an attrs class"),
        (gives_text, "not an attrs class"),
        (gives_one_or_other, "more than one type"),
    ],
)
def test_hint_that_says_too_little_is_refused(handler: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make(handler)


async def in_path(request: ApiRequest[ThingPath, None, None]) -> None: ...


@pytest.mark.parametrize("path", ["/x", "/{other}", "/{thing_id}/{other}", "/{thing_id:[0-9]+}"])
def test_placeholders_must_be_the_fields_of_the_path_type(path: str) -> None:
    with pytest.raises(TypeError, match="do not have the same fields"):
        make(in_path, path=path)


async def takes_body(request: ApiRequest[None, None, NewThing]) -> None: ...


async def takes_query(request: ApiRequest[None, ThingsQuery, None]) -> None: ...


@pytest.mark.parametrize("handler", [takes_body, takes_query])
def test_foreign_operation_cannot_have_query_or_body(handler: Any) -> None:
    with pytest.raises(TypeError, match="neither query nor body"):
        make(handler, foreign=True)


async def naive_body(request: ApiRequest[None, None, Naive]) -> None: ...


async def naive_answer(request: ApiRequest[None, None, None]) -> Page[Naive]:
    return Page(data=[], has_more=False, url="")


@pytest.mark.parametrize("handler", [naive_body, naive_answer])
def test_bare_datetime_is_refused(handler: Any) -> None:
    words = r"use Timestamp instead of a bare datetime in Naive\.at"
    with pytest.raises(TypeError, match=words):
        build_document([make(handler)], title="t", version="1")
    with pytest.raises(TypeError, match=words):
        add_operations(web.Application(), [make(handler)], authenticate=authenticate)


async def price_body(request: ApiRequest[None, None, Price]) -> None: ...


async def price_query(request: ApiRequest[None, Price, None]) -> None: ...


async def nested_query(request: ApiRequest[None, Nested, None]) -> None: ...


async def nested_list_query(request: ApiRequest[None, NestedList, None]) -> None: ...


async def gaps_query(request: ApiRequest[None, Gaps, None]) -> None: ...


async def pair_query(request: ApiRequest[None, Pair, None]) -> None: ...


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (price_body, "cannot be read from a request: there is no way to make .*Decimal"),
        (price_query, "cannot be read from a request: there is no way to make .*Decimal"),
        (nested_query, r"Nested\.span is neither a text"),
        (nested_list_query, r"NestedList\.spans is neither a text"),
        (gaps_query, r"Gaps\.numbers is neither a text"),
        (pair_query, r"Pair\.corner is neither a text"),
    ],
)
def test_type_that_cannot_be_read_stops_the_start(handler: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        add_operations(web.Application(), [make(handler)], authenticate=authenticate)


async def price_answer(request: ApiRequest[None, None, None]) -> Price:
    return Price(amount=decimal.Decimal(1))


def test_type_that_can_only_be_written_may_be_an_answer() -> None:
    add_operations(web.Application(), [make(price_answer)], authenticate=authenticate)


async def accepts(request: ApiRequest[None, None, None]) -> Reply[None]:
    return Reply(body=None)


async def either(request: ApiRequest[None, None, None]) -> Reply[Thing] | web.Response:
    return web.Response()


def test_summary_name_and_status_come_from_the_handler() -> None:
    listing, making, reading, dropping = OPERATIONS[:4]
    assert (listing.summary, listing.operation_id) == ("List things", "list_things")
    assert making.operation_id == "make_thing"
    assert (listing.status, making.statuses, dropping.status) == (200, (201, 200), 204)
    assert reading.types.response is Thing
    assert make(accepts).status == 204
    assert make(accepts).summary == ""
    assert (make(either).status, make(either).types.response) == (200, Thing)


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("list_things", [401, 403, 422, 429, 500, 503]),
        ("make_thing", [400, 401, 403, 409, 413, 415, 422, 429, 500, 503]),
        ("drop", [401, 403, 404, 422, 429, 500, 503]),
        ("hook", [408, 413, 500]),
        ("whoami", [422, 500]),
    ],
)
def test_problems_follow_from_what_an_operation_is(name: str, statuses: list[int]) -> None:
    found = next(operation for operation in OPERATIONS if operation.operation_id == name)
    assert found.error_statuses == statuses


def test_request_of_nobody_has_no_principal() -> None:
    raw = make_mocked_request("GET", "/")
    request = ApiRequest(path=None, query=None, body=None, raw=raw)
    with pytest.raises(Unauthenticated, match="nobody is signed in"):
        _ = request.principal
