"""What is read of a request, and what is refused, over real HTTP."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.typedefs import Handler
from structlog.testing import capture_logs
from yarl import URL

from clientflow_core.domain.roles import Role
from clientflow_core.errors import BadPayload
from tests.host.openapi.toy import (
    CLIENT_MAX_SIZE,
    MADE_AT,
    THING,
    Client,
    as_role,
    make_app,
    serving,
)

BODY = {"name": "one", "count": 1}
JSON = {"Content-Type": "application/json"}
NUL = "the character U+0000 cannot be kept"


async def problem(response: ClientResponse) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    found: dict[str, Any] = await response.json()
    assert found["status"] == response.status
    return found


def broken(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["pointer"], error["detail"]) for error in found["errors"]]


async def ask(client: Client, query: str) -> ClientResponse:
    return await client.get(URL(f"/things?{query}", encoded=True), headers=as_role(Role.VIEWER))


async def send(client: Client, body: bytes, **headers: str) -> ClientResponse:
    sent = as_role(Role.MEMBER, {**JSON, **{k.replace("_", "-"): v for k, v in headers.items()}})
    return await client.post("/things", data=body, headers=sent)


async def send_raw(client: Client, head: str, body: bytes = b"") -> tuple[str, dict[str, Any]]:
    """Send a request that no client would; give the status line and the problem."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(head.encode("latin-1").replace(b"\n", b"\r\n") + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(s for s in answer.splitlines() if s.lower().startswith("content-length"))
    found = json.loads(await reader.readexactly(int(length.partition(":")[2])))
    writer.close()
    await writer.wait_closed()
    return answer.partition("\r\n")[0], found


async def test_query_becomes_typed_values(client: Client) -> None:
    response = await ask(
        client,
        "limit=7&tag=a+b&tag=%C3%A9%26&number=1&number=-2&since=2026-03-01T12:00:00%2B02:00"
        "&color=red&size=2&ratio=1e-300&exact=true",
    )
    assert response.status == 200
    read = (await response.json())["data"][0]["name"]
    assert read == (
        "ThingsQuery(limit=7, tag=['a b', 'é&'], number=[1, -2], since=datetime.datetime(2026, 3,"
        " 1, 10, 0, tzinfo=datetime.timezone.utc), until=None, color=<Color.RED: 'red'>,"
        " size=<Size.BIG: 2>, ratio=1e-300, exact=True)"
    )


async def test_query_that_is_left_out_has_its_defaults(client: Client) -> None:
    read = (await (await ask(client, "&&")).json())["data"][0]["name"]
    assert read == (
        "ThingsQuery(limit=20, tag=[], number=[], since=None, until=None, color=None, size=None,"
        " ratio=None, exact=False)"
    )


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("limit=1&limit=2", [("limit", "it is given more than once")]),
        ("limit=x&limit=2&limit=3", [("limit", "it is given more than once")]),
        ("nothing=1", [("nothing", "there is nothing of this name")]),
        ("limit=", [("limit", 'the value is not of type "integer"')]),
        ("limit=1.0", [("limit", 'the value is not of type "integer"')]),
        ("limit=0", [("limit", "the value is less than the minimum of 1")]),
        ("limit=%D9%A1", [("limit", 'the value is not of type "integer"')]),
        ("limit=1_0", [("limit", 'the value is not of type "integer"')]),
        (
            f"number={2**53}",
            [("number/0", f"the value is greater than the maximum of {2**53 - 1}")],
        ),
        (
            f"number=1&number={10**18}",
            [("number/1", f"the value is greater than the maximum of {2**53 - 1}")],
        ),
        (f"limit={'9' * 5000}", [("limit", 'the value is not of type "integer"')]),
        ("ratio=1e999", [("ratio", 'the value is not of type "number"')]),
        ("ratio=nan", [("ratio", 'the value is not of type "number"')]),
        ("exact=True", [("exact", 'the value is not of type "boolean"')]),
        ("exact=1", [("exact", 'the value is not of type "boolean"')]),
        ("color=green", [("color", 'the value is not one of "blue" or "red"')]),
        ("size=3", [("size", "the value is not one of 1 or 2")]),
        ("size=big", [("size", "the value is not one of 1 or 2")]),
        ("since=2026-03-01T12:00:00", [("since", 'the value is not a "date-time"')]),
        ("since=2026-12-31T23:59:60Z", [("since", "second must be in 0..59")]),
        (
            "since=2026-03-02T00:00:00z&until=2026-03-01T00:00:00Z",
            [("", "until is before since")],
        ),
        ("tag=", [("tag/0", "the value is shorter than 1 character")]),
        ("tag=%00", [("tag/0", NUL)]),
        (
            "tag=%FF",
            [("tag", "it is not UTF-8"), ("tag/0", "the value is shorter than 1 character")],
        ),
        ("limit=%FF", [("limit", "it is not UTF-8")]),
        ("%FF=1", [("\ufffd", "there is nothing of this name")]),
        ("%00=1", [("\0", "there is nothing of this name")]),
        (
            "limit=0&what=1&color=x&exact=2",
            [
                ("what", "there is nothing of this name"),
                ("color", 'the value is not one of "blue" or "red"'),
                ("exact", 'the value is not of type "boolean"'),
                ("limit", "the value is less than the minimum of 1"),
            ],
        ),
    ],
)
async def test_broken_query_is_answered_with_one_error_for_each_parameter(
    client: Client, query: str, errors: list[tuple[str, str]]
) -> None:
    response = await ask(client, query)
    found = await problem(response)
    assert (response.status, found["code"]) == (422, "invalid_input")
    assert sorted(broken(found)) == sorted(errors)


