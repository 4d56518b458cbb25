"""Who may call an operation, and how its answer is sent."""

import asyncio
import json

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient
from structlog.testing import capture_logs

from clientflow_core.domain.roles import Role
from clientflow_host.middleware.problems import answer_problems
from clientflow_host.openapi import (
    ApiRequest,
    Operation,
    Reply,
    add_operations,
)
from tests.host.openapi.toy import ORGANIZATION, THING, Client, Echo, as_role, authenticate

ORDER = (Role.PUBLIC, Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER)


@pytest.mark.parametrize("role", ORDER)
@pytest.mark.parametrize(
    ("method", "path", "needed", "success"),
    [
        ("GET", "/things", Role.VIEWER, 200),
        ("POST", "/things", Role.MEMBER, 201),
        ("DELETE", f"/things/{THING}", Role.ADMIN, 204),
    ],
)
async def test_role_or_a_higher_one_is_needed(
    client: Client, role: Role, method: str, path: str, needed: Role, success: int
) -> None:
    body = {"name": "one", "count": 1} if method == "POST" else None
    response = await client.request(method, path, json=body, headers=as_role(role))
    if ORDER.index(role) >= ORDER.index(needed):
        assert response.status == success
        return
    assert response.status == 403
    found = await response.json()
    assert found["code"] == "not_allowed"
    assert found["detail"] == f"this needs the role {needed} or a higher one; yours is {role}"


async def test_who_does_not_say_who_they_are_is_401_before_anything_is_read(
    client: Client,
) -> None:
    response = await client.post("/things?nothing=1", data=b"\xff")
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (await response.json())["code"] == "unauthenticated"


async def test_who_may_not_is_403_before_anything_is_read(client: Client) -> None:
    response = await client.post("/things?nothing=1", data=b"\xff", headers=as_role(Role.VIEWER))
    assert response.status == 403


async def test_public_operation_asks_nobody_and_knows_nobody(client: Client) -> None:
    response = await client.get("/whoami", headers=as_role(Role.OWNER))
    assert response.status == 401
    assert "nobody is signed in" in (await response.json())["detail"]


async def test_handler_knows_who_asks(client: Client) -> None:
    response = await client.get(f"/things/{THING}", headers=as_role(Role.ADMIN))
    assert (await response.json())["name"] == "admin"


async def test_answer_is_json_of_all_that_a_type_can_hold(client: Client) -> None:
    response = await client.get(f"/things/{THING}", headers=as_role(Role.VIEWER))
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(await response.read()) == {
        "id": str(THING),
        "name": "viewer",
        "made_at": "2026-03-01T12:30:00Z",
        "color": "red",
        "size": 2,
        "corners": [1, 2],
        "words": ["a", "b"],
    }


async def test_page_holds_things(client: Client) -> None:
    found = await (await client.get("/things", headers=as_role(Role.VIEWER))).json()
    assert found["data"][0]["id"] == str(THING)
    assert (found["object"], found["has_more"], found["url"]) == ("list", False, "/things")


async def test_handler_that_gives_nothing_is_204(client: Client) -> None:
    response = await client.delete(f"/things/{THING}", headers=as_role(Role.OWNER))
    assert (response.status, await response.read()) == (204, b"")


async def test_handler_that_gives_nothing_this_time_is_204(client: Client) -> None:
    response = await client.get(f"/things/{ORGANIZATION}", headers=as_role(Role.OWNER))
    assert (response.status, await response.read()) == (204, b"")


async def test_not_found_is_a_problem(client: Client) -> None:
    url = "/things/0198f0a0-1111-7000-8000-00000000ffff"
    response = await client.get(url, headers=as_role(Role.OWNER))
    assert response.status == 404
    found = await response.json()
    assert found["detail"] == "there is no thing 0198f0a0-1111-7000-8000-00000000ffff"


async def test_head_is_answered_as_get_without_the_body(client: Client) -> None:
    url = f"/things/{THING}"
    get = await client.get(url, headers=as_role(Role.VIEWER))
    head = await client.head(url, headers=as_role(Role.VIEWER))
    assert head.status == 200
    assert await head.read() == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


async def test_aiohttp_response_stays_as_it_is(client: Client) -> None:
    response = await client.get("/stream")
    assert await response.text() == "data: 1\n\n"
    assert response.headers["Content-Type"] == "text/event-stream"


async def test_status_that_is_not_published_is_an_error_of_ours(client: Client) -> None:
    with capture_logs() as logs:
        response = await client.get("/misbehave")
    assert response.status == 500
    assert str(logs[0]["exc_info"]) == "misbehave answers 418, which it does not publish"


async def nothing(request: ApiRequest[None, None, None]) -> Reply[None]:
    """Accept it, and say nothing."""
    return Reply(body=None, headers={"X-Much": "yes"})


async def test_reply_without_a_body_has_the_status_and_headers(
    aiohttp_client: AiohttpClient,
) -> None:
    operation = Operation(
        method="POST", path="/x", role=Role.PUBLIC, handler=nothing, tag="t", status=202
    )
    app = web.Application()
    add_operations(app, [operation], authenticate=authenticate)
    client: Client = await aiohttp_client(app)
    response = await client.post("/x")
    assert (response.status, response.headers["X-Much"]) == (202, "yes")
    assert await response.read() == b""


async def echo(request: ApiRequest[None, None, None]) -> Echo:
    """Echo."""
    return Echo(read="")


def operation(**changes: object) -> Operation:
    values: dict[str, object] = {
        "method": "GET",
        "path": "/a",
        "role": Role.VIEWER,
        "handler": echo,
        "tag": "t",
    }
    return Operation(**{**values, **changes})  # type: ignore[arg-type]  # the test says which


async def linger(request: ApiRequest[None, None, None]) -> Echo:
    """Take far too long."""
    await asyncio.sleep(60)
    return Echo(read="")


async def give_up(request: ApiRequest[None, None, None]) -> Echo:
    """Have given up something else."""
    raise TimeoutError


async def test_what_takes_too_long_is_given_up_and_the_caller_told_to_come_again(
    aiohttp_client: AiohttpClient,
) -> None:
    app = web.Application()
    answer_problems(app)
    quick = {"role": Role.PUBLIC, "deadline_seconds": 0.05}
    operations = [
        operation(handler=linger, **quick),
        operation(handler=give_up, path="/b", role=Role.PUBLIC),
    ]
    add_operations(app, operations, authenticate=authenticate)
    client: Client = await aiohttp_client(app)
    response = await client.get("/a")
    assert (response.status, (await response.json())["code"]) == (503, "took_too_long")
    assert response.headers["Retry-After"] == "1"
    assert (await client.get("/b")).status == 500


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (operation(path="/b"), "echo"),
        (operation(operation_id="other"), "'GET', '/a'"),
    ],
)
def test_two_operations_of_one_name_or_address_are_refused(other: Operation, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        add_operations(web.Application(), [operation(), other], authenticate=authenticate)