async def test_operation_without_query_takes_none(client: Client) -> None:
    found = await problem(await client.get("/whoami?x=1"))
    assert broken(found) == [("x", "there is nothing of this name")]


@pytest.mark.parametrize("text", ["x", str(THING).replace("-", ""), "%FF", "%00", f"{THING}%20"])
async def test_path_is_held_against_its_schema(client: Client, text: str) -> None:
    url = URL(f"/things/{text}", encoded=True)
    response = await client.get(url, headers=as_role(Role.VIEWER))
    found = await problem(response)
    assert (response.status, broken(found)) == (422, [("thing_id", 'the value is not a "uuid"')])


async def test_body_becomes_typed_values(client: Client) -> None:
    body = {
        **BODY,
        "count": 2.0,
        "weight": 3,
        "color": "blue",
        "day": "2026-03-01",
        "note": "n",
        "spans": [{"begins_at": "2026-03-01T00:00:00+01:00", "ends_at": "2026-03-01T00:00:00Z"}],
        "labels": {"a/b": "c"},
        "seal": "aGk=",
        "anything": [None, {"x": 1}],
    }
    response = await send(client, json.dumps(body).encode())
    assert response.status == 201
    assert response.headers["Location"] == f"/things/{THING}"
    assert (await response.json())["name"] == (
        "NewThing(name='one', count=2, weight=3.0, color=<Color.BLUE: 'blue'>,"
        " size=<Size.SMALL: 1>, day=datetime.date(2026, 3, 1), note='n',"
        " spans=[Span(begins_at="
        "datetime.datetime(2026, 2, 28, 23, 0, tzinfo=datetime.timezone.utc),"
        " ends_at=datetime.datetime(2026, 3, 1, 0, 0, tzinfo=datetime.timezone.utc))],"
        " labels={'a/b': 'c'}, seal=b'hi', anything=[None, {'x': 1}])"
    )


async def test_body_that_says_little_has_the_defaults(client: Client) -> None:
    read = (await (await send(client, b'{"name":"one","count":1,"color":null}')).json())["name"]
    assert read == (
        "NewThing(name='one', count=1, weight=None, color=None, size=<Size.SMALL: 1>, day=None,"
        " note=UNSET, spans=[], labels={}, seal=None, anything=None)"
    )


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"name": ""}, [("/name", "the value is shorter than 1 character")]),
        ({"name": None}, [("/name", 'the value is not of type "string"')]),
        ({"name": "a\0b"}, [("/name", NUL)]),
        ({"name": "a\\u0000b"}, []),
        ({"count": "1"}, [("/count", 'the value is not of type "integer"')]),
        ({"count": True}, [("/count", 'the value is not of type "integer"')]),
        ({"count": 10**30}, [("/count", f"the value is greater than the maximum of {2**53 - 1}")]),
        ({"count": 2**53}, [("/count", f"the value is greater than the maximum of {2**53 - 1}")]),
        # It looks through "or null", and tells what is wrong with the rest.
        ({"weight": "x"}, [("/weight", 'the value is not of type "number"')]),
        ({"color": "green"}, [("/color", 'the value is not one of "blue" or "red"')]),
        ({"size": True}, [("/size", "the value is not one of 1 or 2")]),
        ({"note": None}, [("/note", 'the value is not of type "string"')]),
        ({"day": "2026-02-30"}, [("/day", 'the value is not a "date"')]),
        ({"seal": "??"}, [("/seal", "Only base64 data is allowed")]),
        ({"seal": "é"}, [("/seal", "string argument should contain only ASCII characters")]),
        ({"labels": {"a/b~": ""}}, [("/labels/a~1b~0", "the value is shorter than 1 character")]),
        ({"labels": {"a\0": "x"}}, [("/labels/a\0", NUL)]),
        ({"anything": {"a": ["", {"b": "\0"}]}}, [("/anything/a/1/b", NUL)]),
        (
            {"other": 1, "more": 2},
            [
                ("/other", "there is nothing of this name"),
                ("/more", "there is nothing of this name"),
            ],
        ),
        (
            {"spans": [{"begins_at": "2026-03-01T00:00:00Z"}]},
            [("/spans/0/ends_at", "it is required")],
        ),
        (
            {"spans": [{"begins_at": "2026-03-01T00:00:00", "ends_at": "2026-03-01T00:00:00Z"}]},
            [("/spans/0/begins_at", 'the value is not a "date-time"')],
        ),
        (
            {"spans": [{"begins_at": "2026-03-02T00:00:00Z", "ends_at": "2026-03-01T00:00:00Z"}]},
            [("/spans/0", "it ends before it begins")],
        ),
        (
            {"spans": [{"begins_at": "0000-01-01T00:00:00Z", "ends_at": "2026-03-01T00:00:00Z"}]},
            [("/spans/0/begins_at", "year 0 is out of range")],
        ),
        (
            {
                "spans": [
                    {"begins_at": "2026-03-02T00:00:00Z", "ends_at": "9999-12-31T23:59:59-01:00"}
                ]
            },
            [("/spans/0/ends_at", "the time is not between the years 1 and 9999 in UTC")],
        ),
        (
            {"name": "", "count": 0, "x": 1},
            [
                ("/x", "there is nothing of this name"),
                ("/name", "the value is shorter than 1 character"),
                ("/count", "the value is less than the minimum of 1"),
            ],
        ),
    ],
)
async def test_broken_body_is_answered_with_every_rule_that_it_breaks(
    client: Client, changes: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    response = await send(client, json.dumps({**BODY, **changes}).encode())
    if not errors:
        assert response.status == 201
        return
    found = await problem(response)
    assert (response.status, found["code"]) == (422, "invalid_input")
    assert sorted(broken(found)) == sorted(errors)


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"", "the body is not JSON at line 1, column 1"),
        (b'{"name": "\xff"}', "the body is not UTF-8 at byte 10"),
        (b"\xff\xfe{\x00}\x00", "the body is not UTF-8 at byte 0"),
        (b'\xef\xbb\xbf{"name":"one","count":1}', "the body is not JSON at line 1, column 1"),
        (b'{"name": "one",\n "count": 1', "the body is not JSON at line 2, column"),
        (b'{"name": "one", "count": NaN}', "the body is not JSON at line 1, column 26"),
        (b'{"name": "one", "count": 1e999}', "the body is not JSON at line 1, column"),
        (b'{"name": "\\ud800", "count": 1}', "the body is not JSON at line 1, column"),
        (b"[" * 2000 + b"]" * 2000, "the body is not JSON at line 1, column"),
        (b"name=one&count=1", "the body is not JSON at line 1, column"),
    ],
)
async def test_body_that_nobody_can_read_is_400(client: Client, raw: bytes, detail: str) -> None:
    response = await send(client, raw)
    found = await problem(response)
    assert (response.status, found["code"]) == (400, "bad_payload")
    assert found["detail"].startswith(detail)


async def test_body_that_is_no_object_is_422(client: Client) -> None:
    found = await problem(await send(client, b"[]"))
    assert broken(found) == [("", 'the value is not of type "object"')]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=UTF-8", 201),
        ('Application/JSON;charset="utf-8"', 201),
        ("application/json; charset=latin-1", 415),
        ("application/problem+json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        (";;;///", 415),
    ],
)
async def test_body_must_say_that_it_is_json(
    client: Client, content_type: str, status: int
) -> None:
    response = await send(client, json.dumps(BODY).encode(), Content_Type=content_type)
    assert response.status == status
    if status == 415:
        assert (await problem(response))["code"] == "unsupported_media_type"
        assert response.headers["Accept"] == "application/json"


async def test_body_without_a_type_is_415(client: Client) -> None:
    status, found = await send_raw(
        client,
        "POST /things HTTP/1.1\nHost: x\nAuthorization: Bearer member\nContent-Length: 2\n\n",
        b"{}",
    )
    assert (status, found["code"]) == (
        "HTTP/1.1 415 Unsupported Media Type",
        "unsupported_media_type",
    )


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


async def test_body_over_the_limit_is_413_whichever_way_it_comes(client: Client) -> None:
    packed = gzip.compress(b" " * (CLIENT_MAX_SIZE + 1))
    assert len(packed) < 1000
    too_long = CLIENT_MAX_SIZE + 1024
    headers = as_role(Role.MEMBER, JSON)
    url = "/things"
    for response in (
        await client.post(url, data=b" " * too_long, headers=headers),
        await client.post(url, data=chunks(too_long), headers=headers),
        await client.post(url, data=packed, headers={**headers, "Content-Encoding": "gzip"}),
    ):
        found = await problem(response)
        assert (response.status, found["code"]) == (413, "payload_too_large")
        assert str(CLIENT_MAX_SIZE) in found["detail"]


async def test_body_of_exactly_the_limit_is_read(client: Client) -> None:
    text = json.dumps(BODY)
    assert (await send(client, text.ljust(CLIENT_MAX_SIZE).encode())).status == 201


async def test_length_that_is_announced_is_enough_to_refuse_it(client: Client) -> None:
    head = (
        "POST /things HTTP/1.1\nHost: x\nAuthorization: Bearer member\n"
        "Content-Type: application/json\nContent-Length: 999999999\n\n"
    )
    status, found = await send_raw(client, head)
    assert (status, found["code"]) == ("HTTP/1.1 413 Request Entity Too Large", "payload_too_large")


async def test_packed_body_is_unpacked(client: Client) -> None:
    packed = gzip.compress(json.dumps(BODY).encode())
    assert (await send(client, packed, Content_Encoding="gzip")).status == 201


async def test_body_that_is_not_packed_as_it_says_is_400(client: Client) -> None:
    response = await send(client, b"not gzip", Content_Encoding="gzip")
    found = await problem(response)
    assert (response.status, found["code"]) == (400, "bad_payload")
    assert found["detail"] == "the body is not encoded as its Content-Encoding says"


async def test_long_broken_body_is_refused_at_once_and_without_a_list(client: Client) -> None:
    numbers = "1," * 20_000
    raw = f'{{"name":"one","count":1,"spans":[{numbers}1]}}'.encode()
    found = await problem(await send(client, raw))
    assert broken(found) == [("", "the value does not fit the schema; send less to be told where")]


async def test_list_of_broken_rules_ends_at_a_hundred(client: Client) -> None:
    raw = json.dumps({**BODY, "spans": [1] * 500}).encode()
    found = await problem(await send(client, raw))
    assert len(found["errors"]) == 100
    assert found["errors"][99]["pointer"] == "/spans/99"


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        ("", "the value is shorter than 1 character"),
        ("k" * 256, "the value is longer than 255 characters"),
        ("a b", 'the value does not match "^[!-~]*$"'),
        ("é", 'the value does not match "^[!-~]*$"'),
    ],
)
async def test_idempotency_key_is_held_against_its_schema(
    client: Client, key: str, detail: str
) -> None:
    response = await send(client, json.dumps(BODY).encode(), Idempotency_Key=key)
    assert response.status == 422
    assert broken(await problem(response)) == [("Idempotency-Key", detail)]


async def test_idempotency_key_that_is_no_text_or_comes_twice_is_refused(client: Client) -> None:
    head = (
        "POST /things HTTP/1.1\nHost: x\nAuthorization: Bearer member\n"
        "Content-Type: application/json\nContent-Length: 24\nIdempotency-Key: {}\n\n"
    )
    body = b'{"name":"one","count":1}'
    _, found = await send_raw(client, head.format("\xff"), body)
    assert ("Idempotency-Key", "it is not UTF-8") in broken(found)
    _, found = await send_raw(client, head.format("a\nidempotency-key: b"), body)
    assert broken(found) == [("Idempotency-Key", "it is given more than once")]


async def test_handler_sees_the_idempotency_key(client: Client) -> None:
    raw = json.dumps(BODY).encode()
    assert (await send(client, raw, Idempotency_Key="k" * 255)).status == 201
    assert (await send(client, raw, Idempotency_Key="again")).status == 200


async def test_operation_that_heeds_no_idempotency_key_ignores_it(client: Client) -> None:
    headers = as_role(Role.VIEWER, {"Idempotency-Key": "k" * 999})
    assert (await client.get("/things", headers=headers)).status == 200


async def test_foreign_operation_reads_neither_query_nor_body(client: Client) -> None:
    response = await client.post("/hooks/toy?a=1&a=%FF", data=b"\xff" * 100)
    assert (response.status, await response.text()) == (200, "<ok>100</ok>")
    assert (await client.post("/hooks/toy", data=b"x" * 101)).status == 413


async def test_caller_who_hangs_up_in_the_middle_is_no_failure_of_ours() -> None:
    seen: asyncio.Queue[Exception] = asyncio.Queue()

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            seen.put_nowait(error)
            raise

    app = make_app()
    app.middlewares.append(watch)
    with capture_logs() as logs:
        async with serving(app) as port, asyncio.timeout(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"POST /things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer member\r\n"
                b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            )
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()
            error = await seen.get()
    assert isinstance(error, BadPayload)
    assert str(error) == "the connection ended before the body did"
    assert logs == []


async def test_time_is_given_back_as_it_was_published(client: Client) -> None:
    response = await client.get(f"/things/{THING}", headers=as_role(Role.VIEWER))
    assert (await response.json())["made_at"] == MADE_AT.isoformat().replace("+00:00", "Z")
